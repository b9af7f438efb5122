"""Trade-off and training curves: they show the measured values, and are reproducible."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reporting import made_up_run
from synthetic import cell, measured, without_samples

from lordbench.report import figure_kinds
from lordbench.report.figures import curves, forest, rendered, tradeoff
from lordbench.report.figures.curves import POINTS
from lordbench.results.cells import cell_records
from lordbench.results.damage import DamageWarning
from lordbench.results.leaderboard import aggregate, collect
from lordbench.results.run_folder import curve_text
from lordbench.utils.errors import UserError

LEAK = {"experiment": "leakage", "subject": "class from content", "metric": "probe_best.normalized"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_run(tmp_path_factory.mktemp("runs"), {"lord": 0.1, "drnet": 0.2})


def test_the_scatter_shows_values_intervals_and_the_floor(folder: Path) -> None:
    rows = collect([folder])
    (ax,) = tradeoff(rows).figure.axes
    table = aggregate(rows).set_index(["method", "experiment"])
    points = {line.get_label(): np.array(line.get_data()).flatten() for line in ax.lines[:2]}
    (bars,) = ax.collections
    along_x, along_y = bars.get_segments()[::2], bars.get_segments()[1::2]
    ends = map(np.concatenate, zip(along_x, along_y, strict=True))
    drawn = {name: (middle, own) for (name, middle), own in zip(points.items(), ends, strict=True)}
    assert set(drawn) == {"lord", "drnet"}
    for method, (middle, ends) in drawn.items():
        leak, quality = table.loc[(method, "leakage")], table.loc[(method, "content-transfer")]
        assert middle == pytest.approx([leak["value"], quality["value"]])
        wanted = [leak["ci_low"], leak["ci_high"], quality["ci_low"], quality["ci_high"]]
        assert [ends[0, 0], ends[1, 0], ends[2, 1], ends[3, 1]] == pytest.approx(wanted)
    floors = {line.get_label(): line.get_ydata()[0] for line in ax.lines if "floor" in str(line.get_label())}
    assert floors == {"floor: copy of B": pytest.approx(0.3)}
    assert "floor: copy of B" in [text.get_text() for text in ax.texts]
    (band,) = ax.patches
    band_ends = band.get_extents().transformed(ax.transData.inverted()).intervaly
    assert band_ends == pytest.approx(
        table.loc[("floor: copy of B", "content-transfer"), ["ci_low", "ci_high"]]
    )


def test_the_legend_has_a_marker_for_each_method_and_no_pieces_of_bars(folder: Path) -> None:
    drawing = tradeoff(collect([folder])).figure
    (legend,) = drawing.legends
    assert [text.get_text() for text in legend.get_texts()] == ["drnet", "lord"]
    assert [handle.get_linestyle() for handle in legend.get_lines()] == ["None", "None"]
    assert legend.get_patches() == []


def test_the_scatter_is_described_in_words(folder: Path) -> None:
    assert "lord 0.0525 and 0.105" in tradeoff(collect([folder])).words


def test_the_axis_has_the_title_of_tables(folder: Path) -> None:
    (ax,) = tradeoff(collect([folder]), "lpips").figure.axes
    assert ax.get_ylabel() == "Transfers: LPIPS ↓"


@pytest.mark.parametrize(("higher", "corner"), [(True, "↖ better"), (False, "↙ better")])
def test_the_better_corner_is_marked(higher: bool, corner: str) -> None:
    rows = cell(measured(0.4, higher_is_better=higher), measured(0.2, **LEAK))
    (ax,) = tradeoff(rows, "lpips").figure.axes
    assert corner in [text.get_text() for text in ax.texts]


def test_data_without_labelled_contents_fall_back_to_the_class_agreement() -> None:
    unlabelled = [
        measured(None, None, metric="both_agreement", higher_is_better=True),
        measured(0.7, metric="class_agreement", higher_is_better=True),
    ]
    rows = cell(*unlabelled, measured(0.2, **LEAK))
    (ax,) = tradeoff(rows).figure.axes
    assert ax.get_ylabel() == "Transfers: class agreement ↑"
    assert ax.lines[0].get_ydata() == pytest.approx([0.7])


def test_a_metric_without_values_is_refused_with_those_there_are(folder: Path) -> None:
    with pytest.raises(UserError, match="ssim") as caught:
        tradeoff(collect([folder]), "ssim")
    assert "these results have: lpips" in caught.value.hint


@pytest.mark.parametrize(("rows", "missing"), [
    (cell(measured(0.1)), "leakage"), (cell(measured(0.1, **LEAK)), "content-transfer"),
])  # fmt: skip
def test_what_is_missing_is_named_with_the_way_out(rows: pd.DataFrame, missing: str) -> None:
    with pytest.raises(UserError, match=f"the results lack {missing}") as caught:
        tradeoff(rows)
    assert f"--experiments {missing}" in caught.value.hint


def test_curves_follow_the_loss_phase_after_phase(folder: Path) -> None:
    drawn = curves(cell_records([folder])).figure
    assert [ax.get_title(loc="left") for ax in drawn.axes] == ["drnet", "lord"]
    lines = {line.get_label(): line for line in drawn.axes[1].lines}
    assert lines["reconstruction"].get_xdata()[[0, -1]].tolist() == [25, 1000]
    assert lines["code"].get_xdata()[[0, -1]].tolist() == [1025, 2000]
    assert lines["code"].get_ydata()[-1] == pytest.approx(0.1 + 2 / 1000)


def test_the_data_of_curves_stand_above_all_panels_or_above_each(folder: Path, tmp_path: Path) -> None:
    group = "squares, samples split, preset quick"
    records = cell_records([folder])
    assert curves(records).figure.get_suptitle() == group
    others = cell_records([made_up_run(tmp_path, {"lord": 0.1}, seeds=(0,))])
    for record in others:
        record.settings = record.settings.model_copy(update={"id": "other", "dataset": "circles"})
    drawn = curves([*records, *others]).figure
    assert drawn.get_suptitle() == ""
    titles = {ax.get_title(loc="left").replace("\n", " ") for ax in drawn.axes}
    assert titles == {f"drnet {group}", f"lord {group}", f"lord {group.replace('squares', 'circles')}"}


@pytest.mark.parametrize(("presets", "marked"), [
    (("smoke",), True), (("smoke[budget.images=5]",), True), (("quick",), False), (("smoke", "quick"), False),
])  # fmt: skip
def test_figures_of_results_for_testing_alone_say_so(presets: tuple[str, ...], marked: bool) -> None:
    rows = pd.concat([cell(measured(0.4), measured(0.2, **LEAK), preset=preset) for preset in presets])
    for drawing in (tradeoff(rows).figure, forest(rows, without_samples(rows)).figure):
        texts = [text.get_text() for part in (drawing, *drawing.subfigs) for text in part.texts]
        assert ("for testing" in texts) is marked


def test_curves_share_their_axis_and_the_look_of_a_term(folder: Path) -> None:
    first, second = curves(cell_records([folder])).figure.axes
    assert first.get_ylim() == second.get_ylim()
    assert first.get_ylabel() == "Terms of the loss"
    looks = [{line.get_label(): line.get_color() for line in ax.lines if line.get_label()[0] != "_"}
             for ax in (first, second)]  # fmt: skip
    assert looks[0] == looks[1]


def test_a_curve_that_is_damaged_is_named(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    damaged = next(copy.glob("cells/*/curve.csv"))
    damaged.write_text("phase,step\n")
    with pytest.warns(DamageWarning, match=f"{damaged}: damaged, and left out"):
        figure_kinds.curves([copy])


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


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_the_same_results_give_the_same_bytes(folder: Path, kind: str) -> None:
    first, second = (rendered(tradeoff(collect([folder])), kind, "tradeoff") for _ in range(2))
    assert first == second


@pytest.mark.parametrize("width", [3.25, 6.75])
def test_a_figure_has_the_width_that_is_asked_for(folder: Path, width: float) -> None:
    assert tradeoff(collect([folder]), width=width).figure.get_figwidth() == width
