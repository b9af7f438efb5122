"""The report page: every number links to its results, and the page is self-contained and safe."""

from __future__ import annotations

import base64
import io
import json
import re
import shlex
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commandline import Run
from PIL import Image
from reporting import CONTENTS, TRUTH, made_up_run, picture
from synthetic import cell

from lordbench.cli.main import cli
from lordbench.report.page import pictures as pictures_module
from lordbench.report.page.card import card, commands
from lordbench.report.page.definitions import definition
from lordbench.report.page.details import Details
from lordbench.report.page.page import heading, write_report
from lordbench.report.page.pictures import pictures
from lordbench.report.picture_comparisons import choose, comparisons
from lordbench.report.quantities import titles
from lordbench.results.cells import cell_records
from lordbench.results.leaderboard import aggregate, by_seed, collect
from lordbench.results.progress import PlannedCell, RunPlan
from lordbench.results.run_folder import Store
from lordbench.utils.errors import UserError

CONTENT = " --experiments content-transfer"


class Page(HTMLParser):
    """Elements of a page with their attributes, and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [a for t, a in self.elements if t == tag and all(a.get(k) == v for k, v in wanted.items())]


def page_of(*runs: Path, out: Path) -> str:
    return write_report(list(runs), out).read_text(encoding="utf-8")


def details(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="details">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return dict(json.loads(found.group(1)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_run(tmp_path_factory.mktemp("runs"), {"lord": 0.1, "drnet": 0.2}, failed=("mlvae",))


@pytest.fixture(scope="module")
def text(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(folder, out=tmp_path_factory.mktemp("report"))


class TestNumbers:
    def test_each_is_the_mean_of_what_it_leads_to(self, folder: Path, text: str) -> None:
        kept, table = details(text), aggregate(collect([folder]))
        found = []
        for _, element in Page(text).elements:
            if "data-behind" in element:
                rows = [kept["rows"][i] for i in kept["behind"][int(str(element["data-behind"]))]]
                assert kept["texts"][rows[0][0]] == str(element["href"]).removeprefix("#cell-")
                found.append(np.mean([row[6] for row in rows]))
        headline = table[table["metric"].isin(["lpips", "probe_best.normalized"])]
        assert sorted(found) == pytest.approx(sorted(headline["value"]))
        assert len(found) == 5

    def test_every_value_of_every_cell_is_there(self, folder: Path, text: str) -> None:
        kept, rows = details(text), collect([folder])
        assert [row[6] for row in kept["rows"]] == pytest.approx(rows["value"].tolist())
        assert [row[7] for row in kept["rows"]] == pytest.approx(rows["ci_low"].tolist())
        assert [kept["texts"][row[0]] for row in kept["rows"]] == rows["cell"].tolist()

    def test_each_cell_has_a_line_with_its_settings(self, text: str) -> None:
        ids = {"lord-0", "lord-1", "drnet-0", "drnet-1"}
        page, kept = Page(text), details(text)
        assert {str(a["id"]) for a in page.all("tr") if "id" in a} == {f"cell-{name}" for name in ids}
        assert kept["cells"]["lord-1"]["settings"]["method"] == {"noise": 0.5}
        assert kept["cells"]["lord-1"]["provenance"]["seed"] == 1

    def test_failures_are_told_with_their_traceback(self, text: str) -> None:
        words = "".join(Page(text).words)
        assert "mlvae on squares, seed 0: ValueError: no such <luck>" in words
        assert "Traceback\n  line 1" in words

    def test_a_csv_from_elsewhere_has_its_numbers_without_pictures(
        self, folder: Path, tmp_path: Path
    ) -> None:
        alone = tmp_path / "results.csv"
        alone.write_bytes((folder / "results.csv").read_bytes())
        other = page_of(alone, out=tmp_path)
        assert len(details(other)["rows"]) == 12
        assert "settings" not in details(other)["cells"]["lord-0"]
        assert 'id="pictures"' not in other
        assert 'id="curves"' not in other


class TestOneFile:
    def test_nothing_is_fetched_from_anywhere(self, text: str) -> None:
        for tag, attributes in Page(text).elements:
            for name in ("src", "srcset", "data", "poster", "action"):
                assert str(attributes.get(name, "data:")).startswith("data:"), (tag, attributes)
            if tag in ("link", "use", "image"):
                for name in ("href", "xlink:href"):
                    assert str(attributes.get(name, "#")).startswith(("data:", "#"))
        assert not re.search(r"url\((?!['\"]?(#|data:|\$))|@import|fetch\(|XMLHttp", text)

    def test_texts_of_results_cannot_become_markup(self, text: str) -> None:
        assert "a probe </script><b>" in details(text)["texts"]
        assert "</script><b>" not in text
        assert "<luck>" not in text

    def test_the_same_results_give_the_same_bytes(self, folder: Path, text: str, tmp_path: Path) -> None:
        assert page_of(folder, out=tmp_path) == text

    def test_an_old_report_stays_where_results_are_missing(self, tmp_path: Path) -> None:
        (tmp_path / "index.html").write_text("old")
        (tmp_path / "empty").mkdir()
        with pytest.raises(UserError, match=r"results\.csv"):
            write_report([tmp_path / "empty"], tmp_path)
        assert (tmp_path / "index.html").read_text() == "old"


class TestHead:
    def test_it_says_what_was_run_on_what_and_who_is_best(self, text: str) -> None:
        page, words = Page(text), " ".join("".join(Page(text).words).split())
        assert "drnet and lord on squares" in words
        for fact in ("squares: samples split, 8 px, preset quick (abc)", "0, 1 (2 seeds)", "cpu, float32"):
            assert fact in words
        assert "Best: lord in LPIPS" in words
        assert page.all("a", **{"class": "skip", "href": "#main"})

    def test_one_seed_is_named(self, tmp_path: Path) -> None:
        folder = made_up_run(tmp_path, {"lord": 0.1}, seeds=(3,))
        assert "3 (one seed: no variation between trainings)" in page_of(folder, out=tmp_path)

    def test_its_command_trains_the_same_cells(self, folder: Path) -> None:
        (command,) = commands(collect([folder]), cell_records([folder]))
        name, run_, *arguments = shlex.split(command)
        assert (name, run_) == ("lordbench", "run")
        options = cli.commands["run"].make_context("run", arguments).params
        assert options["methods"] == ("drnet,lord",)
        assert (options["dataset"], options["split"], options["seeds"]) == (("squares",), "samples", "0,1")
        assert (options["preset"], options["experiments"]) == ("quick", "leakage")

    @pytest.mark.parametrize(
        ("preset", "settings", "left_out"),
        [("quick", "", True), ("quick", "experiments: [leakage]\n", False), ("experiments", "", False)],
    )
    def test_its_command_leaves_out_experiments_that_the_run_did_not_name(
        self, folder: Path, tmp_path: Path, preset: str, settings: str, left_out: bool
    ) -> None:
        """Of a grid, here the preset `experiments`, cells have another preset's name: it may name them."""
        store, records = Store(tmp_path), cell_records([folder])
        planned = [PlannedCell.of(record.settings.model_dump()) for record in records]
        RunPlan.begin(planned, 1, datetime.now(UTC)).write(store.plan)
        store.run_file.write_text(f"preset: {preset}\n{settings}")
        (command,) = commands(collect([folder]), records, [tmp_path])
        assert ("--experiments" not in command) is left_out

    def test_it_says_from_when_to_when_and_from_which_folder(self, folder: Path) -> None:
        records = cell_records([folder])
        rows = collect([folder])
        rows.loc[rows["cell"] == "lord-1", ["started", "train_seconds"]] = "2024-01-01T02:00:00+00:00", 300.0
        facts = dict(card(rows, by_seed(rows), records, [folder, Path("runs/a")])["facts"])
        assert facts["From"] == [folder.name, "runs/a"]
        assert facts["When"] == ["2024-01-01 00:00 to 02:05 UTC; 5 min of training"]

    def test_commands_have_variants_overrides_labels_and_each_methods_own_seeds(self) -> None:
        preset = "smoke[budget.images=512]"
        rows = pd.concat([
            cell(method="lord", variant="noise=0", seed=0, preset=preset, data_settings="n_cars=9"),
            cell(method="lord", variant="noise=0", seed=1, preset=preset, data_settings="n_cars=9"),
            cell(method="drnet", seed=0, preset=preset, data_settings="n_cars=9"),
            cell(method="drnet", seed=0, split="official classes", labels="clusters[k=3]"),
        ], ignore_index=True)  # fmt: skip
        found = list(commands(rows, []))
        start = "lordbench run --methods {} --dataset {} --preset {} --split {} --seeds {}"
        cars, override = "'squares[n_cars=9]'", " --set budget.images=512"
        assert found == [
            start.format("'lord[noise=0]'", cars, "smoke", "samples", "0,1") + override + CONTENT,
            start.format("drnet", cars, "smoke", "samples", "0") + override + CONTENT,
            start.format("drnet", "squares", "quick", "classes", "0") + " --labels 'clusters[k=3]'" + CONTENT,
        ]

    @pytest.mark.parametrize(("preset", "warned"), [("quick", False), ("smoke[budget.images=5]", True)])
    def test_results_for_testing_have_a_banner(self, tmp_path: Path, preset: str, warned: bool) -> None:
        folder = made_up_run(tmp_path, {"lord": 0.1}, seeds=(0,), preset=preset)
        assert bool(Page(page_of(folder, out=tmp_path)).all("p", **{"class": "banner"})) is warned


class TestTables:
    def test_columns_have_definitions_that_are_in_the_page(self, text: str) -> None:
        page = Page(text)
        described = {str(a["aria-describedby"]) for a in page.all("button") if "aria-describedby" in a}
        defined = {str(a["id"]) for a in page.all("dd") if "id" in a}
        assert len(described) == 2
        assert described == defined

    def test_every_table_has_a_caption_and_its_latex(self, text: str) -> None:
        page = Page(text)
        assert len(page.all("caption")) == len(page.all("table")) == 4
        assert r"\\caption{Content transfer and reconstruction on squares, held-out samples, quick" in text

    def test_trainings_have_columns_for_what_differs_only(self, tmp_path: Path) -> None:
        folder = made_up_run(tmp_path, {"lord": 0.1}, seeds=(0,))
        assert Details(collect([folder]), by_seed(collect([folder])), []).differing() == []
        rows = pd.concat([cell(device="cpu"), cell(device="cuda", split="classes")], ignore_index=True)
        assert Details(rows, by_seed(rows), []).differing() == ["split", "device"]

    def test_a_metric_without_a_definition_has_its_full_name(self) -> None:
        name = "content-transfer", "encoded", "transfer", "edges"
        assert definition(*name) == "(content-transfer/encoded/transfer/edges)"

    def test_every_headline_quantity_has_a_definition_of_its_own(self) -> None:
        subjects = pd.DataFrame({
            "experiment": ["clustered-domain"] * 4 + ["informativeness"] * 2,
            "codes": "encoded",
            "subject": ["transfer of paired style, a to b", "transfer of random styles, a to b",
                        "classes of a", "view across domains, a to b",
                        "from content, azimuth", "from class, azimuth"],
            "metric": ["l1", "diversity", "k", "probe_best.normalized", "normalized", "normalized"],
        })  # fmt: skip
        quantities = titles(subjects)
        assert len(quantities) > 40
        # The full name at the end differs anyway.
        texts = [definition(*quantity).removesuffix(f"({'/'.join(quantity)})") for quantity in quantities]
        own = list(zip((experiment for experiment, *_ in quantities), texts, strict=True))
        assert [each for each in own if own.count(each) > 1] == []
        assert [text for text in texts if not text or text.startswith(("Of ", "With ", "Images of "))] == []

    def test_what_is_read_from_a_code_is_named(self) -> None:
        text = definition("informativeness", "encoded", "from content, azimuth", "normalized")
        assert text.startswith("How well the azimuth is predicted from the content code: 0 chance")
        text = definition("retrieval", "encoded", "from class, content", "top1")
        assert text.startswith(
            "Share of images whose nearest neighbour by the class code has the same content"
        )

    @pytest.mark.parametrize(
        ("title", "parts"),
        [
            ("leakage (best probe: a lower bound)", ("leakage", "best probe: a lower bound")),
            ("faces (as judges see them)", ("faces (as judges see them)", "")),
            (
                "attributes (0 chance, 1 always), and dependence (distance correlation)",
                ("attributes (0 chance, 1 always), and dependence (distance correlation)", ""),
            ),
        ],
    )
    def test_a_long_remark_at_the_end_of_a_title_stands_below_it(
        self, title: str, parts: tuple[str, str]
    ) -> None:
        assert heading(title) == parts

    def test_commands_in_the_legend_are_code(self, text: str) -> None:
        assert "<code>lordbench differences</code>" in text
        assert "`" not in "".join(re.findall(r'<p class="(?:legend|note)">.*?</p>', text, re.DOTALL))


class TestPairs:
    def test_below_each_output_stands_its_l1_to_the_true_image(self, tmp_path: Path) -> None:
        folder = made_up_run(tmp_path, {"lord": 0.1, "drnet": 0.2}, seeds=(0,))
        outputs = picture(folder / "cells" / "lord-0" / "transfer-encoded.png", 3)
        ((shown,), _) = pictures(comparisons(cell_records([folder]))[0])
        drnet, lord = shown["selections"]["first"][3:]
        places = [(0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 3)]
        wanted = [np.abs(outputs[at] / 255 - TRUTH[at] / 255).mean() for at in places]
        assert [score for score, _ in lord["scores"]] == pytest.approx(wanted)
        both = zip(drnet["scores"], lord["scores"], strict=True)
        assert all(a[1] != b[1] and (a[1] == (a[0] < b[0])) for a, b in both)

    def test_the_best_and_the_worst_are_those_of_the_picture_by_their_mean_l1(self, tmp_path: Path) -> None:
        folder = made_up_run(tmp_path, {"lord": 0.1, "drnet": 0.2}, seeds=(0,))
        outputs = [picture(folder / "cells" / f"{name}-0" / "transfer-encoded.png", i)
                   for i, name in enumerate(("drnet", "lord"))]  # fmt: skip
        ((shown,), _) = pictures(comparisons(cell_records([folder]))[0])
        mean = sorted(np.mean([np.abs(own / 255 - TRUTH / 255).mean((2, 3, 4)) for own in outputs], 0).flat)
        for name, wanted in (("best", mean[:6]), ("worst", mean[:-7:-1])):
            drnet, lord = shown["selections"][name][3:]
            scores = [(a + b) / 2 for (a, _), (b, _) in zip(drnet["scores"], lord["scores"], strict=True)]
            assert scores == pytest.approx(wanted)

    def test_they_show_the_images_of_the_cells(self, tmp_path: Path) -> None:
        folder = made_up_run(tmp_path, {"lord": 0.1}, seeds=(0,))
        outputs = picture(folder / "cells" / "lord-0" / "transfer-encoded.png", 3)
        ((shown,), _) = pictures(comparisons(cell_records([folder]))[0])
        source = shown["selections"]["first"][-1]["src"].split(",")[1]
        row = np.asarray(Image.open(io.BytesIO(base64.b64decode(source))))
        assert row.shape == (8, 6 * 9 - 1, 4)
        np.testing.assert_array_equal(row[:, 9:17, :3], outputs[1, 1].transpose(1, 2, 0))
        assert row[:, 8, 3].max() == 0

    def test_alternative_texts_say_what_is_seen(self, text: str) -> None:
        texts = [str(image["alt"]) for image in Page(text).all("img")]
        assert any(
            re.match(r"lord: outputs for .*, the worst 6 pairs; L1 to the true image 0\.\d{3}, ", words)
            for words in texts
        )
        assert any(words.startswith("content: the 6 images") for words in texts)


class TestPictures:
    def test_methods_stand_side_by_side_on_the_same_images(self, folder: Path) -> None:
        found, problems = comparisons(cell_records([folder]))
        assert problems == []
        assert [(one.seed, [output.label for output in one.outputs]) for one in found] == [
            (0, ["drnet", "lord"]),
            (1, ["drnet", "lord"]),
        ]
        np.testing.assert_array_equal(found[0].given["truth"], np.moveaxis(TRUTH, 2, -1))

    def test_other_contents_are_another_comparison(self, tmp_path: Path) -> None:
        folder = made_up_run(tmp_path, {"lord": 0.1, "drnet": 0.2}, seeds=(0,))
        picture(folder / "cells" / "lord-0" / "transfer-encoded.png", 1, contents=CONTENTS[::-1])
        found, _ = comparisons(cell_records([folder]))
        assert [[output.cell for output in one.outputs] for one in found] == [["drnet-0"], ["lord-0"]]

    def test_they_are_in_the_page_to_the_last_bit(self, tmp_path: Path) -> None:
        folder = made_up_run(tmp_path, {"lord": 0.1}, seeds=(0,))
        outputs = picture(folder / "cells" / "lord-0" / "transfer-encoded.png", 3)
        (source,) = (
            str(element["src"])
            for element in Page(page_of(folder, out=tmp_path)).all("img")
            if str(element["alt"]).startswith("lord: 3 by 4 images")
        )
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))))
        tiles = shown.reshape(3, 8, 4, 8, 3).transpose(0, 2, 4, 1, 3)
        np.testing.assert_array_equal(tiles, outputs)

    def test_many_are_compressed_and_more_are_left_out_and_the_page_says_so(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found, _ = comparisons(cell_records([folder]))
        exact, note = pictures(found)
        assert (len(exact), note) == (2, "")
        size = sum(len(strip["src"]) for strip in exact[0]["strips"])
        monkeypatch.setattr(pictures_module, "BUDGET", size)
        fewer, note = pictures(found)
        assert "compressed" in note
        assert sum(len(strip["src"]) for one in fewer for strip in one["strips"]) * 3 // 4 <= size
        monkeypatch.setattr(pictures_module, "BUDGET", 1)
        assert pictures(found)[0] == []
        assert "2 more comparisons left out" in pictures(found)[1]

    def test_a_damaged_one_is_named_and_the_rest_stands(self, tmp_path: Path) -> None:
        folder = made_up_run(tmp_path / "runs", {"lord": 0.1, "drnet": 0.2}, seeds=(0,))
        damaged = folder / "cells" / "lord-0" / "transfer-encoded.png"
        damaged.write_bytes(damaged.read_bytes()[:300])
        page = page_of(folder, out=tmp_path)
        assert "lord-0/transfer-encoded.png" in page
        assert Page(page).all("figure", **{"data-name": "drnet"})

    def test_an_unknown_one_is_refused_with_the_names_there_are(self, folder: Path) -> None:
        with pytest.raises(UserError, match="one-shot") as caught:
            choose(cell_records([folder]), "one-shot")
        assert "transfer-encoded" in caught.value.hint


class TestCommand:
    def test_it_writes_the_page_and_says_where(
        self, run: Run, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run("report", str(folder), "--out", "there") == 0
        assert "there/index.html" in capsys.readouterr().err
        assert Path("there/index.html").read_text().startswith("<!DOCTYPE html>")

    def test_a_folder_without_results_is_refused(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        assert run("report", "empty") == 2
        assert not Path("report").exists()
