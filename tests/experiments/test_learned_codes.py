"""Learned and optimized codes are decoded by `Method.decode_learned`, encoded ones by `Method.decode`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import CPU, halves
from lookup import Lookup
from torch import Tensor

from lordbench.api import Model
from lordbench.config import registry
from lordbench.data.images import Column, ImageSet, join
from lordbench.data.splits import SplitName, split
from lordbench.evaluation import EvaluationConfig, Measurement, Scoring, Trained
from lordbench.evaluation.pictures import read_parts
from lordbench.training import Codes


class TwoDecoders(Lookup):
    """Knows every image, but shows black ones for encoded codes."""

    def __init__(self, images: ImageSet, learned: ImageSet) -> None:
        super().__init__(images)
        self.learned = learned

    def train_codes(self) -> Codes | None:
        return self.encode(torch.from_numpy(self.learned.images).float() / 255)

    def optimize_codes(self, images: ImageSet, context: Any) -> Codes | None:
        return self.encode(torch.from_numpy(images.images).float() / 255)

    def decode(self, codes: Codes) -> Tensor:
        return torch.zeros_like(super().decode(codes))

    def decode_learned(self, codes: Codes) -> Tensor:
        return super().decode(codes)


def measure(name: str, how: SplitName, folder: Path) -> dict[str, set[float | None]]:
    """L1 of all outputs by the kind of their codes."""
    data = halves(n_classes=6, n_contents=12)
    assert data.contents is not None
    identity = Column(data.contents // 3, tuple("abcd"))
    cut = split(replace(data, attributes={"identity": identity}), how, seed=0)
    known = join(cut.train, cut.test) if how == "samples" else cut.test
    order = np.lexsort((known.contents, known.classes))
    scoring = Scoring(CPU, {"l1": registry.find("metrics", "l1").load()})
    sizes = EvaluationConfig(pairs=40, grid=(2, 2), shots=(1,))  # type: ignore[call-arg]
    method = TwoDecoders(known.subset(order), cut.train)
    trained = Trained("known", method, cut, CPU, 0, sizes, 16, scoring, folder)
    rows: list[Measurement] = registry.find("experiments", name).load()().run(trained)
    shown: dict[str, set[float | None]] = {}
    for row in rows:
        if row.metric == "l1" and row.codes:
            shown.setdefault(row.codes, set()).add(row.value)
    return shown


@pytest.mark.parametrize(
    ("name", "how", "kind"),
    [
        ("reconstruction", "samples", "learned"),
        ("content-transfer", "samples", "learned"),
        ("expression-transfer", "samples", "learned"),
        ("one-shot", "classes", "optimized"),
    ],
)
def test_each_kind_has_its_decoder(name: str, how: SplitName, kind: str, tmp_path: Path) -> None:
    shown = measure(name, how, tmp_path)
    assert shown[kind] == {0}
    assert min(value or 0 for value in shown["encoded"]) > 0.1


def test_pictures_of_learned_codes_are_made_by_their_decoder(tmp_path: Path) -> None:
    measure("content-transfer", "samples", tmp_path)
    means = {kind: _outputs(tmp_path / f"transfer-{kind}.png").mean() for kind in ("learned", "encoded")}
    assert means["encoded"] == 0
    assert means["learned"] > 20


def _outputs(path: Path) -> np.ndarray:
    ((_, images),) = read_parts(path)
    return images["outputs"]


def test_in_the_api_a_kind_is_named() -> None:
    data = halves(n_classes=3, n_contents=4)
    model = Model(TwoDecoders(data, data).eval(), CPU)
    codes = model.method.train_codes()
    assert codes is not None
    np.testing.assert_array_equal(model.decode(codes, "learned"), data.images)
    assert model.decode(codes).max() == 0
