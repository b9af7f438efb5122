"""Plug-ins by folder, file and environment variable: found, run, and independent of each other."""

from pathlib import Path

import broken_methods
import pytest
from commandline import TINY, Run, results

from lordbench.checks.new import TEMPLATES
from lordbench.config import registry
from lordbench.config.component import CONTRACTS
from lordbench.utils.errors import UserError

ONLY = ["--experiments", "reconstruction"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plug-in folder with a method, a metric and an experiment."""
    made = tmp_path / "mine"
    for kind, name, source in (
        ("methods", "flat", broken_methods.GOOD),
        ("metrics", "edges", (TEMPLATES / "metric.py").read_text()),
        ("experiments", "mirror", (TEMPLATES / "experiment.py").read_text().replace('"mine"', '"mirror"')),
    ):
        (made / kind).mkdir(parents=True)
        (made / kind / f"{name}.py").write_text(source)
    return made


class TestAFolder:
    def test_is_in_use_within_the_block_only(self, folder: Path) -> None:
        with registry.use_plugins([folder]):
            assert registry.find("methods", "flat").load().__name__ == "Linear"
            assert {"edges"} <= set(registry.available("metrics"))
        assert "flat" not in registry.available("methods")

    def test_is_used_by_a_run_and_reaches_its_workers(self, run: Run, folder: Path) -> None:
        wanted = ["--methods", "flat", "--experiments", "mirror,reconstruction", "--plugins", str(folder)]
        assert run(*TINY, *wanted, "-j", "2") == 0
        rows = results()
        assert set(rows["method"]) == {"flat"}
        assert set(rows["experiment"]) == {"mirror", "reconstruction"}
        assert "edges" in set(rows.loc[rows["experiment"] == "reconstruction", "metric"])

    def test_may_be_named_by_the_environment(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LORDBENCH_PLUGINS", str(folder))
        assert "flat" in registry.available("methods")

    def test_cannot_have_the_separator_of_paths_in_its_own(self, folder: Path) -> None:
        renamed = folder.rename(folder.with_name("mine:1"))
        with (
            pytest.raises(UserError, match="mine:1: ':' in the path of a plug-in"),
            registry.use_plugins([renamed]),
        ):
            pass

    def test_imports_nothing_before_it_is_loaded(self, folder: Path) -> None:
        (folder / "methods" / "bad.py").write_text("raise SystemExit('imported')")
        with registry.use_plugins([folder]):
            assert "bad" in registry.available("methods")

    def test_may_get_a_file_while_it_is_in_use(self, folder: Path) -> None:
        with registry.use_plugins([folder]):
            assert "later" not in registry.available("methods")
            (folder / "methods" / "later.py").write_text(broken_methods.GOOD)
            assert "later" in registry.available("methods")
            (folder / "methods" / "later.py").unlink()
            assert "later" not in registry.available("methods")

    def test_must_have_a_sub_folder_of_a_kind(self, tmp_path: Path) -> None:
        for place, words in ((tmp_path, "sub-folder"), (tmp_path / "nowhere", "no such plug-in folder")):
            with pytest.raises(UserError, match=words), registry.use_plugins([place]):
                pass

    def test_cannot_use_a_name_that_already_exists(self, folder: Path) -> None:
        (folder / "methods" / "drnet.py").write_text(broken_methods.GOOD)
        with registry.use_plugins([folder]), pytest.raises(UserError, match="two methods are called 'drnet'"):
            registry.available("methods")


class TestAFile:
    def test_is_of_the_kind_of_its_class(self, folder: Path) -> None:
        with registry.use_plugins([folder / "metrics" / "edges.py"]):
            assert "edges" in registry.available("metrics")
            assert "edges" not in registry.available("methods")

    def test_that_is_mended_is_listed_under_its_kind_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "mine[1].py"
        path.write_text("import nothing_like_this\n")
        with registry.use_plugins([path]):
            assert all("mine[1]" in registry.available(kind) for kind in CONTRACTS)
            path.write_text(broken_methods.GOOD)
            assert [kind for kind in CONTRACTS if "mine[1]" in registry.available(kind)] == ["methods"]

    def test_that_is_broken_is_not_imported_by_every_listing(self, tmp_path: Path) -> None:
        path, log = tmp_path / "mine.py", tmp_path / "imports.txt"
        path.write_text(f"open({str(log)!r}, 'a').write('x')\nimport nothing_like_this\n")
        with registry.use_plugins([path]):
            for _ in range(5):
                registry.available("metrics")
        assert log.read_text() == "x"

    def test_experiment_by_path_is_kept_under_its_name_and_not_run_twice(
        self, run: Run, folder: Path
    ) -> None:
        file = str(Path("mine", "experiments", "mirror.py"))
        for _ in range(2):
            assert run(*TINY, "--methods", "mlvae", "--experiments", file) == 0
        assert set(results()["experiment"]) == {"mirror"}
        (cell,) = Path("runs/cells").iterdir()
        assert (cell / "mirror.json").exists()

    def test_experiment_cannot_take_anothers_name(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "leakage.py").write_text((TEMPLATES / "experiment.py").read_text())
        assert run(*TINY, "--methods", "mlvae", "--experiments", "./leakage.py") == 2

    def test_that_imports_its_neighbour_should_be_a_package(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.py"
        path.write_text("from .helper import x\n")
        with pytest.raises(UserError, match="install code in several files as a package"):
            registry.find("methods", str(path)).load()


def test_five_broken_methods_stop_no_run_of_the_others(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["IMPORT_ERROR", "WRONG_SHAPE", "OUT_OF_RANGE", "RANDOM_CODES", "NEVER_LEARNS"]
    for name in names:
        (tmp_path / f"{name.lower()}.py").write_text(getattr(broken_methods, name))
    (tmp_path / "good.py").write_text(broken_methods.GOOD)
    methods = ",".join(f"./{name.lower()}.py" for name in names)
    assert run(*TINY, *ONLY, "--methods", f"{methods},./good.py") == 1
    assert {"good", "never_learns"} <= set(results()["method"])
    shown = " ".join(capsys.readouterr().err.split())
    assert "No module named 'nothing_like_this'" in shown
    assert "Failed: wrong_shape on ./halves_set.py, seed 0" in shown


def test_if_every_method_is_broken_nothing_is_run(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(broken_methods.IMPORT_ERROR)
    assert run(*TINY, "--methods", "./bad.py") == 2
    assert not Path("runs").exists()


def test_a_broken_metric_is_left_out_and_named(
    run: Run, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "metrics" / "bad.py").write_text("import nothing_like_this\n")
    assert run(*TINY, *ONLY, "--methods", "flat", "--plugins", str(folder)) == 0
    assert "edges" in set(results()["metric"])
    assert "Left out: metric 'bad' is broken" in " ".join(capsys.readouterr().err.split())
