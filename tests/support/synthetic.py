"""Result rows of cells that were never run."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lordbench.evaluation.measurement import Measurement
from lordbench.results.differences import Differences
from lordbench.results.loading import SampleFiles
from lordbench.results.names import LINE
from lordbench.results.rows import Provenance, frame


def measured(value: float | None = 0.1, reach: float | None = 0.01, **other: Any) -> Measurement:
    """LPIPS of transfers, with an interval of `value` ± `reach`, unless said otherwise."""
    bounded = value is not None and reach is not None
    given = {
        "experiment": "content-transfer",
        "subject": "transfer",
        "codes": "encoded",
        "metric": "lpips",
        "value": value,
        "ci_low": value - reach if bounded else None,
        "ci_high": value + reach if bounded else None,
        "n": 10,
        "higher_is_better": False,
    }
    return Measurement.model_validate(given | other)


def without_samples(rows: pd.DataFrame, *apart: str) -> Differences:
    """Differences of rows whose samples were not kept."""
    return Differences(rows, SampleFiles([]), apart)


def cell(*measurements: Measurement, **other: Any) -> pd.DataFrame:
    """Rows of one cell: LORD on a small set, unless said otherwise."""
    given: dict[str, Any] = {
        "method": "lord",
        "variant": "",
        "dataset": "squares",
        "data_settings": "",
        "split": "samples",
        "labels": "",
        "preset": "quick",
        "seed": 0,
        "protocol_version": 1,
        "lordbench_version": "1.0",
        "git_sha": "",
        "method_source": "source",
        "data_fingerprint": "abc",
        "device": "cpu",
        "precision": "float32",
        "threads": 1,
        "torch_version": "2.4",
        "cuda_version": "",
        "train_seconds": 1.0,
        "train_images_per_second": 1.0,
        "peak_memory_mib": 1.0,
        "started": "2024-01-01T00:00:00+00:00",
    } | other
    given.setdefault("cell", "/".join(str(given[name]) for name in (*LINE, "seed")))
    return frame(Provenance.model_validate(given), measurements or (measured(),))
