"""LPIPS: learned perceptual image patch similarity, on AlexNet."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from lordbench.evaluation import PairMetric
from lordbench.nn import resize, to_rgb, weights
from lordbench.utils.parallel import full_precision

SMALLEST = 64
"""Smaller images are enlarged to this size: at 32 px AlexNet's last three layers have a single position."""


class Lpips(PairMetric):
    """LPIPS v0.1 with AlexNet (Zhang et al. 2018), by the authors' package, with verified weights."""

    higher_is_better: ClassVar[bool] = False
    title: ClassVar[str] = "LPIPS"
    source: ClassVar[str] = "Zhang et al. 2018, package lpips"
    weights: ClassVar[tuple[str, ...]] = ("alexnet",)
    thread_safe: ClassVar[bool] = True

    def __init__(self, device: torch.device) -> None:
        import lpips  # It imports torchvision, which takes as long as torch.

        self.network: Any = _network().to(device).to(memory_format=torch.channels_last)
        self.normalise = lpips.normalize_tensor  # type: ignore[attr-defined]

    def __call__(self, fake: Tensor, real: Tensor) -> Tensor:
        """Compare float [0, 1] images (N, C, H, W), C of 1 or 3: float32 (N,), 0 for equal images."""
        return self.against(real)(fake)

    def against(self, real: Tensor) -> Callable[[Tensor], Tensor]:
        """Run the trunk over `real` once, for several `fake`."""
        targets = self._features(real)

        @torch.no_grad()
        def compare(fake: Tensor) -> Tensor:
            with full_precision():
                layers = zip(self.network.lins, self._features(fake), targets, strict=True)
                distances = [head((x - y) ** 2).mean(dim=(1, 2, 3)) for head, x, y in layers]
            return torch.stack(distances).sum(dim=0)

        return compare

    def policy(self) -> str:
        return (
            f"alex v0.1; range [-1, 1]; grey tiled; images below {SMALLEST} px enlarged to it, bilinearly; "
            f"weights {weights.checksum('alexnet')}"
        )

    @torch.no_grad()
    def _features(self, images: Tensor) -> list[Tensor]:
        """First half of the package's `forward`: five layers, each position's vector of unit length."""
        with full_precision():
            images = images.float()
            if min(images.shape[-2:]) < SMALLEST:
                images = resize(images, SMALLEST)
            # The package expects [-1, 1]: with [0, 1] it runs too, but the values are wrong.
            layers = self.network.net(self.network.scaling_layer(to_rgb(images) * 2 - 1))
            return [self.normalise(layer) for layer in layers]


def _network() -> torch.nn.Module:
    """Return the package's network with its own heads and verified trunk weights, without its download."""
    import lpips

    trunk = weights.load("alexnet")
    heads_file = Path(lpips.__file__).parent / "weights" / "v0.1" / "alex.pth"
    heads = torch.load(heads_file, map_location="cpu", weights_only=True)
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the package calls torchvision the old way
        network: torch.nn.Module = lpips.LPIPS(  # type: ignore[attr-defined]
            net="alex", pretrained=False, pnet_rand=True, verbose=False
        )
    state = network.state_dict()
    for key in state:
        if key.startswith("net."):  # net.slice2.3.weight is torchvision's features.3.weight
            state[key] = trunk[f"features.{key.split('.', 2)[2]}"]
        elif key.startswith("lin"):  # the package registers each head twice, as lin2 and as lins.2
            state[key] = heads[key.replace("lins.", "lin", 1)]
    network.load_state_dict(state, assign=True)
    return network.eval().requires_grad_(False)
