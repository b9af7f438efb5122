"""LORD's perceptual loss: pixel L1 and L1 between VGG16 features."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from lordbench.nn.features import imagenet_normalise, to_rgb, vgg16_activations, vgg16_features

LAYERS = (2, 7, 12, 21, 30)
"""Indices into torchvision's `vgg16().features`: conv1_2, conv2_2, conv3_2, conv4_3 and the last pooling;
of a convolution its output after the ReLU counts."""


class PerceptualLoss(nn.Module):
    """Pixel L1 plus the sum over layers of the L1 between VGG16 activations (Gabbay & Hoshen 2020, eq. 2).

    Layers and weighting are those of the authors' PyTorch release. Two things are our decision: images are
    normalised as VGG16 was trained, and grey images are tiled to three channels. The network is frozen,
    and the target's activations are computed without gradients.

    Raises:
        MissingWeightsError: VGG16's weights are not on this machine.
    """

    def __init__(self) -> None:
        super().__init__()
        self.network = vgg16_features().to(memory_format=torch.channels_last)
        self._rounded: dict[torch.dtype, nn.Sequential] = {}

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Loss between float [0, 1] images, (N, C, S, S): scalar."""
        loss = (output - target).abs().mean()
        for fake, real in zip(self._activations(output), self._activations(target), strict=True):
            # Summed in float32, without a float32 copy of the maps.
            gap = torch.linalg.vector_norm(fake - real.detach(), 1, dtype=torch.float32)
            loss = loss + gap / fake.numel()
        return loss

    def _activations(self, images: Tensor) -> list[Tensor]:
        device = images.device.type
        network = self.network
        if torch.is_autocast_enabled(device):
            # Autocast would round the frozen weights anew in every pass.
            dtype = torch.get_autocast_dtype(device)
            if dtype not in self._rounded:
                self._rounded[dtype] = copy.deepcopy(self.network).to(dtype)
            network = self._rounded[dtype]
        return vgg16_activations(network, imagenet_normalise(to_rgb(images)), LAYERS)
