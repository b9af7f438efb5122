"""FID: Fréchet Inception distance."""

from typing import ClassVar
from unittest import mock

import torch
from torch import Tensor

from lordbench.evaluation import SetMetric, distances
from lordbench.evaluation.metric import Float64Array
from lordbench.nn import to_rgb, weights
from lordbench.utils import seeds
from lordbench.utils.parallel import full_precision


class Fid(SetMetric):
    """Fréchet distance of the 2048 pooled features of Inception-v3 (Heusel et al. 2017, eq. 6).

    The network, its weights and its resizing are pytorch-fid's. The value depends on the number of images;
    below 2,048 the covariances are singular, and the value is flagged.
    """

    higher_is_better: ClassVar[bool] = False
    title: ClassVar[str] = "FID"
    source: ClassVar[str] = "Heusel et al. 2017, package pytorch-fid"
    weights: ClassVar[tuple[str, ...]] = ("inception",)
    features_of: ClassVar[str] = "inception"
    side: ClassVar[int] = 299
    thread_safe: ClassVar[bool] = True

    def __init__(self, device: torch.device) -> None:
        self.network = network(weights.load("inception")).to(device).to(memory_format=torch.channels_last)

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """Features of float [0, 1] images (N, 1 or 3, H, W): float32 (N, 2048)."""
        with full_precision():
            (pooled,) = self.network(to_rgb(images.float()))
        return pooled.flatten(1)  # type: ignore[no-any-return]

    def distance(self, fake: Float64Array, real: Float64Array) -> float:
        return distances.frechet(fake, real)

    def policy(self) -> str:
        return (
            "pytorch-fid Inception-v3 of 2015-12-05, 2048-d; bilinear to 299 px, not antialiased; "
            f"range [-1, 1]; float64 statistics; weights {weights.checksum('inception')}"
        )


def network(state: dict[str, Tensor]) -> torch.nn.Module:
    """Return pytorch-fid's Inception-v3 on the CPU, in evaluation mode, with the published weights."""
    from pytorch_fid import inception  # It imports torchvision, which takes as long as torch.

    # The package always downloads the weights itself, and draws from the global generator before that.
    download = mock.patch.object(inception, "load_state_dict_from_url", return_value=state)
    with download, seeds.initialising(0, "fid"):
        built: torch.nn.Module = inception.InceptionV3()
    return built.eval()
