"""The contracts of metrics and experiments, and what experiments measure with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lordbench.utils.lazy import lazy_names

if TYPE_CHECKING:
    from lordbench.evaluation.experiment import Experiment, Trained
    from lordbench.evaluation.headlines import Headline, Headlines
    from lordbench.evaluation.measurement import CodeKind, Measurement, MeasurementKey, Samples
    from lordbench.evaluation.metric import Metric, PairMetric, Prediction, Probe, SetMetric
    from lordbench.evaluation.scoring import Scoring
    from lordbench.evaluation.sizes import EvaluationConfig
else:
    __getattr__, __dir__ = lazy_names(
        __name__, "measurement", "headlines", "sizes", "metric", "scoring", "experiment"
    )

__all__ = [
    "CodeKind",
    "EvaluationConfig",
    "Experiment",
    "Headline",
    "Headlines",
    "Measurement",
    "MeasurementKey",
    "Metric",
    "PairMetric",
    "Prediction",
    "Probe",
    "Samples",
    "Scoring",
    "SetMetric",
    "Trained",
]
