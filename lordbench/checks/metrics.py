"""The checks of a pair metric, a set metric, or a probe."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lordbench.checks.check import Check, SkippedCheck, require, require_text
from lordbench.checks.trial import CPU, halves
from lordbench.evaluation import Metric, PairMetric, Probe, SetMetric, inference
from lordbench.utils import seeds

T = TypeVar("T")
SIZE = 32
CLOSE = 1e-4


def images(channels: int) -> tuple[Tensor, Tensor, Tensor]:
    """Images, and the same with a little and with much noise: float32 [0, 1], (12, channels, 32, 32) each."""
    real = inference.to_float(halves(SIZE, channels).images[::8], CPU)
    noise = torch.rand(real.shape, generator=torch.Generator().manual_seed(0))
    return real, torch.lerp(real, noise, 0.05), torch.lerp(real, noise, 0.5)


def declares(kind: type[Any]) -> str:
    """It has a source, a direction, a policy, its weights, and if it compares sets a name of its features."""
    require_text(kind, "source")
    if issubclass(kind, SetMetric):
        require_text(kind, "features_of")
    better = getattr(kind, "higher_is_better", None)
    wrong = f"{kind.__name__}.higher_is_better is {better!r}; True or False is needed"
    require(isinstance(better, bool), wrong)
    policy = (kind() if issubclass(kind, Probe) else kind(CPU)).policy()
    require(isinstance(policy, str) and bool(policy), "policy() is empty", "Say how the value is computed.")
    return policy


def pair_values(kind: type[PairMetric]) -> str:
    """It returns one finite value per pair, grey and colour, for one pair and for a batch."""
    metric = kind(CPU)
    for channels in (3, 1):
        real, near, _ = images(channels)
        for n in (len(real), 1):
            values = metric(near[:n], real[:n])
            shape = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
            require(shape == (n,), f"{channels} channel(s): gives {shape} for {n} pairs; ({n},) is needed")
            finite = bool(torch.isfinite(values).all())
            require(finite, f"{channels} channel(s): gives NaN or infinite values")
    return "one value per pair"


def pair_direction(kind: type[PairMetric]) -> str:
    """An image closer to its target has a better value, in the declared direction."""
    metric = kind(CPU)
    real, near, far = images(3)
    return _direction(metric, *(float(metric(fake, real).double().mean()) for fake in (near, far)))


def pair_alone(kind: type[PairMetric]) -> str:
    """The value of a pair depends on the pair alone: not on its batch, nor on `against`."""
    metric = kind(CPU)
    real, near, _ = images(3)
    batch = metric(near, real)
    values = {
        "one by one": torch.cat([metric(near[i : i + 1], real[i : i + 1]) for i in range(len(real))]),
        "repeated": metric(near, real),
        "by `against`": metric.against(real)(near),
    }
    for how, value in values.items():
        same = torch.allclose(value, batch, rtol=CLOSE, atol=CLOSE)
        require(same, f"{how}, values differ from the batch's")
    return "the same one by one, repeated, and by `against`"


def pair_threads(kind: type[PairMetric]) -> str:
    """If it is `thread_safe`, several threads at once get the same values as one."""
    metric = kind(CPU)
    real, near, far = images(3)
    return _threads_agree(kind, lambda fake: metric(fake, real).numpy(), (near, far))


def set_features(kind: type[SetMetric]) -> str:
    """It returns finite features, (N, D), of grey and colour images."""
    metric = kind(CPU)
    for channels in (3, 1):
        real, _, _ = images(channels)
        features = metric.features(real)
        one_each = features.ndim == 2 and len(features) == len(real)
        require(one_each, f"features are {tuple(features.shape)}, not (N, D)")
        require(bool(torch.isfinite(features).all()), "features hold NaN or infinite values")
    return f"{features.shape[1]} features per image"


def set_direction(kind: type[SetMetric]) -> str:
    """A set with less noise has a better value, in the declared direction."""
    metric = kind(CPU)
    real, near, far = (metric.features(part).double().numpy() for part in images(3))
    return _direction(metric, *(metric.distance(fake, real) for fake in (near, far)))


def _direction(metric: PairMetric | SetMetric, near: float, far: float) -> str:
    """Require the value of a little noise to be better than that of much noise."""
    better = near > far if metric.higher_is_better else near < far
    found = f"a little noise {near:.4g}, much noise {far:.4g}"
    require(better, f"{found}, but higher_is_better is {metric.higher_is_better}")
    return found


def probe_predicts(kind: type[Probe]) -> str:
    """It predicts a label from codes that determine it, equally for equal seeds."""
    probe, (codes, labels) = kind(), _labelled_codes()
    first, second = (probe.predict(codes[:80], labels[:80], codes[80:], seed=0) for _ in range(2))
    require(first.shape == (40,), f"predict gives {first.shape} for 40 codes; (40,) is needed")
    require(np.array_equal(first, second), "with the same seed, it predicts differently the second time")
    accuracy = float((first == labels[80:]).mean())
    require(accuracy > 0.9, f"an accuracy of {accuracy:.2f} on codes that determine the label")
    return f"accuracy {accuracy:.2f} on codes that determine the label"


def probe_threads(kind: type[Probe]) -> str:
    """If it is `thread_safe`, several threads at once predict the same as one."""
    probe, (codes, labels) = kind(), _labelled_codes()
    counts = (30, 80)
    return _threads_agree(kind, lambda n: probe.predict(codes[:n], labels[:n], codes[80:], seed=0), counts)


METRIC_CHECKS: dict[type[Any], tuple[Check[Any], ...]] = {
    PairMetric: (
        Check("describes itself", declares),
        Check("values", pair_values),
        Check("direction", pair_direction, needs=("describes itself", "values")),
        Check("alone or in a batch", pair_alone, needs=("values",)),
        Check("threads", pair_threads, needs=("values",)),
    ),
    SetMetric: (
        Check("describes itself", declares),
        Check("features", set_features),
        Check("direction", set_direction, needs=("describes itself", "features")),
    ),
    Probe: (
        Check("describes itself", declares),
        Check("predicts", probe_predicts),
        Check("threads", probe_threads, needs=("predicts",)),
    ),
}
"""By the contract of the metric, in order."""


def checks_of(kind: type[Metric]) -> tuple[Check[Any], ...]:
    """The checks of a metric."""
    return next(checks for contract, checks in METRIC_CHECKS.items() if issubclass(kind, contract))


def _labelled_codes() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Codes that determine their label, (120, 4), and the labels, (120,)."""
    labels = np.tile(np.arange(4), 30)
    noise = seeds.numpy_generator(0, "codes").standard_normal((120, 4))
    return (np.eye(4)[labels] + 0.1 * noise).astype(np.float32), labels


def _threads_agree(
    kind: type[PairMetric | Probe], compute: Callable[[T], npt.NDArray[np.generic]], inputs: Sequence[T]
) -> str:
    if not kind.thread_safe:
        raise SkippedCheck("it is not declared thread_safe, so one thread calls it")
    expected = [compute(value) for value in inputs]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            equal = all(map(np.array_equal, pool.map(compute, inputs), expected))
            require(equal, "four threads at once get other values than one")
    return "four threads agree"
