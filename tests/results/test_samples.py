"""Samples kept beside measurements: unchanged, the same bytes, and written before the measurements."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from synthetic import measured

from lordbench.evaluation.measurement import Samples
from lordbench.results.run_folder import Store
from lordbench.results.samples import read_samples, write_samples

CROSSED = (np.arange(40) % 5, np.arange(40) // 4)


def values(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=40)


MEAN = measured(float(values(0).mean()), n=40).of_samples(Samples.of(values(0), CROSSED))


def test_samples_are_unchanged_and_equal_ones_give_equal_bytes(tmp_path: Path) -> None:
    given = {
        "encoded/transfer/l1": Samples.of(values(0), CROSSED),
        "encoded/transfer/agreement": Samples.of(values(1) > 0, CROSSED),
        "/real/agreement": Samples.of(values(2)[:9], CROSSED[0][:9]),
    }
    for name in "ab":
        write_samples(tmp_path / f"{name}.npz", given)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    blocks = read_samples(tmp_path / "a.npz")
    assert [len(block.keys) for block in blocks] == [2, 1]
    read = {
        key: Samples(its, block.groups)
        for block in blocks
        for key, its in zip(block.keys, block.values, strict=True)
    }
    assert read == given


def test_samples_are_written_before_the_measurements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Store(tmp_path).cell("cell")
    monkeypatch.setattr(np, "savez", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        folder.write_measurements("leakage", [MEAN])
    assert folder.measurements("leakage") is None
    assert not list(folder.path.iterdir())


def test_a_measurement_keeps_its_samples_when_copied_and_writes_none() -> None:
    row = MEAN.model_copy(update={"experiment": "one-shot"})
    assert row.samples == Samples.of(values(0), CROSSED)
    assert "samples" not in row.model_dump()
