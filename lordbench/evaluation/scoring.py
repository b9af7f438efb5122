"""Scoring of images and codes by the metrics of a run: values, intervals, reasons for missing values."""

import contextlib
import itertools
import math
from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lordbench.data.images import UInt8Array, image_hash
from lordbench.evaluation import inference
from lordbench.evaluation.measurement import Measurement, MeasurementKey, Samples
from lordbench.evaluation.metric import Float64Array, Metric, PairMetric, Probe, SetMetric
from lordbench.evaluation.statistics import Floats, Groups, mean_interval
from lordbench.utils import seeds
from lordbench.utils.cache import LruCache
from lordbench.utils.errors import MissingWeightsError, UserError, described
from lordbench.utils.parallel import in_batches, in_threads

M = TypeVar("M", bound=Metric)
CACHE_SIZE = 32
"""Enough for what one seed of a data set shares between methods: judges, floors, features of real images.
The most, 18, are those of drawings2cars with all weights."""
FEWEST = 2
"""Images without which a set has no distance from another."""
TOO_FEW = f"needs {FEWEST} images of each set"


class Scoring:
    """The metrics of a run.

    A metric whose weights are missing gives measurements without a value, with the reason as their note; the
    other metrics are not affected.

    Attributes:
        cache: results that do not depend on the method, for other methods on the same images.
    """

    def __init__(self, device: torch.device, kinds: Mapping[str, type[Metric]]) -> None:
        self.device, self.kinds = device, kinds
        self.metrics: dict[str, Metric] = {}
        self.reasons: dict[str, str] = {}
        self.cache = LruCache(CACHE_SIZE)
        for name, kind in kinds.items():
            try:
                with named(name):
                    self.metrics[name] = kind() if issubclass(kind, Probe) else kind(device)  # type: ignore[call-arg]
            except MissingWeightsError as error:
                self.reasons[name] = f"{error.message} (`lordbench weights --fetch`)"
            except UserError as error:
                self.reasons[name] = error.message

    def pairs(
        self, fakes: Mapping[MeasurementKey, UInt8Array], real: UInt8Array, groups: Groups, seed: int
    ) -> Iterator[Measurement]:
        """Compare kinds of outputs with their common targets, all uint8 (N, C, S, S), by all pair metrics.

        The interval takes samples of one group as dependent; the seed is that of its resamples.
        """
        values = self._compare(fakes, real)

        def measure(task: tuple[MeasurementKey, tuple[str, PairMetric | None]]) -> Measurement:
            key, (name, metric) = task
            if metric is None:
                return self._missing(key, name, len(real))
            direction, policy = _direction(metric), metric.policy()
            return self.mean(key, name, values[key, name], groups, seed, **direction, policy=policy)

        # Resampling for an interval over many images takes as long as scoring some of them.
        yield from in_threads(measure, itertools.product(fakes, self._of_kind(PairMetric)))  # type: ignore[type-abstract]

    def sets(
        self, fakes: Mapping[MeasurementKey, UInt8Array], real: UInt8Array, real_key: Hashable
    ) -> Iterator[Measurement]:
        """Compare sets of outputs, uint8 (N, C, S, S) each, with M real images, by all set metrics.

        Features of the real images are cached under `real_key`, which must identify them. Equal images, as in
        floors, pass the network once.
        """
        outputs: dict[str, dict[bytes, Float64Array]] = {}
        for name, metric in self._of_kind(SetMetric):  # type: ignore[type-abstract]
            if metric is None:
                yield from (self._missing(key, name, len(fake)) for key, fake in fakes.items())
                continue
            network = metric.features_of
            compute, cache_key = partial(self._features, metric), ("features", network, real_key)
            with named(name):
                known = self.cache.get(cache_key, partial(compute, real, {}))
                if network not in outputs:
                    outputs[network] = compute(np.concatenate(list(fakes.values())), known)
            targets, policy = _rows(known, real), metric.policy()
            for key, fake in fakes.items():
                if min(len(fake), len(real)) < FEWEST:
                    note = f"{TOO_FEW}; there are {len(fake)} and {len(real)}"
                    yield self._missing(key, name, len(fake), note)
                    continue
                with named(name):
                    value = _finite(float(metric.distance(_rows(outputs[network], fake), targets)))
                few = f"from fewer than {metric.enough:,} images: biased; compare only at the same n"
                note = few if min(len(fake), len(real)) < metric.enough else ""
                yield Measurement(
                    **key._asdict(),
                    **_direction(metric),
                    metric=name,
                    value=value,
                    n=len(fake),
                    policy=policy,
                    note=note,
                )

    def diversity(
        self, key: MeasurementKey, outputs: UInt8Array, groups: Groups, seed: int, name: str = "lpips"
    ) -> Measurement:
        """Measure the mean difference, by a pair metric, between two of M outputs for one of N inputs.

        Higher is better, up to that of real images: noise is diverse too. The same metric between an output
        and its true image is an error, which has another name and direction.

        Outputs are uint8 (N, M, C, S, S); groups and seed are as in `pairs`.
        """
        metric, (n, m) = self.metrics.get(name), outputs.shape[:2]
        if not isinstance(metric, PairMetric):
            note = self.reasons.get(name, f"metric {name} is not among those of the run")
            return Measurement(
                **key._asdict(), metric="diversity", value=None, n=n, higher_is_better=True, note=note
            )
        with named(name):
            values, unit = self._differences(metric, outputs), metric.unit
        policy = f"mean {name} over the pairs of {m} outputs; {metric.policy()}"
        return self.mean(
            key, "diversity", values, groups, seed, higher_is_better=True, unit=unit, policy=policy
        )

    def probes(self) -> Iterator[tuple[str, Probe]]:
        """The available probes, by name."""
        for name, metric in self._of_kind(Probe):  # type: ignore[type-abstract]
            if metric is not None:
                yield name, metric

    def mean(
        self,
        key: MeasurementKey,
        metric: str,
        values: Floats | npt.NDArray[np.bool_],
        groups: Groups,
        seed: int,
        *,
        higher_is_better: bool | None,
        unit: str = "",
        policy: str = "",
    ) -> Measurement:
        """Make a measurement of the mean of values, or the share of right answers, (N,), and its interval."""
        generator = seeds.numpy_generator(seed, "interval", *key, metric)
        estimate = mean_interval(values, groups, generator)
        return Measurement(
            **key._asdict(),
            metric=metric,
            value=estimate.value,
            ci_low=estimate.low,
            ci_high=estimate.high,
            n=estimate.n,
            unit=unit,
            higher_is_better=higher_is_better,
            policy=policy,
        ).of_samples(Samples.of(values, groups))

    def _of_kind(self, kind: type[M]) -> Iterator[tuple[str, M | None]]:
        for name, class_ in self.kinds.items():
            if issubclass(class_, kind):
                yield name, self.metrics.get(name)  # type: ignore[misc]

    def _missing(self, key: MeasurementKey, name: str, n: int, note: str = "") -> Measurement:
        """A measurement without a value; without a note, of a metric that could not be built."""
        direction, note = _direction(self.kinds[name]), note or self.reasons[name]
        return Measurement(**key._asdict(), **direction, metric=name, value=None, n=n, note=note)

    def _compare(
        self, fakes: Mapping[MeasurementKey, UInt8Array], real: UInt8Array
    ) -> dict[tuple[MeasurementKey, str], Float64Array]:
        """Values of each kind of outputs by each available pair metric: (N,)."""
        metrics = {name: metric for name, metric in self._of_kind(PairMetric) if metric}  # type: ignore[type-abstract]

        def compare(batch: slice) -> dict[tuple[MeasurementKey, str], Tensor]:
            targets = inference.to_float(real[batch], self.device)
            outputs = {key: inference.to_float(fake[batch], self.device) for key, fake in fakes.items()}
            values: dict[tuple[MeasurementKey, str], Tensor] = {}
            for name, metric in metrics.items():
                with named(name):
                    against = metric.against(targets)
                    for key, images in outputs.items():
                        values[key, name] = _one_each(against(images), len(images))
            return values

        thread_safe = all(metric.thread_safe for metric in metrics.values())
        parts = in_batches(compare, len(real), real[0, 0].size, self.device, parallel=thread_safe)
        return {key: torch.cat([part[key] for part in parts]).numpy() for key in parts[0]}

    def _differences(self, metric: PairMetric, outputs: UInt8Array) -> Float64Array:
        """Mean difference over the pairs of outputs, uint8 (N, M, C, S, S), for each input: (N,)."""

        def differences(batch: slice) -> Tensor:
            images = [inference.to_float(of_input, self.device) for of_input in outputs[batch].swapaxes(0, 1)]
            values = []
            for i, image in enumerate(images[:-1]):
                against = metric.against(image)
                values += [against(other).double().cpu() for other in images[i + 1 :]]
            return torch.stack(values).mean(dim=0)

        return self._concatenated(differences, len(outputs), outputs[0, 0, 0].size, metric)

    def _features(
        self, metric: SetMetric, images: UInt8Array, known: Mapping[bytes, Float64Array]
    ) -> dict[bytes, Float64Array]:
        """Features, (D,), of images, uint8 (N, C, S, S), by their hash; those `known` are reused."""
        features = dict(known)
        new = {
            key: image for key, image in zip(map(image_hash, images), images, strict=True) if key not in known
        }
        if new:
            distinct = np.stack(list(new.values()))

            def compute(batch: slice) -> Tensor:
                return metric.features(inference.to_float(distinct[batch], self.device)).double().cpu()

            pixels = metric.side**2 or images[0, 0].size
            rows = self._concatenated(compute, len(distinct), pixels, metric)
            features |= zip(new, rows, strict=True)
        return features

    def _concatenated(
        self, compute: Callable[[slice], Tensor], n: int, pixels: int, metric: Metric
    ) -> Float64Array:
        parts = in_batches(compute, n, pixels, self.device, parallel=metric.thread_safe)
        return torch.cat(parts).numpy()


class MetricError(RuntimeError):
    """A metric fails, or gives something else than its contract says; names it."""


@contextlib.contextmanager
def named(metric: str) -> Iterator[None]:
    """Name a metric in its errors; messages for the user stay as they are."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise MetricError(f"metric {metric}: {described(error)}") from error


def _one_each(values: Tensor, n: int) -> Tensor:
    """The values of n pairs as float64 on the CPU; ValueError if they are not finite or not (n,)."""
    if values.shape != (n,):
        raise ValueError(f"gives {tuple(values.shape)} for {n} pairs; ({n},) is needed")
    if not bool(values.isfinite().all()):
        raise ValueError("gives NaN or infinite values")
    return values.double().cpu()


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("gives NaN or infinite values")
    return value


def _direction(metric: Metric | type[Metric]) -> dict[str, Any]:
    return {"unit": metric.unit, "higher_is_better": metric.higher_is_better}


def _rows(features: Mapping[bytes, Float64Array], images: UInt8Array) -> Float64Array:
    """The features, (N, D), of images."""
    return np.stack([features[key] for key in map(image_hash, images)])
