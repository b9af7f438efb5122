"""The checks of a metric: of pairs, of sets, or a probe."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lordbench.checks.check import Check, SkippedCheck, require, require_text
from lordbench.checks.trial import halves
from lordbench.evaluation import inference
from lordbench.evaluation.metric import Metric, PairMetric, Probe, SetMetric
from lordbench.utils import seeds

T = TypeVar("T")
CPU = torch.device("cpu")
SIZE = 32
CLOSE = 1e-4


def images(channels: int) -> tuple[Tensor, Tensor, Tensor]:
    """Images, the same a little worse and much worse: float32 [0, 1], (12, channels, 32, 32) each."""
    real = inference.to_float(halves(SIZE, channels).images[::8], CPU)
    noise = torch.rand(real.shape, generator=torch.Generator().manual_seed(0))
    return real, torch.lerp(real, noise, 0.05), torch.lerp(real, noise, 0.5)


def declares(kind: type[Metric]) -> str:
    """It says where it comes from and which way is better, and needs no weights that nobody has."""
    require_text(kind, "source")
    better = getattr(kind, "higher_is_better", None)
    require(
        isinstance(better, bool), f"{kind.__name__}.higher_is_better is {better!r}; True or False is needed"
    )
    policy = _made(kind).policy()
    require(isinstance(policy, str) and bool(policy), "policy() says nothing", "Say how the value is made.")
    return policy


def pair_values(kind: type[Metric]) -> str:
    """One finite value a pair, grey and colour, for one pair and for a batch."""
    metric = _pair(kind)
    for channels in (3, 1):
        real, near, _ = images(channels)
        for n in (len(real), 1):
            found = metric(near[:n], real[:n])
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            require(shape == (n,), f"{channels} channel(s): gives {shape} for {n} pairs; ({n},) is needed")
            require(bool(torch.isfinite(found).all()), f"{channels} channel(s): gives NaN or infinite values")
    return "one value a pair"


def pair_direction(kind: type[Metric]) -> str:
    """The nearer an image is to its target, the better the value, in the direction that it declares."""
    metric = _pair(kind)
    real, near, far = images(3)
    values = [float(metric(fake, real).double().mean()) for fake in (near, far)]
    better = values[0] > values[1] if metric.higher_is_better else values[0] < values[1]
    require(
        better,
        f"a little noise has {values[0]:.4g} and much noise {values[1]:.4g}, but higher_is_better is "
        f"{metric.higher_is_better}",
    )
    return f"a little noise {values[0]:.4g}, much noise {values[1]:.4g}"


def pair_alone(kind: type[Metric]) -> str:
    """A pair's value depends on the pair alone: it is the same again, in another batch, and by `against`."""
    metric = _pair(kind)
    real, near, _ = images(3)
    batch = metric(near, real)
    others = {
        "one by one": torch.cat([metric(near[i : i + 1], real[i : i + 1]) for i in range(len(real))]),
        "asked again": metric(near, real),
        "by `against`": metric.against(real)(near),
    }
    for how, values in others.items():
        require(
            torch.allclose(values, batch, rtol=CLOSE, atol=CLOSE), f"{how}, values differ from the batch's"
        )
    return "the same one by one, again, and by `against`"


def pair_threads(kind: type[Metric]) -> str:
    """Where it says that it is `thread_safe`, several threads at once get what one gets."""
    metric = _pair(kind)
    real, near, far = images(3)
    return _threads_agree(kind, lambda fake: metric(fake, real).numpy(), (near, far))


def set_features(kind: type[Metric]) -> str:
    """Finite features, (N, D), of grey and colour images."""
    metric = _set(kind)
    for channels in (3, 1):
        real, _, _ = images(channels)
        found = metric.features(real)
        require(found.ndim == 2 and len(found) == len(real), f"features are {tuple(found.shape)}, not (N, D)")
        require(bool(torch.isfinite(found).all()), "features hold NaN or infinite values")
    return f"{found.shape[1]} features an image"


def set_direction(kind: type[Metric]) -> str:
    """A set is better than a worse one, in the direction that it declares."""
    metric = _set(kind)
    real, near, far = (metric.features(part).double().numpy() for part in images(3))
    values = [metric.distance(fake, real) for fake in (near, far)]
    better = values[0] > values[1] if metric.higher_is_better else values[0] < values[1]
    require(better, f"a little noise has {values[0]:.4g}, much noise {values[1]:.4g}: the wrong way round")
    return f"a little noise {values[0]:.4g}, much noise {values[1]:.4g}"


def probe_reads(kind: type[Metric]) -> str:
    """It reads a label off codes that tell it, the same under the same seed."""
    assert issubclass(kind, Probe)
    probe, (codes, labels) = kind(), _telling_codes()
    found = [probe.predict(codes[:80], labels[:80], codes[80:], seed=0) for _ in range(2)]
    require(found[0].shape == (40,), f"predict gives {found[0].shape} for 40 codes; (40,) is needed")
    require(np.array_equal(found[0], found[1]), "under the same seed it predicts differently the second time")
    accuracy = float((found[0] == labels[80:]).mean())
    require(accuracy > 0.9, f"labels that the codes tell plainly are read with an accuracy of {accuracy:.2f}")
    return f"accuracy {accuracy:.2f} on codes that tell the label"


def probe_threads(kind: type[Metric]) -> str:
    """Where it says that it is `thread_safe`, several threads at once read what one reads."""
    assert issubclass(kind, Probe)
    probe, (codes, labels) = kind(), _telling_codes()
    known = (30, 80)
    return _threads_agree(kind, lambda n: probe.predict(codes[:n], labels[:n], codes[80:], seed=0), known)


METRIC_CHECKS: dict[type[ABC], tuple[Check[type[Metric]], ...]] = {
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
        Check("reads", probe_reads),
        Check("threads", probe_threads, needs=("reads",)),
    ),
}
"""By the contract that the metric fulfils, in the order in which they are made."""


def checks_of(kind: type[Metric]) -> tuple[Check[type[Metric]], ...]:
    """The checks of a metric."""
    return next(checks for contract, checks in METRIC_CHECKS.items() if issubclass(kind, contract))


def _telling_codes() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Codes that tell their label, (120, 4), and the labels, (120,)."""
    labels = np.tile(np.arange(4), 30)
    noise = seeds.numpy_generator(0, "codes").standard_normal((120, 4))
    return (np.eye(4)[labels] + 0.1 * noise).astype(np.float32), labels


def _threads_agree(
    kind: type[Metric], compute: Callable[[T], npt.NDArray[np.generic]], inputs: Sequence[T]
) -> str:
    if not kind.thread_safe:
        raise SkippedCheck("it does not say that it is thread_safe; then it is called by one thread")
    wanted = [compute(one) for one in inputs]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            found = pool.map(compute, inputs)
            require(all(map(np.array_equal, found, wanted)), "four threads at once get other values than one")
    return "four threads agree"


def _made(kind: type[Metric]) -> Metric:
    return kind() if issubclass(kind, Probe) else kind(CPU)  # type: ignore[call-arg]


def _pair(kind: type[Metric]) -> PairMetric:
    metric = _made(kind)
    assert isinstance(metric, PairMetric)
    return metric


def _set(kind: type[Metric]) -> SetMetric:
    metric = _made(kind)
    assert isinstance(metric, SetMetric)
    return metric
