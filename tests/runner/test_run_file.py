"""Every run leaves a file that does it again, and a run file holds what the command line can say."""

from pathlib import Path

import pytest
import yaml
from commandline import TINY, Run, results

from lordbench.runner.run_file import RunFile, read_run_file
from lordbench.utils.errors import UserError

ARGUMENTS = [*TINY, "--methods", "mlvae", "--experiments", "reconstruction", "--set", "mlvae.kl_weight=0.01"]


class TestOfARun:
    def test_does_it_again(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(*ARGUMENTS) == 0
        before = Path("runs/results.csv").read_bytes()
        capsys.readouterr()
        assert run("run", "--config", "runs/run.yaml") == 0
        assert "nothing: done before" in capsys.readouterr().err
        assert Path("runs/results.csv").read_bytes() == before

    def test_is_overridden_by_options(self, run: Run) -> None:
        assert run(*ARGUMENTS) == 0
        assert run("run", "--config", "runs/run.yaml", "--seeds", "3", "--set", "budget.images=320") == 0
        rows = results()
        assert set(rows["seed"]) == {0, 3}
        later = yaml.safe_load(Path("runs/run.yaml").read_text())
        assert later["seeds"] == [3]
        assert later["set"] == {"mlvae.kl_weight": 0.01, "budget.images": 320}

    def test_says_what_the_defaults_were(self, run: Run) -> None:
        assert run(*ARGUMENTS) == 0
        values = yaml.safe_load(Path("runs/run.yaml").read_text())
        assert values["split"] == "samples"
        assert values["preset"] == "tiny.yaml"
        assert values["methods"] == ["mlvae"]


class TestText:
    def test_reads_as_the_same_run(self, run: Run, tmp_path: Path) -> None:
        run_file = RunFile(
            methods=["lord", "drnet[content_size=4]"], dataset=["toycars", "toyfaces"], seeds=[1, 2],
            set={"budget.images": 100}, executor="slurm", executor_settings={"minutes": 5},
            columns=["l1"], trackers=["tensorboard"], experiments=["leakage"],
        )  # fmt: skip
        path = tmp_path / "run.yaml"
        path.write_text(run_file.text())
        again = read_run_file(path, {})
        filled = {"split", "labels"}
        assert again.model_dump(exclude=filled) == run_file.model_dump(exclude=filled)

    def test_a_list_may_be_a_text_or_a_single_value(self) -> None:
        run_file = RunFile.model_validate({"methods": "lord,drnet[content_size=4]", "seeds": 3})
        assert run_file.methods == ["lord", "drnet[content_size=4]"]
        assert run_file.seeds == [3]

    def test_a_tilde_is_the_home_folder(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", "/elsewhere")
        run_file = RunFile.model_validate({"out": "~/runs", "preset": "~/tiny.yaml"})
        assert run_file.out == Path("/elsewhere/runs")
        assert run_file.preset == "/elsewhere/tiny.yaml"

    def test_settings_of_another_executor_are_left_behind(self, tmp_path: Path) -> None:
        path = tmp_path / "run.yaml"
        path.write_text("executor: slurm\nexecutor_settings: {minutes: 5}\n")
        assert read_run_file(path, {"executor": "local"}).executor_settings == {}
        assert read_run_file(path, {"seeds": [1]}).executor_settings == {"minutes": 5}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("methds: [lord]", "methds"),
        ("seeds: [a]", "seeds"),
        ("- lord", "mapping"),
        ("methods: [", "YAML"),
        ("executor_settings: {minuts: 1}\nexecutor: slurm", "minuts"),
        ("trackers: [tensorbord]", "did you mean tensorboard"),
    ],
)
def test_a_wrong_file_is_named(run: Run, capsys: pytest.CaptureFixture[str], text: str, words: str) -> None:
    Path("wrong.yaml").write_text(text + "\n")
    assert run("run", "--config", "wrong.yaml") == 2
    captured = capsys.readouterr().err
    assert words in captured
    assert "Traceback" not in captured
    assert not Path("runs").exists()


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.yaml"):
        read_run_file(tmp_path / "nowhere.yaml", {})
