"""Structural similarity."""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from lordbench.evaluation import PairMetric
from lordbench.utils.errors import UserError

WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2


class Ssim(PairMetric):
    """Structural similarity, the mean over positions and channels (Wang et al. 2004, eq. 13).

    Local means, variances and covariance are weighted by a Gaussian window of 11 x 11 pixels and deviation
    1.5, only where the window lies inside the image. Equal to scikit-image's
    `structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1)`.
    """

    higher_is_better: ClassVar[bool] = True
    title: ClassVar[str] = "SSIM"
    source: ClassVar[str] = "Wang et al. 2004"
    thread_safe: ClassVar[bool] = True
    min_image_size: ClassVar[int] = WINDOW

    def __init__(self, device: torch.device) -> None:
        offsets = torch.arange(WINDOW, dtype=torch.float64, device=device) - WINDOW // 2
        window = torch.exp(-(offsets**2) / (2 * SIGMA**2))
        self.window = window / window.sum()

    def __call__(self, fake: Tensor, real: Tensor) -> Tensor:
        """Compare float [0, 1] images (N, C, H, W): float64 (N,), at most 1; UserError below 11 pixels."""
        return self.against(real)(fake)

    @torch.no_grad()
    def against(self, real: Tensor) -> Callable[[Tensor], Tensor]:
        """Compute the local means and variances of `real` once, for several `fake`."""
        if min(real.shape[-2:]) < WINDOW:
            raise UserError(f"SSIM needs images of {WINDOW} px or more, not {tuple(real.shape[-2:])}")
        y = real.double()  # the variance is a difference of two close numbers
        mean_y, variance_y = self._moments(y)

        @torch.no_grad()
        def compare(fake: Tensor) -> Tensor:
            x = fake.double()
            mean_x, variance_x = self._moments(x)
            covariance = self._smooth(x * y) - mean_x * mean_y
            luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
            structure = (2 * covariance + C2) / (variance_x + variance_y + C2)
            return (luminance * structure).mean(dim=(1, 2, 3))

        return compare

    def policy(self) -> str:
        return f"range [0, 1]; Gaussian window {WINDOW}, sigma {SIGMA}; no padding; mean over channels"

    def _moments(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean = self._smooth(images)
        return mean, self._smooth(images * images) - mean**2

    def _smooth(self, images: Tensor) -> Tensor:
        """Weighted means under the window: (N, C, H - 10, W - 10)."""
        # Products with band matrices: CPUs multiply float64 matrices far faster than they convolve.
        return self._band(images.shape[-2]) @ images @ self._band(images.shape[-1]).T

    def _band(self, size: int) -> Tensor:
        positions = size - WINDOW + 1
        return torch.stack([F.pad(self.window, (i, positions - 1 - i)) for i in range(positions)])
