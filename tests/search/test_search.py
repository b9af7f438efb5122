"""`lordbench search`: equal tries on validation images, resumed to the same trials, and a preset to run."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml
from commandline import Run, results

from lordbench.runner.executors import local
from lordbench.runner.plan import Request, make_plan
from lordbench.search.criterion import CRITERIA
from lordbench.search.journal import Journal
from lordbench.search.method import SearchedMethod
from lordbench.search.outcome import Outcome, preset_text
from lordbench.search.trials import Trial

SEARCH = ["search", "--dataset", "./halves_set.py", "--preset", "tiny.yaml", "--set", "budget.images=160"]
BOTH = [*SEARCH, "--methods", "mlvae,drnet", "--tries", "4", "--random", "2"]


def trials(folder: str, method: str = "mlvae") -> list[Trial]:
    return Journal(Path(folder) / "journal.log").trials(method)


def without_times(folder: str) -> list[dict[str, object]]:
    return [
        trial.model_dump(exclude={"seconds"}) for name in ("mlvae", "drnet") for trial in trials(folder, name)
    ]


def test_a_search_ends_with_a_preset_and_a_table_of_tries(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*BOTH) == 0
    printed = capsys.readouterr().out
    assert "validation of samples, seeds 0, 1, 2" in printed
    assert "Chosen by other criteria" in printed
    table = pd.read_csv("search/tries.csv")
    assert table.groupby("method").size().to_dict() == {"drnet": 4, "mlvae": 4}
    assert list(table["source"][:4]) == ["start", "random", "sampler", "sampler"]
    assert set(table["budget"]) <= {"1/9", "1/3", "1"}
    assert table[table["chosen"]].groupby("method").size().to_dict() == {"drnet": 1, "mlvae": 1}
    assert table.loc[table["chosen"], "complete"].all()
    assert (table["processor_seconds"] > 0).all()
    # The start is trained with the whole budget, and the shared rate has the same random value.
    rates = [json.loads(text)["learning_rate"] for text in table.loc[table["try"] == 1, "settings"]]
    assert table.loc[table["try"] == 0, "complete"].all()
    assert rates[0] == rates[1]
    assert Path("search/best-so-far.png").exists()
    # No image that seeds 0, 1 or 2 hold out was seen.
    assert set(results("search")["split"]) == {"validation of samples, seeds 0, 1, 2"}

    chosen = json.loads(table.loc[table["chosen"] & (table["method"] == "mlvae"), "settings"].iloc[0])
    command = ["run", "--dataset", "./halves_set.py", "--preset", "search/best.yaml"]
    command += ["--experiments", "reconstruction"]
    assert run(*command, "--methods", "mlvae,gvae,mlvae[kl_weight=0.5]") == 0
    rows = results().drop_duplicates("cell").set_index(["method", "variant"])["searched"]
    text = "4 tries on halves, validation of samples, seeds 0, 1, 2; tiny.yaml[budget.images=160]; by "
    assert rows["mlvae", ""].startswith(text)
    assert rows["gvae", ""] == rows["mlvae", "kl_weight=0.5"] == "not searched"
    cells = [json.loads(path.read_text()) for path in Path("runs/cells").glob("*/cell.json")]
    (settings,) = (c["settings"] for c in cells if (c["method_name"], c["variant"]) == ("mlvae", ""))
    assert {name: settings[name] for name in chosen} == chosen
    assert run("leaderboard", "runs") == 0
    assert "Settings not searched: gvae, mlvae[kl_weight=0.5]." in capsys.readouterr().out


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let the next command be interrupted after so many cells, in the middle of one."""
    run_cell = local.run_cell

    def after(cells: int) -> None:
        left = iter(range(cells))

        def killed(*arguments: object) -> object:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return run_cell(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(local, "run_cell", killed)

    return after


def test_a_search_killed_ten_times_ends_with_the_same_trials(
    run: Run, interrupted: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(*BOTH, "--out", "unbroken") == 0
    add = Journal.add

    def half(journal: Journal, method: str, own: list[Trial], ranges: object) -> None:
        add(journal, method, own[:1], ranges)  # type: ignore[arg-type]
        with journal.path.open("ab") as file:
            file.write(b'{"op_code":4,"wor')
        raise KeyboardInterrupt

    kills = 0
    for cells in (0, 2, 3, 5, 6, 7, 8):
        interrupted(cells)
        kills += run(*BOTH, "--out", "broken") == 130
    interrupted(1000)
    # While the journal is written, too: in the middle of a round, and of a line.
    for _ in range(3):
        monkeypatch.setattr(Journal, "add", half)
        kills += run(*BOTH, "--out", "broken") == 130
        monkeypatch.setattr(Journal, "add", add)
    assert kills == 10
    assert run(*BOTH, "--out", "broken") == 0
    assert without_times("broken") == without_times("unbroken")
    assert len(without_times("broken")) == 8
    tables = [
        pd.read_csv(f"{name}/tries.csv").drop(columns="processor_seconds") for name in ("broken", "unbroken")
    ]
    assert tables[0].equals(tables[1])


def test_only_what_decides_is_measured(run: Run) -> None:
    assert run(*SEARCH, "--methods", "mlvae", "--tries", "2") == 0
    measured: dict[bool, set[str]] = {True: set(), False: set()}
    for path in Path("search/cells").glob("*/cell.json"):
        cell = json.loads(path.read_text())
        record = json.loads((path.parent / "reconstruction.json").read_text())
        if cell["method_name"] == "mlvae":
            is_part = "budget=1/" in cell["preset_name"]
            measured[is_part] |= {m["metric"] for m in record["measurements"]}
    images = {"l1", "ssim", "psnr", "lpips"}
    assert (measured[True] & images, measured[False] & images) == ({"l1"}, {"l1", "lpips"})


def test_more_tries_continue_a_search(run: Run) -> None:
    command = [*SEARCH, "--methods", "mlvae", "--random", "2"]
    assert run(*command, "--tries", "6", "--out", "straight") == 0
    assert run(*command, "--tries", "2", "--out", "extended") == 0
    assert len(trials("extended")) == 2
    assert run(*command, "--tries", "6", "--out", "extended") == 0
    first, second = (
        [trial.model_dump(exclude={"seconds"}) for trial in trials(name)] for name in ("straight", "extended")
    )
    assert first == second


def test_time_ends_a_search_after_a_round(run: Run) -> None:
    assert run(*SEARCH, "--methods", "mlvae", "--random", "2", "--time", "0.001s") == 0
    assert len(trials("search")) == 2


@pytest.mark.slow
def test_workers_find_the_same_trials(run: Run) -> None:
    command = [*SEARCH, "--methods", "mlvae", "--tries", "2", "--random", "2"]
    assert run(*command, "--out", "alone", "-j", "1") == 0
    assert run(*command, "--out", "workers", "-j", "2") == 0
    alone, workers = (
        [trial.model_dump(exclude={"seconds"}) for trial in trials(name)] for name in ("alone", "workers")
    )
    assert alone == workers


@pytest.mark.slow
def test_a_search_killed_by_a_signal_resumes(run: Run) -> None:
    command = [sys.executable, "-m", "lordbench", *BOTH, "--checkpoint-every", "0.2"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    for seconds in (8, 11, 14):
        process = subprocess.Popen([*command, "--out", "broken"], **quiet)  # type: ignore[call-overload]
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert run(*BOTH, "--out", "broken") == 0
    assert run(*BOTH, "--out", "unbroken") == 0
    assert without_times("broken") == without_times("unbroken")


FIXED = "mlvae[kl_weight=1,learning_rate=1e-3,per_class=4,content_size=8]"
UNLABELLED = """
from dataclasses import replace
from typing import ClassVar
from helpers import halves
from lordbench.data.dataset import Dataset

class Unlabelled(Dataset):
    summary: ClassVar[str] = "without contents"
    def load(self, size, track=None):
        images = halves(n_classes=8, n_contents=16, size=size)
        return replace(images, contents=None, content_names=None)
"""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--methods", "control"], "method control: no setting has a range"),
        (
            ["--methods", FIXED],
            "no setting",
        ),
        (["--methods", "mlvae,mlvae[kl_weight=0.1]"], "mlvae is listed twice"),
        (
            ["--methods", "mlvae", "--set", "defaults.content_size=2"],
            "content_size is 2 here, outside",
        ),
        (["--methods", "mlvae", "--criterion", "rihgt"], "unknown criterion 'rihgt'"),
        (["--methods", "mlvae", "--criterion", "one-shot"], "needs held-out classes: --split classes"),
        (["--methods", "mlvae", "--time", "5 parsecs"], "--time 5 parsecs: not a duration"),
        (["--methods", "mlvae", "--reserve", "0,x"], "--reserve 0,x: give whole numbers"),
        (["--methods", "mlvae", "--preset", "experiments"], "preset experiments is a grid"),
        (["--methods", "mlvae", "--reserve", ",".join(map(str, range(200)))], "without what seeds 0, 1"),
        (["--methods", "nothing"], "unknown method 'nothing'"),
    ],
)
def test_bad_input_is_one_line(
    run: Run, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert run(*SEARCH, *options) == 2
    assert message in capsys.readouterr().err


def test_a_criterion_that_the_data_cannot_have_is_refused_with_the_reason(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("unlabelled.py").write_text(UNLABELLED)
    command = [*SEARCH[:1], "--dataset", "./unlabelled.py", *SEARCH[3:], "--methods", "mlvae", "--tries", "1"]
    assert run(*command) == 2
    error = capsys.readouterr().err
    assert "contents are not labelled" in error
    assert "Possible here: --criterion class or reconstruction" in error
    assert not list(Path("search/cells").glob("*/checkpoint.safetensors"))
    assert run(*command, "--criterion", "class", "--out", "possible") == 0


def test_a_journal_of_another_search_is_refused(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [*SEARCH, "--methods", "mlvae", "--tries", "1"]
    assert run(*command) == 0
    before = Path("search/journal.log").read_bytes()
    for other, name in ((["--criterion", "l1"], "criterion"), (["--seed", "1"], "seed")):
        assert run(*command, *other) == 2
        assert f"the search of mlvae was begun with other {name}" in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.setattr("lordbench.search.method.PROTOCOL_VERSION", 99)
        assert run(*command) == 2
        assert "was begun with other protocol" in capsys.readouterr().err
    assert Path("search/journal.log").read_bytes() == before
    Path("search/journal.log").write_bytes(before.replace(b"op_code", b"\xffp_code", 1))
    assert run(*command) == 2
    assert "not a readable journal" in capsys.readouterr().err


def test_optuna_is_an_extra(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lordbench.utils.errors.find_spec", lambda name: None)
    assert run(*SEARCH, "--methods", "mlvae") == 2
    assert "pip install 'lordbench[search]'" in capsys.readouterr().err


def test_a_failing_method_ends_alone(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    text = Path("broken.py").read_text().replace("class Broken", CONFIG + "class Broken")
    Path("broken.py").write_text(text.replace('"none"\n', '"none"\n    Config = BrokenConfig\n'))
    assert run(*SEARCH, "--methods", "./broken.py,mlvae", "--tries", "1") == 1
    assert "no such luck" in capsys.readouterr().err
    assert len(trials("search")) == 1
    assert trials("search", "broken") == []


CONFIG = """
from typing import Annotated
from lordbench.training import MethodConfig, Range

class BrokenConfig(MethodConfig):
    rate: Annotated[float, Range(1e-4, 1e-2, log=True)] = 1e-3

"""


def test_the_preset_has_the_settings_that_were_given_beside_those_that_were_chosen(run: Run) -> None:
    request = Request(["mlvae[kl_weight=0.5]"], "./halves_set.py", "tiny.yaml", ["reconstruction"])
    (cell,) = make_plan(request).cells
    method = SearchedMethod.of(cell, (0, 1, 2))
    assert "kl_weight" not in method.ranges
    chosen = Trial(number=0, source="start", settings={"learning_rate": 0.002}, scores=(0.1, 0.2, 0.3))
    outcome = Outcome(CRITERIA["both"], {"mlvae": method}, {"mlvae": [chosen]}, {}, "halves")
    preset = yaml.safe_load(preset_text(outcome, Path("best.yaml")))
    assert preset["methods"]["mlvae"] == {"kl_weight": 0.5, "learning_rate": 0.002}


def test_settings_without_effect_beside_given_ones_are_not_searched(run: Run) -> None:
    command = [*SEARCH, "--methods", "lord[regularizer=kl]", "--tries", "1", "--random", "1"]
    assert run(*command) == 0
    (trial,) = trials("search", "lord")
    assert "kl_weight" in trial.settings
    assert "decay" not in trial.settings


PICKY = '''
from pydantic import model_validator
from lordbench.training import Range
from typing import Annotated, ClassVar
from lordbench.nn import EncoderDecoder, GroupTrainedConfig

class PickyConfig(GroupTrainedConfig):
    """Settings, of which most do not go together."""
    weight: Annotated[float, Range(0.0, 1.0)] = 0.0

    @model_validator(mode="after")
    def together(self):
        if self.weight > 0:
            raise ValueError("weight does not go with these")
        return self

class Picky(EncoderDecoder):
    summary: ClassVar[str] = "refuses most settings"
    source: ClassVar[str] = "a test"
    Config = PickyConfig

    def loss(self, batch, reconstruct):
        return {"reconstruction": reconstruct(self.decode(self.encode(batch.images)), batch.images)}
'''


DIVERGING = PICKY.replace("self.weight > 0", "False").replace("(self.decode", "(float('nan') * self.decode")


def test_a_method_that_refuses_a_combination_fails_alone(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("picky.py").write_text(PICKY)
    assert run(*SEARCH, "--methods", "./picky.py,mlvae", "--tries", "2", "--random", "2") == 1
    assert "weight does not go with these" in capsys.readouterr().err.replace("\n", " ")
    assert len(trials("search")) == 2
    assert Path("search/best.yaml").exists()


def test_time_ends_a_search_whose_trainings_all_diverge(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    Path("diverging.py").write_text(DIVERGING)
    assert run(*SEARCH, "--methods", "./diverging.py", "--time", "1s", "--random", "2") == 1
    assert "every try of a round failed: TrainingDivergedError" in capsys.readouterr().err.replace("\n", " ")


def test_a_search_of_other_methods_goes_into_another_folder(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    one = [*SEARCH, "--tries", "1", "--random", "1", "--methods"]
    assert run(*one, "mlvae") == 0
    before = Path("search/best.yaml").read_bytes()
    assert run(*one, "gvae") == 2
    assert "it also has the search of mlvae" in capsys.readouterr().err
    assert Path("search/best.yaml").read_bytes() == before


def test_a_search_without_a_finished_try_may_begin_otherwise(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    one = [*SEARCH, "--tries", "1", "--random", "1", "--methods", "mlvae"]
    assert run(*one, "--criterion", "one-shot") == 2
    assert run(*one) == 0
    assert run(*one, "--set", "image_size=32") == 2
    error = capsys.readouterr().err.replace("\n", " ")
    assert "'image_size': 16" in error
    assert "real_images" not in error
