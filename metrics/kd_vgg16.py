"""Kernel distance on VGG16 features."""

from typing import ClassVar

from lordbench.evaluation import distances
from lordbench.evaluation.metric import Float64Array
from lordbench.evaluation.vgg16 import Vgg16Metric


class KdVgg16(Vgg16Metric):
    """Unbiased kernel distance on 512 pooled features of VGG16 (Bińkowski et al. 2018); not KID itself.

    Equal distributions give 0 on average whatever the number of images, so it suits small sets better than
    the Fréchet distance; it can be negative.
    """

    title: ClassVar[str] = "KD-VGG16"
    source: ClassVar[str] = "Bińkowski et al. 2018, on VGG16"
    enough: ClassVar[int] = 2
    statistics: ClassVar[str] = "kernel (x'y / 512 + 1)^3, full sets, unbiased"

    def distance(self, fake: Float64Array, real: Float64Array) -> float:
        return distances.kernel(fake, real)
