"""Scales on which the values of a metric are compared over seeds: there, errors are alike at all levels."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


class Scale(NamedTuple):
    """A monotone function of values, and its inverse."""

    forward: Callable[[Any], Any]
    back: Callable[[Any], Any]


PLAIN = Scale(np.asarray, np.asarray)
LOGARITHM = Scale(np.log, np.exp)
"""Of distances, whose errors grow with them."""
ONE_MINUS = Scale(lambda values: -np.log(1 - values), lambda values: 1 - np.exp(-values))
"""Of similarities of at most 1: the logarithm of what is missing."""
ARCSINE = Scale(
    lambda values: np.arcsin(np.sqrt(values)), lambda angles: np.sin(np.clip(angles, 0, np.pi / 2)) ** 2
)
"""Of shares: the variance of their arcsine root does not depend on the share."""
SCALES = {
    "lpips": LOGARITHM,
    "l1": LOGARITHM,
    "fid": LOGARITHM,
    "fd_vgg16": LOGARITHM,
    "ssim": ONE_MINUS,
    "agreement": ARCSINE,
    "accuracy": ARCSINE,
    "found": ARCSINE,
    "error": LOGARITHM,
    "distance": LOGARITHM,
    "top1": ARCSINE,
    "precision": ARCSINE,
}
"""By the metric, or by the end of its name behind `_` or `.`. All others may be negative, or are unknown."""


def scale_of(metric: str, values: npt.ArrayLike) -> Scale:
    """The scale of a metric; the plain one if it is not defined for all of the values."""
    scale = SCALES.get(metric) or SCALES.get(metric.replace(".", "_").rpartition("_")[2], PLAIN)
    return scale if is_defined(scale, values) else PLAIN


def is_defined(scale: Scale, values: npt.ArrayLike) -> bool:
    """Whether a scale is defined for all values: a distance of 0, as the oracle's, has no logarithm."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return bool(np.isfinite(scale.forward(np.asarray(values, dtype=np.float64))).all())
