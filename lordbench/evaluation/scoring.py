"""The metrics of a run, shared by all experiments: values, intervals, reasons for their lack."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Mapping
from functools import partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lordbench.data.images import UInt8Array
from lordbench.evaluation import inference
from lordbench.evaluation.measurement import Measurement, MeasurementKey, Samples
from lordbench.evaluation.metric import Metric, PairMetric, Probe, SetMetric
from lordbench.evaluation.statistics import Groups, mean_interval
from lordbench.utils import seeds
from lordbench.utils.cache import LruCache
from lordbench.utils.errors import UserError
from lordbench.utils.parallel import in_batches, in_threads

M = TypeVar("M", bound=Metric)
KEPT = 16
"""What one seed of a data set leaves for other methods: judges, floors, features of real images."""


class Scoring:
    """Scores images and codes by every metric of its kind.

    A metric whose weights are missing gives measurements without a value and with the reason, and never
    stops the others.

    Args:
        device: where networks run.
        kinds: the metrics to use, by name.

    Attributes:
        recent: what no method changes, for other methods on the same images.
    """

    def __init__(self, device: torch.device, kinds: Mapping[str, type[Metric]]) -> None:
        self.device = device
        self.kinds = kinds
        self.metrics: dict[str, Metric] = {}
        self.reasons: dict[str, str] = {}
        self.recent = LruCache(KEPT)
        for name, kind in kinds.items():
            try:
                self.metrics[name] = kind() if issubclass(kind, Probe) else kind(device)  # type: ignore[call-arg]
            except UserError as error:
                self.reasons[name] = error.message

    def pairs(
        self, fakes: Mapping[MeasurementKey, UInt8Array], real: UInt8Array, groups: Groups, seed: int
    ) -> Iterator[Measurement]:
        """Score outputs of one kind or several against their common targets.

        Args:
            fakes: outputs, each uint8 (N, C, S, S), by which measurement they are.
            real: likewise, the target of each output.
            groups: which samples go together in the interval, int64 (N,).
            seed: of the interval.
        """
        values = self._compare(fakes, real)

        def measure(wanted: tuple[MeasurementKey, tuple[str, PairMetric | None]]) -> Measurement:
            place, (name, metric) = wanted
            if metric is None:
                return self._lacking(place, name, len(real))
            return self.mean(
                place,
                name,
                values[place, name],
                groups,
                seed,
                higher_is_better=metric.higher_is_better,
                unit=metric.unit,
                policy=metric.policy(),
            )

        # Drawing an interval's resamples of many images takes as long as scoring some of them.
        yield from in_threads(measure, itertools.product(fakes, self._of_kind(PairMetric)))  # type: ignore[type-abstract]

    def sets(
        self, place: MeasurementKey, fake: UInt8Array, real: UInt8Array, real_key: Hashable
    ) -> Iterator[Measurement]:
        """Compare a set of outputs with a set of real images, uint8 (N, C, S, S) and (M, C, S, S).

        Features of the real images are kept under `real_key` for the next comparison.
        """
        outputs: dict[str, npt.NDArray[np.float64]] = {}
        for name, metric in self._of_kind(SetMetric):  # type: ignore[type-abstract]
            if metric is None:
                yield self._lacking(place, name, len(fake))
                continue
            network = metric.features_of
            if network not in outputs:
                outputs[network] = self._features(metric, fake)
            key = ("features", place.experiment, network, real_key)
            targets = self.recent.get(key, partial(self._features, metric, real))
            n = min(len(fake), len(real))
            yield Measurement(
                **place._asdict(),
                metric=name,
                value=metric.distance(outputs[network], targets),
                n=n,
                unit=metric.unit,
                higher_is_better=metric.higher_is_better,
                policy=metric.policy(),
                note=f"n < {metric.enough}: compare at equal n only" if n < metric.enough else "",
            )

    def diversity(
        self, place: MeasurementKey, outputs: UInt8Array, groups: Groups, seed: int, name: str = "lpips"
    ) -> Measurement:
        """Mean difference between two outputs of one input.

        Args:
            place: which measurement it is.
            outputs: uint8 (N, M, C, S, S), M of each input.
            groups: which inputs go together in the interval, int64 (N,).
            seed: of the interval.
            name: of the pair metric that tells how different two outputs are.
        """
        metric = self.metrics.get(name)
        if not isinstance(metric, PairMetric):
            return Measurement(
                **place._asdict(),
                metric="diversity",
                value=None,
                n=len(outputs),
                higher_is_better=None,
                note=self.reasons.get(name, f"the metric {name} is not there"),
            )
        # No direction of merit: noise is diverse too.
        return self.mean(
            place,
            "diversity",
            self._differences(metric, outputs),
            groups,
            seed,
            higher_is_better=None,
            unit=metric.unit,
            policy=f"mean {name} over the pairs of {outputs.shape[1]} outputs; {metric.policy()}",
        )

    def probes(self) -> Iterator[tuple[str, Probe]]:
        """The probes that can be had."""
        for name, metric in self._of_kind(Probe):  # type: ignore[type-abstract]
            if metric is not None:
                yield name, metric

    def mean(
        self,
        place: MeasurementKey,
        metric: str,
        values: npt.NDArray[np.floating] | npt.NDArray[np.bool_],
        groups: Groups,
        seed: int,
        *,
        higher_is_better: bool | None,
        unit: str = "",
        policy: str = "",
    ) -> Measurement:
        """Make a measurement of the mean of values (N,), kept with it, and its interval over groups (N,)."""
        generator = seeds.numpy_generator(seed, "interval", *place, metric)
        estimate = mean_interval(np.asarray(values, dtype=np.float64), groups, generator)
        return Measurement(
            **place._asdict(),
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
        for name, found in self.kinds.items():
            if issubclass(found, kind):
                yield name, self.metrics.get(name)  # type: ignore[misc]

    def _lacking(self, place: MeasurementKey, name: str, n: int) -> Measurement:
        return Measurement(
            **place._asdict(),
            metric=name,
            value=None,
            n=n,
            unit=self.kinds[name].unit,
            higher_is_better=self.kinds[name].higher_is_better,
            note=self.reasons[name],
        )

    def _compare(
        self, fakes: Mapping[MeasurementKey, UInt8Array], real: UInt8Array
    ) -> dict[tuple[MeasurementKey, str], npt.NDArray[np.float64]]:
        """Values of each output by each metric that can be had: (N,)."""
        metrics = {name: metric for name, metric in self._of_kind(PairMetric) if metric}  # type: ignore[type-abstract]

        def compare(batch: slice) -> dict[tuple[MeasurementKey, str], Tensor]:
            targets = inference.to_float(real[batch], self.device)
            outputs = {place: inference.to_float(fake[batch], self.device) for place, fake in fakes.items()}
            values: dict[tuple[MeasurementKey, str], Tensor] = {}
            for name, metric in metrics.items():
                against = metric.against(targets)
                values |= {(place, name): against(images).double().cpu() for place, images in outputs.items()}
            return values

        parallel = all(metric.thread_safe for metric in metrics.values())
        parts = in_batches(compare, len(real), real[0, 0].size, self.device, parallel=parallel)
        return {key: torch.cat([part[key] for part in parts]).numpy() for key in parts[0]}

    def _differences(self, metric: PairMetric, outputs: UInt8Array) -> npt.NDArray[np.float64]:
        """Mean difference over the pairs of outputs, uint8 (N, M, C, S, S), of each input: (N,)."""

        def differences(batch: slice) -> Tensor:
            images = [inference.to_float(of_input, self.device) for of_input in outputs[batch].swapaxes(0, 1)]
            values = []
            for i, image in enumerate(images[:-1]):
                against = metric.against(image)
                values += [against(other).double().cpu() for other in images[i + 1 :]]
            return torch.stack(values).mean(dim=0)

        parts = in_batches(
            differences, len(outputs), outputs[0, 0, 0].size, self.device, parallel=metric.thread_safe
        )
        return torch.cat(parts).numpy()

    def _features(self, metric: SetMetric, images: UInt8Array) -> npt.NDArray[np.float64]:
        def features(batch: slice) -> Tensor:
            return metric.features(inference.to_float(images[batch], self.device)).double().cpu()

        pixels = metric.side**2 if metric.side else images[0, 0].size
        return torch.cat(
            in_batches(features, len(images), pixels, self.device, parallel=metric.thread_safe)
        ).numpy()
