"""Results that ship with lordbench: contributions are checked, and a run's results stand beside them."""

import io
import json
import lzma
import tarfile
from pathlib import Path

import pytest
from commandline import Run

import lordbench
from lordbench.config import registry
from lordbench.report import contribution
from lordbench.results import archives, reference
from lordbench.results.archives import unpacked
from lordbench.results.leaderboard import collect
from lordbench.results.reference import beside
from lordbench.results.run_folder import Store
from lordbench.runner import plan
from lordbench.utils import hardware
from lordbench.utils.errors import UserError

DIGITS = ["run", "--dataset", "digits", "--preset", "tiny.yaml", "--experiments", "reconstruction,dependence"]
ARCHIVE = Path("reference/digits-samples-tiny-yaml.tar.xz")


@pytest.fixture
def ran(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of two methods, made by a commit, in `runs`; tiny.yaml counts as a preset of lordbench."""
    monkeypatch.setattr(hardware, "git_sha", lambda: "0123abc")
    monkeypatch.setattr(contribution, "presets", lambda: ["tiny.yaml"])
    assert run(*DIGITS, "--methods", "mlvae,drnet", "--seeds", "0,1") == 0
    return run


@pytest.fixture
def added(ran: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The same, added to `reference`, which ships with lordbench here."""
    assert ran("reference", "add", "runs", "--models") == 0
    folder = archives.plugin_folder
    shipped = Path("reference").resolve()
    monkeypatch.setattr(
        archives, "plugin_folder", lambda name: shipped if name == "reference" else folder(name)
    )
    return ran


class TestAdd:
    def test_keeps_rows_and_samples(self, added: Run) -> None:
        kept = unpacked(ARCHIVE)
        assert collect([kept]).equals(collect([Path("runs")]))
        assert len(list(kept.glob("cells/*/reconstruction.npz"))) == 4
        assert not list(kept.rglob("model.safetensors"))
        assert not list(kept.rglob("*.png"))

    def test_twice_gives_the_same_bytes(self, added: Run) -> None:
        before = ARCHIVE.read_bytes()
        assert added("reference", "add", "runs") == 0
        assert ARCHIVE.read_bytes() == before

    def test_cells_that_were_evaluated_again_take_the_place_of_the_old_values(self, added: Run) -> None:
        """Whole, also where the old values are larger."""
        store = Store(Path("runs"))
        for folder in store.cells():
            found = folder.measurements("reconstruction") or []
            changed = [
                m.model_copy(update={"value": (m.value or 0) + 0.1 * (-1) ** i}) for i, m in enumerate(found)
            ]
            folder.write_measurements("reconstruction", changed)
        store.write_results()
        assert added("reference", "add", "runs") == 0
        assert collect([unpacked(ARCHIVE)]).equals(collect([Path("runs")]))

    def test_merges_more_seeds(self, added: Run, capsys: pytest.CaptureFixture[str]) -> None:
        assert added(*DIGITS, "--methods", "mlvae", "--seeds", "2", "--out", "more") == 0
        capsys.readouterr()
        assert added("reference", "add", "more") == 0
        assert "5 cells, 1 of them new" in capsys.readouterr().err.replace("\n", " ")
        rows = collect([unpacked(ARCHIVE)])
        assert set(rows.loc[rows["method"] == "mlvae", "seed"]) == {0, 1, 2}
        assert set(rows.loc[rows["method"] == "drnet", "seed"]) == {0, 1}

    def test_a_changed_method_takes_the_place_of_the_old_one(
        self, added: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(plan, "method_source", lambda component: "changed")
        assert added(*DIGITS, "--methods", "mlvae", "--out", "changed") == 0
        capsys.readouterr()
        assert added("reference", "add", "changed", "--models") == 0
        assert "4 cells, 1 of them new" in capsys.readouterr().err.replace("\n", " ")
        rows = collect([unpacked(ARCHIVE)]).query("method == 'mlvae'")
        assert dict(zip(rows["seed"], rows["method_source"], strict=True))[0] == "changed"
        assert {f.name for f in unpacked(ARCHIVE).glob("cells/*")} >= set(rows["cell"])
        models = unpacked(ARCHIVE.parent / "models" / ARCHIVE.name).glob("cells/*")
        assert set(rows.loc[rows["seed"] == 0, "cell"]) <= {path.name for path in models}

    @pytest.mark.parametrize(
        ("fault", "words"),
        [
            ("uncommitted", "code that is not a commit"),
            ("unfinished", "not finished: dependence"),
            ("damaged", "altered since it was written"),
            ("path", "a path of the machine"),
            ("plug-in", "is not part of lordbench"),
            ("preset", "no unchanged preset of lordbench"),
            ("samples", "missing: reconstruction.npz"),
            ("description", "its cell.json is missing or damaged"),
            ("model", "its model is missing"),
            ("metric", "edges is not part of lordbench"),
        ],
    )
    def test_refuses(
        self,
        ran: Run,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        fault: str,
        words: str,
    ) -> None:
        cell = next(Path("runs/cells").iterdir())
        if fault == "uncommitted":
            monkeypatch.setattr(hardware, "git_sha", lambda: "0123abc+")
            assert ran(*DIGITS, "--methods", "gvae") == 0
        if fault == "unfinished":
            (cell / "dependence.json").unlink()
        if fault == "damaged":
            with (cell / "reconstruction.npz").open("ab") as file:
                file.write(b"0")
        if fault == "path":
            document = json.loads((cell / "cell.json").read_text())
            del document["sha256"]
            document["data_settings"]["path"] = "/somewhere/images"
            (cell / "cell.json").write_text(json.dumps(document))
        if fault == "plug-in":
            monkeypatch.setattr(contribution, "is_shipped", lambda component: component.name != "drnet")
        if fault == "preset":
            monkeypatch.setattr(contribution, "presets", lambda: ["quick"])
        lost = {"samples": "reconstruction.npz", "description": "cell.json", "model": "model.safetensors"}
        if fault in lost:
            (cell / lost[fault]).unlink()
        if fault == "metric":
            rows = collect([Path("runs")])
            rows.loc[rows["metric"] == "l1", ["metric", "title"]] = "edges", "Edges"
            monkeypatch.setattr(contribution, "collect", lambda paths: rows)
        assert ran("reference", "add", "runs", "--models") == 2
        captured = capsys.readouterr().err
        assert words in captured.replace("\n", " ")
        assert not Path("reference").exists()

    def test_refuses_what_could_not_be_read_with_the_other_archives(
        self, added: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        other = collect([Path("runs")]).assign(split="classes", data_fingerprint="other")
        Store(tmp_path / "other").write_rows(other)
        archive = Path("reference/digits-classes-tiny-yaml.tar.xz")
        with tarfile.open(archive, "w:xz") as opened:
            for name in ("results.csv", "results.csv.sha256"):
                opened.add(tmp_path / "other" / name, name)
        before = ARCHIVE.read_bytes()
        assert added("reference", "add", "runs") == 2
        assert "results on different data do not compare" in capsys.readouterr().err
        archive.unlink()
        preset = Path("tiny.yaml")
        preset.write_text(preset.read_text().replace("images: 640", "images: 320"))
        assert added(*DIGITS, "--methods", "gvae", "--out", "smaller") == 0
        assert added("reference", "add", "smaller") == 2
        assert "with other sizes" in capsys.readouterr().err.replace("\n", " ")
        assert ARCHIVE.read_bytes() == before

    def test_a_new_model_replaces_that_of_the_same_seed(
        self, added: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = reference.model_folder("mlvae/digits")
        monkeypatch.setattr(plan, "TRUNK_FILES", plan.TRUNK_FILES[1:])
        assert added(*DIGITS, "--methods", "mlvae", "--out", "again") == 0
        assert added("reference", "add", "again", "--models") == 0
        assert reference.model_folder("mlvae/digits").name != old.name


def test_the_list_names_variants(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = ("toycars", "1: lord[noise=0]", "3", "0123abc", "CPU", "1 h")
    monkeypatch.setattr("lordbench.report.reference.contents", lambda: [row])
    assert run("reference", "list") == 0
    assert "lord[noise=0]" in capsys.readouterr().out.replace("\n", "")


class TestNamedReference:
    """Where runs are named, `reference` is the results that ship with lordbench."""

    def test_in_commands(self, added: Run, capsys: pytest.CaptureFixture[str]) -> None:
        capsys.readouterr()
        assert added("differences", "reference") == 0
        assert "mlvae" in capsys.readouterr().out
        for command in ("leaderboard", "claims", "report"):
            assert added(command, "reference") == 0

    def test_in_python(self, added: Run) -> None:
        assert lordbench.load_results("reference").equals(collect([unpacked(ARCHIVE)]))
        assert set(lordbench.leaderboard("reference").frame["method"]) >= {"mlvae", "drnet"}


class TestBeside:
    def test_of_a_method_that_both_have_only_the_own_results_are_shown(
        self, added: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        rows = collect([Path("runs")])
        own = rows[(rows["method"] == "drnet") & (rows["seed"] == 0)].assign(value=0.5)
        found = beside(own, [Path("runs")], [unpacked(ARCHIVE)])
        assert set(found.rows["method"]) == {"mlvae"}
        assert "of drnet these results are shown, not theirs" in " ".join(found.missing)

    def test_a_run_shows_them(self, added: Run, capsys: pytest.CaptureFixture[str]) -> None:
        capsys.readouterr()
        assert added(*DIGITS, "--methods", "gvae", "--out", "mine", "--against", "reference") == 0
        summary = capsys.readouterr().out
        assert all(name in summary for name in ("gvae", "mlvae", "drnet"))
        # The run's own tables have its own results only.
        assert "drnet" not in Path("mine/leaderboard.md").read_text()

    def test_differences_are_paired(self, added: Run) -> None:
        assert added(*DIGITS, "--methods", "gvae", "--out", "mine") == 0
        kept = unpacked(ARCHIVE)
        alone = collect([Path("mine")])
        found = beside(alone, [Path("mine")], [kept])
        assert not found.missing

        tables = lordbench.leaderboard("mine", reference=True)
        assert set(tables.frame["method"]) >= {"gvae", "mlvae", "drnet"}

    @pytest.mark.parametrize(
        ("changed", "words"),
        [
            (["--set", "budget.images=320"], "no results to compare with"),
            (["--seeds", "7"], "no paired differences: they have seeds 0, 1"),
        ],
    )
    def test_what_does_not_agree_is_said(
        self, added: Run, capsys: pytest.CaptureFixture[str], changed: list[str], words: str
    ) -> None:
        assert added(*DIGITS, "--methods", "gvae", "--out", "mine", "--against", "reference", *changed) == 0
        assert words in capsys.readouterr().err.replace("\n", " ")

    def test_other_sizes_under_the_same_name_are_noticed(
        self, added: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        preset = Path("tiny.yaml")
        preset.write_text(preset.read_text().replace("images: 640", "images: 320"))
        assert added(*DIGITS, "--methods", "gvae", "--out", "mine", "--against", "reference") == 0
        assert "has other sizes" in capsys.readouterr().err.replace("\n", " ")

    def test_against_any_run_folder(self, ran: Run, capsys: pytest.CaptureFixture[str]) -> None:
        capsys.readouterr()
        assert ran(*DIGITS, "--methods", "gvae", "--out", "mine", "--against", "runs") == 0
        assert "drnet" in capsys.readouterr().out


class TestCommands:
    def test_tables_alone(self, added: Run, capsys: pytest.CaptureFixture[str]) -> None:
        capsys.readouterr()
        assert added("leaderboard", "--reference") == 0
        assert "mlvae" in capsys.readouterr().out
        assert added("leaderboard", "--reference", "--format", "csv") == 0
        assert "mlvae" in capsys.readouterr().out

    def test_list(self, added: Run, capsys: pytest.CaptureFixture[str]) -> None:
        capsys.readouterr()
        assert added("reference", "list") == 0
        screen = capsys.readouterr().out
        assert "digits" in screen
        assert "0123abc" in screen

    def test_a_trained_method(self, added: Run) -> None:
        model = lordbench.load_method("reference:mlvae/digits")
        images = registry.make_dataset("digits", {}).load(16).images[:3]
        assert model.decode(model.encode(images)).shape == images.shape
        with pytest.raises(UserError, match="did you mean mlvae/digits"):
            lordbench.load_method("reference:mlvea/digits")


class TestArchives:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("../outside.txt", tarfile.REGTYPE),
            ("/outside.txt", tarfile.REGTYPE),
            ("cells/../../outside.json", tarfile.REGTYPE),
            ("results.csv", tarfile.SYMTYPE),
            ("results.csv", tarfile.LNKTYPE),
            ("cells/0123456789abcdef/a.json", tarfile.DIRTYPE),
            ("results.csv", tarfile.FIFOTYPE),
        ],
    )
    def test_only_files_of_a_reference_are_unpacked(
        self, tmp_path: Path, run: Run, name: str, kind: bytes
    ) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "leaderboard.json"
        with tarfile.open(tmp_path / "evil.tar.xz", "w:xz") as archive:
            archive.addfile(tarfile.TarInfo("leaderboard.json"))
            archive.addfile(member, io.BytesIO())
        with pytest.raises(UserError, match="no file of a reference"):
            unpacked(tmp_path / "evil.tar.xz")
        assert not list(tmp_path.rglob("outside*"))

    def test_a_name_that_occurs_twice_replaces_nothing(self, tmp_path: Path, run: Run) -> None:
        with tarfile.open(tmp_path / "twice.tar.xz", "w:xz") as archive:
            for _ in range(2):
                archive.addfile(tarfile.TarInfo("results.csv"))
        with pytest.raises(UserError, match=r"twice\.tar\.xz: cannot be unpacked"):
            unpacked(tmp_path / "twice.tar.xz")

    def test_one_that_is_too_large_is_refused(
        self, added: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("LORDBENCH_HOME", str(tmp_path / "other-home"))
        monkeypatch.setattr(archives, "LARGEST", 1000)
        with pytest.raises(UserError, match="more than 1,000 bytes"):
            unpacked(ARCHIVE)

    @pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
    def test_a_truncated_one_is_named(self, added: Run, share: float) -> None:
        path, whole = Path("cut.tar.xz"), ARCHIVE.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(UserError, match=r"cut\.tar\.xz"):
            unpacked(path)

    def test_what_cells_share_is_stored_once(self, added: Run) -> None:
        samples = [path.read_bytes() for path in unpacked(ARCHIVE).glob("cells/*/*.npz")]
        assert len(lzma.compress(b"".join(samples))) < 0.8 * sum(len(lzma.compress(each)) for each in samples)

    def test_without_any_the_way_out_is_named(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(archives, "plugin_folder", lambda name: Path("nowhere"))
        assert run("leaderboard", "--reference") == 2
        assert "no reference results" in capsys.readouterr().err
