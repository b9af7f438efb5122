"""Figures: they show the measured values, are reproducible, and do not depend on colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from commandline import Run
from reporting import made_up_run, picture
from synthetic import cell, measured

from lordbench.report.figures import POINTS, curves, rendered, signs, tradeoff, transfers
from lordbench.report.picture_comparisons import comparisons
from lordbench.results.cells import cell_records
from lordbench.results.leaderboard import aggregate, collect
from lordbench.results.run_folder import curve_text
from lordbench.utils.errors import UserError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_run(tmp_path_factory.mktemp("runs"), {"lord": 0.1, "drnet": 0.2})


def test_the_scatter_shows_values_intervals_and_floors(folder: Path) -> None:
    rows = collect([folder])
    (ax,) = tradeoff(rows).figure.axes
    table = aggregate(rows).set_index(["method", "experiment"])
    drawn = {}
    for container in ax.containers:
        points, _, bars = container
        middle = np.array(points.get_data()).flatten()
        ends = np.concatenate([bar.get_segments()[0] for bar in bars])
        drawn[container.get_label()] = (middle, ends)
    assert set(drawn) == {"lord", "drnet"}
    for method, (middle, ends) in drawn.items():
        leak, quality = table.loc[(method, "leakage")], table.loc[(method, "content-transfer")]
        assert middle == pytest.approx([leak["value"], quality["value"]])
        wanted = [leak["ci_low"], leak["ci_high"], quality["ci_low"], quality["ci_high"]]
        assert [ends[0, 0], ends[1, 0], ends[2, 1], ends[3, 1]] == pytest.approx(wanted)
    floors = {line.get_label(): line.get_ydata()[0] for line in ax.lines if "floor" in str(line.get_label())}
    assert floors == {"floor: copy of B": pytest.approx(0.3)}


def test_the_scatter_is_described_in_words(folder: Path) -> None:
    assert "lord 0.0525 and 0.105" in tradeoff(collect([folder])).words


def test_a_metric_without_values_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="ssim"):
        tradeoff(collect([folder]), "ssim")


def test_methods_without_leakage_are_left_out() -> None:
    with pytest.raises(UserError):
        tradeoff(cell(measured(0.1)))


def test_curves_follow_the_loss_phase_after_phase(folder: Path) -> None:
    drawn = curves(cell_records([folder])).figure
    titles = [ax.get_title(loc="left") for ax in drawn.axes]
    assert [title.split("\n")[0] for title in titles] == ["drnet", "lord"]
    lines = {line.get_label(): line for line in drawn.axes[1].lines}
    assert lines["reconstruction"].get_xdata()[[0, -1]].tolist() == [25, 1000]
    assert lines["code"].get_xdata()[[0, -1]].tolist() == [1025, 2000]
    assert lines["code"].get_ydata()[-1] == pytest.approx(0.1 + 2 / 1000)


def test_long_curves_are_thinned_by_means(tmp_path: Path) -> None:
    folder = made_up_run(tmp_path, {"lord": 0.1}, seeds=(0,))
    values = np.arange(1, 1001) / 1000
    history = [{"phase": "one", "step": i + 1, "loss": float(value)} for i, value in enumerate(values)]
    (record,) = cell_records([folder])
    record.folder.write_curve(curve_text(history))
    (line,) = curves([record]).figure.axes[0].lines
    drawn = np.asarray(line.get_ydata())
    assert len(drawn) <= POINTS
    assert drawn[0] == pytest.approx(values[:7].mean())


def test_a_transfer_grid_shows_each_method_on_the_same_pairs(tmp_path: Path) -> None:
    folder = made_up_run(tmp_path, {"lord": 0.1, "drnet": 0.2}, seeds=(0,))
    outputs = picture(folder / "cells" / "lord-0" / "transfer-encoded.png", 9)
    (one,) = comparisons(cell_records([folder]))[0]
    drawn = transfers(one, pairs=4)
    axes = np.array(drawn.figure.axes).reshape(4, -1)
    assert [ax.get_title() for ax in axes[0]] == ["content", "class", "true image", "drnet", "lord"]
    shown = [ax.images[0].get_array() for ax in axes[:, 4]]
    for image, (i, j) in zip(shown, [(0, 0), (1, 1), (2, 2), (0, 1)], strict=True):
        np.testing.assert_array_equal(image, outputs[i, j].transpose(1, 2, 0))


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_the_same_results_give_the_same_bytes(folder: Path, kind: str) -> None:
    first, second = (rendered(tradeoff(collect([folder])), kind, "tradeoff") for _ in range(2))
    assert first == second


def test_no_two_methods_differ_by_colour_alone() -> None:
    look = signs(map(str, range(70)))
    assert len({(sign.colour, sign.marker) for sign in look.values()}) == 70
    few = list(look.values())[:8]
    assert len({sign.marker for sign in few}) == len(few)


class TestCommand:
    @pytest.mark.parametrize("kind", ["tradeoff", "curves", "transfer-grid"])
    def test_each_is_written(self, run: Run, folder: Path, kind: str) -> None:
        assert run("figure", kind, str(folder), "--out", "drawn/it.svg") == 0
        assert Path("drawn/it.svg").read_text().startswith("<?xml")

    def test_another_kind_of_file_is_refused(self, run: Run, folder: Path) -> None:
        assert run("figure", "tradeoff", str(folder), "--out", "it.gif") == 2
        assert not Path("it.gif").exists()

    def test_a_csv_has_no_curves(self, run: Run, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        Path("results.csv").write_bytes((folder / "results.csv").read_bytes())
        assert run("figure", "curves", "results.csv", "--out", "it.svg") == 2
        assert "no cell has a training curve" in capsys.readouterr().err
