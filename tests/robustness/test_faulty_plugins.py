"""Plug-ins with a fault are named, stop only what needs them, and change nothing of the others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from broken_methods import GOOD, IMAGES, OUT_OF_RANGE, WRONG_SHAPE, replaced
from commandline import DATASET, TINY, Run, results

EXPERIMENT = """
from typing import ClassVar
from lordbench.evaluation import Experiment

class Faulty(Experiment):
    summary: ClassVar[str] = "has a fault"

    def run(self, trained):
        {body}
        return []
"""
METRIC = """
from typing import ClassVar
from lordbench.evaluation import PairMetric

class Faulty(PairMetric):
    higher_is_better: ClassVar[bool] = False
    source: ClassVar[str] = "none"

    def __init__(self, device):
        {begin}

    def __call__(self, fake, real):
        return {value}

    def policy(self):
        return "none"
"""
FINE = "(fake - real).abs().mean(dim=(1, 2, 3))"


def error(capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed, as one line."""
    return re.sub(r"\s+", " ", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise ValueError('boo')", "ValueError: boo (in faulty)"),
        ("trained.split.test.images[:] = 0", "assignment destination is read-only (in faulty)"),
    ],
)
def test_an_experiment_is_named_and_the_others_go_on(
    run: Run, capsys: pytest.CaptureFixture[str], body: str, words: str
) -> None:
    Path("faulty.py").write_text(EXPERIMENT.format(body=body))
    assert run(*TINY, "--methods", "mlvae", "--experiments", "./faulty.py,reconstruction") == 1
    assert words in error(capsys)
    assert set(results()["experiment"]) == {"reconstruction"}


@pytest.mark.parametrize(
    ("begin", "value", "words"),
    [
        ("raise RuntimeError('no network')", FINE, "metric faulty: RuntimeError: no network"),
        ("pass", "fake.no_such_thing", "metric faulty: AttributeError"),
        ("pass", f"{FINE} * float('nan')", "metric faulty: ValueError: gives NaN or infinite values"),
        ("pass", f"{FINE}.mean()", "metric faulty: ValueError: gives () for"),
    ],
)
def test_a_metric_is_named(
    run: Run, capsys: pytest.CaptureFixture[str], begin: str, value: str, words: str
) -> None:
    Path("faulty.py").write_text(METRIC.format(begin=begin, value=value))
    arguments = ("--methods", "mlvae", "--experiments", "reconstruction", "--plugins", "faulty.py")
    assert run(*TINY, *arguments) == 1
    assert words in error(capsys)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (replaced((IMAGES, IMAGES + ".mul(255).byte()")), "`decode` gives torch.uint8"),
        (WRONG_SHAPE, "`decode` gives torch.float32"),
        (replaced(("return Codes(class_code, ", "return (class_code, ")), "`encode` gives tuple, not Codes"),
    ],
)
def test_outputs_of_a_method_that_are_no_images_or_codes_fail(
    run: Run, capsys: pytest.CaptureFixture[str], source: str, words: str
) -> None:
    Path("faulty.py").write_text(source)
    assert run(*TINY, "--methods", "./faulty.py", "--experiments", "reconstruction") == 1
    assert words in error(capsys)


def test_images_outside_the_range_are_clipped_with_a_notice(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    for source, noted in ((GOOD, False), (OUT_OF_RANGE, True)):
        Path("faulty.py").write_text(source)
        arguments = ("--methods", "./faulty.py", "--experiments", "reconstruction", "--out", str(noted))
        assert run(*TINY, *arguments) == 0
        assert ("outside [0, 1], and are clipped" in error(capsys)) == noted


def test_a_data_set_of_another_size_is_refused(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    Path("halves_set.py").write_text(DATASET.replace("size=size", "size=32"))
    assert run(*TINY, "--methods", "mlvae") == 2
    assert "`load` gives images of 32 px, not of 16" in error(capsys)
