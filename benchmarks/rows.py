"""Time of a step of LORD's latent optimization by the number of training images: RowAdam and dense Adam."""

from __future__ import annotations

from collections import defaultdict
from unittest import mock

from benchmarks.page import table
from benchmarks.published import dense_adam, dense_table
from benchmarks.stepping import build, images, measured
from lordbench.config import registry
from lordbench.config.presets import load_preset
from lordbench.utils import hardware

COUNTS = (1_000, 10_000, 100_000, 1_000_000)
SIZE, BATCH = 32, 16
PHASE = "latent optimization"


def rows(rounds: int, n_steps: int) -> str:
    """Return the table of `rounds` rounds, each of `n_steps` steps at every number of images."""
    settings = load_preset("quick", {}).settings("lord", registry.find("methods", "lord").load().Config)
    hardware.keep_freed_memory()
    times: dict[tuple[int, str], list[float]] = defaultdict(list)
    for _ in range(rounds):
        for n in COUNTS:
            data = images(n, SIZE)
            ours = build("lord", settings, data)
            times[n, "ours"].append(measured(ours, data, "float32", BATCH, n_steps)[PHASE])
            del ours
            with (
                mock.patch("lordbench.lord.code_table", dense_table),
                mock.patch("lordbench.lord.RowAdam", dense_adam),
            ):
                dense = build("lord", settings, data)
                times[n, "dense"].append(measured(dense, data, "float32", BATCH, n_steps)[PHASE])
            del dense, data
    best = {key: min(values) for key, values in times.items()}
    header = ["training images", "RowAdam, ms", "to 1,000 images", "dense Adam, ms", "to 1,000 images"]
    cells = [
        [f"{n:,}"]
        + [
            text
            for kind in ("ours", "dense")
            for text in (f"{1e3 * best[n, kind]:.1f}", f"{best[n, kind] / best[COUNTS[0], kind]:.2f}")
        ]
        for n in COUNTS
    ]
    return table(header, cells)
