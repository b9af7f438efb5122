"""What could not end well is refused before anything is trained, deleted or written."""

from __future__ import annotations

from pathlib import Path

import pytest
from commandline import BROKEN, TINY, Run
from PIL import Image

from lordbench.cli import main as command_line

ONE = [*TINY, "--methods", "mlvae", "--experiments", "reconstruction"]
COPY = """
from lordbench.lord import Lord

class {0}(Lord):
    summary = "a copy"
    source = "none"
"""
DATASET = """
from typing import ClassVar
from lordbench.data import Dataset

class Mine(Dataset):
    summary: ClassVar[str] = "nothing"
    def missing(self): return ""
    def load(self, size, track=None): {0}
"""
EXPERIMENT = """
from typing import ClassVar
from lordbench.evaluation.experiment import Experiment

class Mine(Experiment):
    summary: ClassVar[str] = "nothing"
    def run(self, trained):
        return []
"""


def message(capsys: pytest.CaptureFixture[str]) -> str:
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return " ".join(error.split())


class TestDataSets:
    def test_two_of_one_name(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        for folder, shift in (("a", 0), ("b", 100)):
            for i in range(24):
                path = Path(f"{folder}/faces/{i % 3}/{i}.png")
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (20, 20), (5 * i + shift, 90, 120)).save(path)
        both = ["--dataset", "folder:a/faces", "--dataset", "folder:b/faces"]
        assert run("run", "--preset", "tiny.yaml", "--methods", "mlvae", *both) == 2
        assert "two data sets of the run are called folder:faces" in message(capsys)
        assert not list(Path("runs").glob("cells/*"))

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ("raise KeyError('pixels')", "KeyError: 'pixels' line 8 in load"),
            ("return None", "`load` gives NoneType, not an ImageSet"),
        ],
    )
    def test_a_plug_in_with_an_error(
        self, run: Run, capsys: pytest.CaptureFixture[str], body: str, words: str
    ) -> None:
        Path("mine.py").write_text(DATASET.format(body))
        for command in (["run", *ONE[1:], "--dataset", "./mine.py"], ["data", "show", "./mine.py"]):
            assert run(*command) == 2
            shown = message(capsys)
            assert words in shown
            assert "lordbench check" in shown

    def test_one_with_the_name_of_a_shipped_one(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        Path("toycars.py").write_text(DATASET.format("return None"))
        for command in (["run", *ONE[1:], "--dataset", "./toycars.py"], ["check", "./toycars.py"]):
            assert run(*command) == 2
            assert "the name 'toycars' already exists" in message(capsys)


class TestRunFolder:
    def test_with_results_on_other_images(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        for i in range(24):
            path = Path(f"photos/{i % 3}/{i}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (16, 16), (10 * i, 0, 0)).save(path)
        command = ["run", "--dataset", "folder:photos", *ONE[3:]]
        assert run(*command) == 0
        before = sorted(Path("runs/cells").iterdir())
        Image.new("RGB", (16, 16)).save("photos/0/24.png")
        for more in ([], ["--dry-run"]):
            assert run(*command, *more) == 2
            assert "results of folder:photos were made on other images or labels" in message(capsys)
        assert sorted(Path("runs/cells").iterdir()) == before
        assert run("leaderboard", "runs") == 0

    def test_of_another_protocol(
        self, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert run(*ONE) == 0
        monkeypatch.setattr("lordbench.runner.session.PROTOCOL_VERSION", 99)
        assert run(*ONE) == 2
        assert "those of this version of 99" in message(capsys)

    def test_force_deletes_nothing_if_weights_are_missing(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert run(*ONE) == 0
        (model,) = Path("runs").rglob("model.safetensors")
        monkeypatch.setattr("lordbench.nn.networks.TrunkConfig.weights", lambda self: ("vgg16",))
        assert run(*ONE, "--force") == 2
        assert model.exists()

    def test_force_deletes_nothing_where_no_cell_can_run(
        self, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pytest.importorskip("submitit")
        assert run(*ONE) == 0
        (model,) = Path("runs").rglob("model.safetensors")
        monkeypatch.setenv("PATH", "")
        assert run(*ONE, "--force", "--executor", "slurm") == 2
        assert "no Slurm here" in message(capsys)
        assert model.exists()

    @pytest.mark.parametrize(
        ("option", "advice"), [([], "same command again"), (["--force"], "without --force")]
    )
    def test_an_interrupted_run_says_how_to_resume(
        self,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        option: list[str],
        advice: str,
    ) -> None:
        """With --force once more, what had finished would be trained again."""

        def interrupted(**_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("sys.argv", ["lordbench", "run", *option])
        monkeypatch.setattr(command_line, "cli", interrupted)
        with pytest.raises(SystemExit) as end:
            command_line.main()
        assert end.value.code == 130
        assert advice in " ".join(capsys.readouterr().err.split())


class TestNames:
    @pytest.mark.parametrize("methods", ["lord,a/lord.py", "a/mine.py,b/mine.py"])
    def test_of_two_methods(self, run: Run, capsys: pytest.CaptureFixture[str], methods: str) -> None:
        for file in ("a/lord.py", "a/mine.py", "b/mine.py"):
            Path(file).parent.mkdir(exist_ok=True)
            Path(file).write_text(COPY.format(Path(file).stem.capitalize()))
        assert run(*TINY, "--methods", methods) == 2
        assert "already exists" in message(capsys)
        assert not Path("runs").exists()

    @pytest.mark.parametrize("name", ["cell", "failure", "progress", "seconds"])
    def test_of_an_experiment_and_a_file_of_the_cell(
        self, run: Run, capsys: pytest.CaptureFixture[str], name: str
    ) -> None:
        Path(f"{name}.py").write_text(EXPERIMENT)
        assert run(*TINY, "--methods", "mlvae", "--experiments", f"./{name}.py") == 2
        assert "a cell has a file of that name already" in message(capsys)
        assert run("new", "experiment", f"other/{name}.py") == 2

    def test_of_a_new_plug_in(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("new", "method", "other/lord.py") == 2
        assert "already exists" in message(capsys)
        assert not Path("other").exists()


class TestEmpty:
    @pytest.mark.parametrize(
        ("command", "option"), [(ONE, "--labels"), (TINY, "--methods"), (["search"], "--methods")]
    )
    @pytest.mark.parametrize("value", ["", ","])
    def test_lists(
        self, run: Run, capsys: pytest.CaptureFixture[str], command: list[str], option: str, value: str
    ) -> None:
        assert run(*command, option, value) == 2
        assert f"{option}: none is named" in message(capsys)
        assert not Path("runs").exists()


class TestSettings:
    def test_a_section_would_replace_what_it_does_not_name(
        self, run: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("run.yaml").write_text("set: {budget: {images: 64}}\n")
        assert run(*ONE, "--config", "run.yaml") == 2
        assert "as in budget.KEY" in message(capsys)

    def test_those_of_another_executor(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(*ONE, "--time-limit", "5") == 2
        assert "minutes is a setting of --executor slurm" in message(capsys)

    def test_methods_may_be_named_one_by_one(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(*TINY, "--methods", "mlvae", "--methods", "gvae", "--dry-run") == 0
        plan = message(capsys)
        assert "mlvae" in plan
        assert "gvae" in plan

    def test_a_search_is_on_one_data_set(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        both = ["--dataset", "./halves_set.py", "--dataset", "digits"]
        assert run("search", "--methods", "mlvae", "--preset", "tiny.yaml", *both) == 2
        assert "a search is on one data set" in message(capsys)


class TestBrokenPlugins:
    @pytest.mark.parametrize("text", ["import sys\nsys.exit()\n", "1 / 0\n"])
    def test_those_that_fail_at_import_stop_nothing_else(
        self, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, text: str
    ) -> None:
        Path("boom.py").write_text(text)
        assert run("check", "boom.py") == 1
        assert "plug-in 'boom' is broken" in capsys.readouterr().out
        assert run("check", "boom.py", "l1", "nope", "--json") == 2
        assert not capsys.readouterr().out
        assert run(*ONE) == 0
        monkeypatch.setenv("LORDBENCH_PLUGINS", "boom.py")
        assert run("leaderboard", "runs") == 0
        assert run("list", "methods") == 0
        assert "broken" in capsys.readouterr().out

    def test_a_method_that_exits_fails_alone(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        Path("leaves.py").write_text(BROKEN.replace('raise ValueError("no such luck")', "raise SystemExit"))
        assert run(*TINY, "--methods", "./leaves.py,mlvae", "--experiments", "reconstruction") == 1
        assert "SystemExit" in message(capsys)
        assert "mlvae" in Path("runs/results.csv").read_text()


class TestFiles:
    def test_a_contact_sheet_is_a_png(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("data", "show", "./halves_set.py", "--out", "sheet.pdf") == 2
        assert "a contact sheet is a PNG" in message(capsys)

    def test_claims_are_a_list(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(*ONE) == 0
        Path("mine.yaml").write_text("claim: one\n")
        assert run("claims", "runs", "--claims", "mine.yaml") == 2
        assert "it is no list of claims" in message(capsys)

    def test_another_place_is_the_way_out_of_a_table(
        self, run: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(*ONE) == 0
        capsys.readouterr()
        assert run("leaderboard", "runs", "--format", "csv", "--out", ".") == 2
        text = message(capsys)
        assert "--out" in text
        assert "resume" not in text
