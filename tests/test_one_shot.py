"""One-shot: which images give a class, and what a better class code is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commandline import TINY, Run, results
from helpers import CPU, halves
from torch import Tensor

from lordbench import components
from lordbench.experiment import EvaluationConfig, Trained
from lordbench.experiments import one_shot
from lordbench.experiments.one_shot import OneShot
from lordbench.images import ImageSet
from lordbench.method import Codes, DataSpec, Method, MethodConfig
from lordbench.pairing import draw_pairs
from lordbench.report.headline import boards
from lordbench.results.row import Measurement
from lordbench.scoring import Scoring
from lordbench.splits import split
from lordbench.supports import supporting

DATA = halves(n_classes=30, n_contents=8)


class Lookup(Method):
    """Knows every image; its class codes are as far off as `noise` says, in a way of each image's own."""

    def __init__(self, images: ImageSet, noise: float) -> None:
        super().__init__(MethodConfig(), DataSpec.of(images))
        self.images = images
        pixels = torch.from_numpy(images.images).float().flatten(1) / 255
        self.register_buffer("pixels", pixels)
        generator = torch.Generator().manual_seed(0)
        centres = torch.eye(images.n_classes)[torch.from_numpy(images.classes)]
        self.register_buffer("codes", centres + noise * torch.randn(centres.shape, generator=generator))

    def fit(self, train: ImageSet, context: Any) -> None:
        """Nothing to learn."""

    def encode(self, images: Tensor) -> Codes:
        index = torch.cdist(images.flatten(1), self.pixels).argmin(dim=1)
        contents = torch.from_numpy(self.images.contents)[index].float()
        return Codes(self.codes[index], contents[:, None])

    def decode(self, codes: Codes) -> Tensor:
        classes, contents = codes.class_code.argmax(dim=1), codes.content_code[:, 0].long()
        where = classes * len(self.images.content_names or ()) + contents
        return self.pixels[where].view(-1, 3, self.images.size, self.images.size)


def measure(folder: Path, noise: float, name: str = "classes") -> list[Measurement]:
    cut = split(DATA, name, seed=0)  # type: ignore[arg-type]
    trained = Trained(
        label="lookup",
        method=Lookup(cut.test, noise),
        split=cut,
        device=CPU,
        seed=0,
        sizes=EvaluationConfig(pairs=100, shots=(1, 5, 9)),  # type: ignore[call-arg]
        batch_size=16,
        scoring=Scoring(CPU, {"l1": components.find("metrics", "l1").load()}),
        folder=folder,
    )
    return OneShot().run(trained)


def transfers(found: list[Measurement], metric: str) -> dict[str, float]:
    rows = [row for row in found if row.metric == metric and row.codes == "encoded"]
    return {row.subject: row.value for row in rows if row.value is not None}


class TestSupports:
    def test_b_comes_first_and_neither_a_nor_the_true_image_is_among_them(self) -> None:
        pairs = draw_pairs(DATA, DATA, 200, np.random.default_rng(0))
        assert pairs.truth is not None
        supports = list(supporting(DATA, pairs, np.random.default_rng(0)))
        for i, support in enumerate(supports):
            assert support[0] == pairs.class_[i]
            assert not {pairs.content[i], pairs.truth[i]} & set(support.tolist())
            assert (DATA.classes[support] == DATA.classes[pairs.class_[i]]).all()
            assert len(set(support.tolist())) == len(support) == 7

    def test_a_number_that_classes_do_not_have_is_left_out_and_said(self, tmp_path: Path) -> None:
        found = measure(tmp_path, 0.0)
        assert set(transfers(found, "l1")) == {"transfer, K = 1", "transfer, K = 5", "transfer, all"}
        notes = {row.subject: row.note for row in found}
        assert notes["transfer, all"] == "K = 9 left out: a class has 7 to give"
        assert notes["transfer, K = 1"] == notes["transfer, K = 5"] == ""

    def test_all_has_a_limit_and_says_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(one_shot, "MOST", 5)
        found = measure(tmp_path, 0.8)
        five, every = (transfers(found, "l1")[f"transfer, {shots}"] for shots in ("K = 5", "all"))
        assert five == every
        (note,) = {row.note for row in found if row.subject == "transfer, all"}
        assert note.endswith("5 images of a class at most")


class TestScores:
    def test_a_method_that_knows_all_is_perfect(self, tmp_path: Path) -> None:
        found = measure(tmp_path, 0.0)
        assert set(transfers(found, "l1").values()) == {0.0}
        assert all(row.ci_low is not None for row in found)
        assert (tmp_path / "one-shot.png").is_file()

    def test_noisy_class_codes_get_better_with_every_image(self, tmp_path: Path) -> None:
        error = list(transfers(measure(tmp_path, 0.8), "l1").values())
        assert error[0] > 1.5 * error[1] > 1.5 * error[2]

    def test_floors_and_ceiling_stand_beside_the_transfers(self, tmp_path: Path) -> None:
        floors = [row for row in measure(tmp_path, 0.0) if row.codes == ""]
        assert {(row.experiment, row.subject, row.metric) for row in floors} == {
            ("one-shot", "copy", "l1"),
            ("one-shot", "random", "l1"),
            ("one-shot", "real", "class_agreement"),
        }
        assert all(row.value is not None and row.value > 0 for row in floors)

    def test_nothing_is_held_out_of_samples(self, tmp_path: Path) -> None:
        assert measure(tmp_path, 0.0, "samples") == []


def test_a_run_with_held_out_classes_shows_encoders_and_optimization(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    (Path("tiny.yaml")).write_text(
        Path("tiny.yaml").read_text().replace("pairs: 30,", "pairs: 30, optimization: 2,")
    )
    assert run(*TINY, "--methods", "lord,mlvae", "--split", "classes", "--experiments", "one-shot") == 0
    rows = results()
    found = rows[rows["metric"] == "l1"].groupby("codes")["subject"].unique().apply(set)
    assert found["encoded"] == {"transfer, K = 1", "transfer, K = 5", "transfer, all"}
    own = {"reconstruction, K = 1", "reconstruction, all"}
    assert found["optimized"] == {"transfer, K = 1", "transfer, all"} | own
    assert set(rows.loc[rows["codes"] == "optimized", "method"]) == {"lord"}
    assert "held-out classes" in capsys.readouterr().out
    (board,) = boards(rows)
    assert "ceiling: real images" in {line.label for line in board.lines if line.is_reference}
