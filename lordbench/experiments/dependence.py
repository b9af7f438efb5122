"""Dependence: how much class codes and content codes have to do with each other, without a probe."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from lordbench.data import ImageSet
from lordbench.evaluation import CodeKind, Experiment, Measurement, MeasurementKey, Trained
from lordbench.evaluation.headlines import BY_CODE, Headline, Headlines
from lordbench.evaluation.metric import Float64Array
from lordbench.nn.dependence import centred_distances, correlation
from lordbench.training import Codes
from lordbench.utils import seeds
from lordbench.utils.parallel import one_thread

NAME, METRIC = "dependence", "distance_correlation"
CODES, PERMUTED = "class and content codes", "class and content codes, permuted"
MOST = 1000
"""Most images whose codes are compared: cost and memory grow with the square."""
PERMUTATIONS = 200
POLICY = "squared, bias-corrected distance correlation of class and content codes (Székely & Rizzo 2013)"


class Dependence(Experiment):
    """Distance correlation between the two codes of an image: 0 if and only if they are independent.

    The bias-corrected estimate of its square is about 0 for independent codes, also below it. The floor
    (`permuted`) is the same with the content codes of other images; its interval holds 95 % of
    permutations. It reads no label, so codes that both hold what classes and contents have in common, such
    as a pose that only one class takes, depend on each other as well.
    """

    summary: ClassVar[str] = "distance correlation between class and content codes; permuted codes as a floor"
    headlines: ClassVar[Headlines] = {
        BY_CODE: (
            Headline("dependence", "encoded", CODES, METRIC),
            Headline("dependence floor", "encoded", PERMUTED, METRIC),
        )
    }

    def run(self, trained: Trained) -> list[Measurement]:
        """Compare encoded codes of held-out images, and learned codes of training images."""
        rows = list(_measured(trained, "encoded", trained.split.test, trained.test_codes))
        if trained.learned_codes is not None:
            rows += _measured(trained, "learned", trained.split.train, trained.learned_codes)
        return rows


def contributions(a: Tensor, b: Tensor) -> Float64Array:
    """Return a value for each image, (N,), with the correlation as their mean.

    The correlation is a mean over pairs of images, so one image moves it by twice the deviation of the mean
    over its own pairs (Hoeffding 1948). Resampling these values gives an interval of first order, with the
    scale of the correlation treated as exact.
    """
    value = float(correlation(a, b))
    if value == 0:
        return np.zeros(len(a))
    rows = (a * b).sum(dim=1) / (a.square().sum() * b.square().sum()).sqrt() * len(a)
    result: Float64Array = (2 * rows - value).cpu().numpy()
    return result


def _measured(trained: Trained, kind: CodeKind, images: ImageSet, codes: Codes) -> Iterator[Measurement]:
    order = seeds.numpy_generator(trained.seed, NAME, "images", kind).permutation(len(codes))
    chosen = np.sort(order[:MOST])
    if len(chosen) < 4:
        return
    both = codes.select(chosen)
    with one_thread():
        a, b = (centred_distances(code.double()) for code in (both.class_code, both.content_code))
        values = contributions(a, b)
        generator = seeds.numpy_generator(trained.seed, NAME, "permutations", kind)
        permuted = [_permuted(a, b, generator) for _ in range(PERMUTATIONS)]
    key = MeasurementKey(NAME, CODES, kind)
    yield trained.scoring.mean(
        key, METRIC, values, images.groups(chosen), trained.seed, higher_is_better=False, policy=POLICY
    )
    low, high = np.quantile(permuted, [0.025, 0.975])
    yield Measurement(
        **key._replace(subject=PERMUTED)._asdict(),
        metric=METRIC,
        value=float(np.mean(permuted)),
        ci_low=float(low),
        ci_high=float(high),
        n=len(chosen),
        higher_is_better=None,
        policy=f"{PERMUTATIONS} permutations of the images' content codes; interval: 95 % of them",
    )


def _permuted(a: Tensor, b: Tensor, generator: np.random.Generator) -> float:
    order = torch.from_numpy(generator.permutation(len(b))).to(b.device)
    return float(correlation(a, b[order][:, order]))
