"""Fréchet distance on VGG16 features."""

from typing import ClassVar

from lordbench.evaluation import distances
from lordbench.evaluation.metric import Float64Array
from lordbench.evaluation.vgg16 import Vgg16Metric


class FdVgg16(Vgg16Metric):
    """Fréchet distance (Heusel et al. 2017, eq. 6) on 512 pooled features of VGG16; not FID itself.

    With fewer than 512 images the covariances are singular, and below 2,048 the value is flagged.
    """

    title: ClassVar[str] = "FD-VGG16"
    source: ClassVar[str] = "Heusel et al. 2017, on VGG16"
    statistics: ClassVar[str] = "float64 statistics"

    def distance(self, fake: Float64Array, real: Float64Array) -> float:
        return distances.frechet(fake, real)
