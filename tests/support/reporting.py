"""Run folders for tests of reports: results, curves, pictures and failures without training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from synthetic import cell, measured

from lordbench.evaluation.grids import transfer_grid
from lordbench.evaluation.measurement import Measurement
from lordbench.results.run_folder import Store, curve_text
from lordbench.utils.files import write_json

SIZE = 8
GIVEN = np.random.default_rng(5)
CONTENTS, CLASSES = (GIVEN.integers(0, 256, size=(n, 3, SIZE, SIZE), dtype=np.uint8) for n in (4, 3))
TRUTH = GIVEN.integers(0, 256, size=(3, 4, 3, SIZE, SIZE), dtype=np.uint8)


def made_up_run(
    folder: Path,
    methods: dict[str, float],
    seeds: tuple[int, ...] = (0, 1),
    failed: tuple[str, ...] = (),
    **other: str,
) -> Path:
    """Write a run folder.

    Args:
        folder: to write into.
        methods: names, with the value around which all measurements lie.
        seeds: of each method.
        failed: names of methods that failed with seed 0.
        other: columns of all rows, such as `preset`.
    """
    store, tables = Store(folder), []
    for method, centre in methods.items():
        for seed in seeds:
            name = f"{method}-{seed}"
            tables.append(
                cell(*measurements(centre + 0.01 * seed), method=method, cell=name, seed=seed, **other)
            )
            _settings(store, name, method, seed)
            _curve(store, name, centre)
            picture(store.cell(name).path / "transfer-encoded.png", int(1000 * centre) + seed)
    for method in failed:
        name = f"{method}-0"
        _settings(store, name, method, 0)
        record = {"error": "ValueError: no such <luck>", "traceback": "Traceback\n  line 1", "when": "then"}
        write_json(store.cell(name).failure, record)
    folder.mkdir(parents=True, exist_ok=True)
    pd.concat(tables).to_csv(store.results, index=False)
    return folder


def measurements(centre: float) -> list[Measurement]:
    """LPIPS of transfers and of their floor, and leakage."""
    leak = {"experiment": "leakage", "subject": "class from content", "metric": "probe_best.normalized"}
    return [
        measured(centre, 0.02),
        measured(0.3, 0.02, subject="copy", codes=""),
        measured(centre / 2, 0.05, **leak, policy="a probe </script><b>"),
    ]


def picture(path: Path, seed: int, contents: np.ndarray = CONTENTS) -> np.ndarray:
    """Draw a grid of random outputs and return these."""
    outputs = np.random.default_rng(seed).integers(0, 256, size=TRUTH.shape, dtype=np.uint8)
    transfer_grid(contents, CLASSES, outputs, path, title="any", truth=TRUTH)
    return outputs


def _settings(store: Store, name: str, method: str, seed: int) -> None:
    settings = {
        "id": name, "method_name": method, "variant": "", "dataset": "squares", "data_variant": "",
        "split": "samples", "preset_name": "quick", "seed": seed, "experiments": ["leakage"],
        "settings": {"noise": 0.5}, "data_settings": {}, "preset": {"image_size": SIZE},
    }  # fmt: skip
    write_json(store.cell(name).path / "cell.json", settings)


def _curve(store: Store, name: str, centre: float) -> None:
    steps = np.arange(25, 1001, 25)
    first = pd.DataFrame({"phase": "one", "step": steps, "reconstruction": centre + 1 / steps})
    second = pd.DataFrame({"phase": "two", "step": steps, "code": centre + 2 / steps})
    store.cell(name).write_curve(curve_text([*first.to_dict("records"), *second.to_dict("records")]))
