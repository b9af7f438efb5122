"""VGG16 features of images, for distances between sets and for clustering."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from lordbench.evaluation.metric import SetMetric
from lordbench.nn import weights
from lordbench.nn.features import imagenet_normalise, resize, to_rgb, vgg16_features
from lordbench.utils.parallel import full_precision

SMALLEST, LARGEST = 32, 64
"""Images outside these sizes are resized to the nearer one. VGG16 needs 32 px; enlarging images of 32 px to
64 takes four times as long and ranks outputs alike."""
POOLED_LAYER = 29
"""Index into torchvision's `vgg16().features`: the ReLU after conv5_3, the last one."""


class PooledVgg16(nn.Module):
    """VGG16's last activations averaged over the image: 512 values per image.

    Images of 64 px leave 4 x 4 positions to average, those of 32 px 2 x 2.
    Raises MissingWeightsError where the weights are not on this machine.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        network = vgg16_features()[: POOLED_LAYER + 1]
        self.network = network.to(device).to(memory_format=torch.channels_last)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Features of float [0, 1] images, (N, 1 or 3, H, W): float32 (N, 512)."""
        side = min(max(images.shape[-1], SMALLEST), LARGEST)
        inputs = imagenet_normalise(to_rgb(resize(images.float(), side)))
        with full_precision():
            activations: Tensor = self.network(inputs)
        return activations.mean(dim=(2, 3))


class Vgg16Metric(SetMetric):
    """A distance between sets of images on 512 pooled features of VGG16; a subclass adds `distance`.

    Attributes:
        statistics: how the distance is computed, for the policy.
    """

    higher_is_better: ClassVar[bool] = False
    weights: ClassVar[tuple[str, ...]] = ("vgg16",)
    features_of: ClassVar[str] = "vgg16"
    side: ClassVar[int] = LARGEST
    thread_safe: ClassVar[bool] = True
    statistics: ClassVar[str]

    def __init__(self, device: torch.device) -> None:
        self.network = PooledVgg16(device)

    def features(self, images: Tensor) -> Tensor:
        pooled: Tensor = self.network(images)
        return pooled

    def policy(self) -> str:
        return (
            f"VGG16 conv5_3 after ReLU, averaged to 512-d; images above {LARGEST} px reduced to it, "
            f"bilinearly, antialiased; below {SMALLEST} px enlarged to it; "
            f"ImageNet normalisation; weights {weights.checksum('vgg16')}; {self.statistics}"
        )
