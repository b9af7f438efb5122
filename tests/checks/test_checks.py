"""`lordbench check` passes sound plug-ins, and names the cause of a failure."""

import json
from pathlib import Path

import broken_methods
import pytest
from commandline import Run

from lordbench.checks.check import Verdict
from lordbench.checks.methods import METHOD_CHECKS
from lordbench.checks.new import TEMPLATES
from lordbench.checks.suite import Sizes, run_checks


def checked(name: str | Path, **sizes: int) -> dict[str, Verdict]:
    return {verdict.check: verdict for verdict in run_checks(str(name), Sizes(**sizes))}


def failed(found: dict[str, Verdict]) -> dict[str, str]:
    return {name: verdict.message for name, verdict in found.items() if verdict.status == "failed"}


def written(folder: Path, source: str) -> Path:
    path = folder / "mine.py"
    path.write_text(source)
    return path


@pytest.mark.parametrize("name", ["lord", "drnet", "mlvae"])
def test_shipped_methods_pass(name: str) -> None:
    found = checked(name)
    assert not failed(found)
    for check in ("same training again", "resumes", "state", "learns", "transfers"):
        assert found[check].status == "passed", found[check]
    optional = {"learned codes", "optimized codes"}
    assert {found[check].status for check in optional} == {"passed" if name == "lord" else "skipped"}


def test_a_method_in_closed_form_passes_and_skips_resuming(tmp_path: Path) -> None:
    found = checked(written(tmp_path, broken_methods.GOOD))
    assert not failed(found)
    assert found["resumes"].status == "skipped"
    assert len(found) == 1 + len(METHOD_CHECKS)


def test_ranges_are_named(tmp_path: Path) -> None:
    verdict = checked(written(tmp_path, broken_methods.RANGE))["ranges"]
    assert (verdict.status, verdict.message) == ("passed", "of content_size")


class TestABrokenMethod:
    """Each differs from one that passes in a single point, which a check names."""

    @pytest.mark.parametrize(
        ("source", "check", "cause"),
        [
            ("IMPORT_ERROR", "loads", "No module named 'nothing_like_this'"),
            ("WRONG_SHAPE", "images", "float32 (5, 3, 16, 15); float32 (5, 3, 16, 16) is needed"),
            ("OUT_OF_RANGE", "images", "[0, 1] is needed"),
            ("RANDOM_CODES", "same codes again", "other codes for the same images"),
            ("NEVER_LEARNS", "learns", "reconstructions are off by"),
            ("RANDOM_TRAINING", "same training again", "tensors, such as mean"),
            ("ONE_CLASS_CODE_ONLY", "codes", "float32 (5, 32) is needed"),
            ("DEPENDS_ON_BATCH", "alone or in a batch", "changes by"),
            ("COLOUR_ONLY", "trains", "no grey images"),
            ("NOT_IN_STATE", "state", "other codes or images"),
            ("BECOMES_NAN", "trains", "mean holds NaN"),
            ("DOUBLE", "codes", "float64 (5, 32); float32 (5, 32) is needed"),
            ("IGNORES_CLASS", "transfers", "with the class code of another image"),
            ("NO_SUMMARY", "describes itself", "summary is ''"),
            ("DEFAULT_OUTSIDE", "ranges", "content_size: its default 16 is outside of its Range(low=20"),
            ("RANGE_REFUSED", "ranges", "includes 0, which the setting refuses"),
            ("RANGE_EMPTY", "loads", "low must be less than high"),
        ],
    )
    def test_fails_with_the_cause(self, tmp_path: Path, source: str, check: str, cause: str) -> None:
        found = failed(checked(written(tmp_path, getattr(broken_methods, source))))
        assert list(found) == [check]
        assert cause in found[check]

    def test_gets_the_line_of_an_unexpected_error(self, tmp_path: Path) -> None:
        found = checked(written(tmp_path, broken_methods.COLOUR_ONLY))
        assert "in fit: assert train.channels == 3" in found["trains"].hint

    def test_gets_a_hint_about_settings_that_the_class_does_not_use(self, tmp_path: Path) -> None:
        found = checked(written(tmp_path, broken_methods.UNUSED_SETTINGS))["describes itself"]
        assert found.status == "failed"
        assert "LinearConfig is not used" in found.message
        assert "= LinearConfig` in the class" in found.hint

    def test_skips_only_the_checks_that_need_the_failed_one(self, tmp_path: Path) -> None:
        found = checked(written(tmp_path, broken_methods.OUT_OF_RANGE))
        assert found["state"].status == "passed"
        assert found["learns"].status == "skipped"
        assert found["learns"].message == "skipped: 'images' failed"

    def test_with_state_outside_its_tensors_does_not_resume(self, tmp_path: Path) -> None:
        source = (TEMPLATES / "method.py").read_text()
        loss = "        def loss(batch: Batch) -> dict[str, Tensor]:\n"
        output = "F.l1_loss(output, batch.images)}"
        for old, new in (
            (loss, "        seen = [0]\n\n" + loss + "            seen[0] += 1\n"),
            (output, "F.l1_loss(output, batch.images) * (1 + 0.01 * seen[0])}"),
        ):
            assert old in source
            source = source.replace(old, new)
        found = failed(checked(written(tmp_path, source), images=32))
        assert "resumes" in found
        assert set(found) <= {"resumes", "learns"}  # one step is too short to learn


@pytest.mark.parametrize("name", ["l1", "psnr", "probe_linear", "digits", "reconstruction"])
def test_shipped_components_of_other_kinds_pass(name: str) -> None:
    found = checked(name)
    assert not failed(found)
    assert sum(verdict.status == "passed" for verdict in found.values()) > 2


@pytest.mark.parametrize(
    ("template", "old", "new", "check"),
    [
        ("metric", "ClassVar[bool] = False", "ClassVar[bool] = True", "direction"),
        ("metric", "mean(dim=(1, 2, 3))", "mean()", "values"),
        ("dataset", "0.25 * np.cos(angle)", "0.25 * np.random.rand()", "same again"),
        ("dataset", "fingerprint(images, classes, contents, VERSION)", "VERSION", "another size"),
        ("experiment", 'MeasurementKey("mine"', 'MeasurementKey("yours"', "measures"),
    ],
)  # fmt: skip
def test_broken_components_of_other_kinds_fail(
    tmp_path: Path, template: str, old: str, new: str, check: str
) -> None:
    source = (TEMPLATES / f"{template}.py").read_text()
    assert old in source
    assert check in failed(checked(written(tmp_path, source.replace(old, new))))


FORGETFUL = """
import time

import numpy as np

from lordbench.evaluation.metric import Probe


class Forgetful(Probe):
    higher_is_better = True
    source = "nearest mean"
    thread_safe = True

    def predict(self, train_codes, train_labels, test_codes, seed):
        self.means = [train_codes[train_labels == label].mean(0) for label in range(4)]
        self.count = len(train_codes)
        time.sleep(0.02)
        off = np.linalg.norm(test_codes[:, None] - np.stack(self.means), axis=2)
        return (off.argmin(1) + (self.count == 30)) % 4

    def policy(self):
        return "none"
"""


def test_a_probe_that_is_not_thread_safe_fails(tmp_path: Path) -> None:
    assert set(failed(checked(written(tmp_path, FORGETFUL)))) == {"threads"}


class TestCommand:
    def test_exits_with_1_if_a_check_failed_and_0_otherwise(
        self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        written(tmp_path, broken_methods.OUT_OF_RANGE)
        assert run("check", "l1") == 0
        assert run("check", "l1", "./mine.py") == 1
        # A narrow terminal wraps the sentence in the table.
        shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
        assert "[0, 1] is needed" in shown
        assert "torch.sigmoid" in shown

    def test_writes_json(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("check", "l1", "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert {verdict["status"] for verdict in found["l1"]} == {"passed"}

    def test_exits_with_2_if_the_component_does_not_exist(
        self, run: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name, words in (
            ("lorb", "did you mean lord"),
            ("./nowhere.py", "no such file"),
            ("lord[nise=1]", "nise"),
        ):
            assert run("check", name) == 2
            assert words in " ".join(capsys.readouterr().err.split())
