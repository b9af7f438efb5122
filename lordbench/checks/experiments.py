"""The checks of an experiment, on a method that was trained for a moment."""

import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lordbench.checks.check import Check, SkippedCheck, require, require_text
from lordbench.checks.trial import BATCH, CPU, SPLITS, Trial, state_bytes, without_contents
from lordbench.config import registry
from lordbench.data import ImageSet, SplitName
from lordbench.data.splits import split
from lordbench.evaluation import EvaluationConfig, Experiment, Headline, Measurement, Scoring, Trained
from lordbench.results.run_folder import CellFolder
from lordbench.training import Method

SIZES = EvaluationConfig(pairs=30, real_images=40, grid=(3, 2), probed=40, optimization=10)
METRICS = ("l1", "probe_linear")
"""Metrics that need no weights; the checks do not depend on which they are."""


@dataclass
class ExperimentTrial:
    """An experiment, and the method that it is run with."""

    name: str
    kind: type[Experiment]
    method_trial: Trial

    @cached_property
    def methods(self) -> dict[SplitName, Method]:
        """Briefly trained methods, one per split of the tiny set."""
        trial, images = self.method_trial, self.method_trial.data()
        return {name: trial.train(split(images, name, seed=0).train)[0] for name in SPLITS}

    def run(self, name: SplitName, images: ImageSet | None = None) -> list[Measurement]:
        """Run the experiment on a split of the tiny set, or of other images; its pictures are discarded."""
        parts = split(images or self.method_trial.data(), name, seed=0)
        scoring = Scoring(CPU, {metric: registry.find("metrics", metric).load() for metric in METRICS})
        with tempfile.TemporaryDirectory() as folder:
            trained = Trained("trial", self.methods[name], parts, CPU, 0, SIZES, BATCH, scoring, Path(folder))
            measurements = self.kind().run(trained)
        kind = type(measurements).__name__
        require(isinstance(measurements, list), f"run gives {kind}, not a list of Measurement")
        return measurements

    @cached_property
    def measurements(self) -> dict[SplitName, list[Measurement]]:
        """What it measures on each split."""
        return {name: self.run(name) for name in SPLITS}


def declares(trial: ExperimentTrial) -> str:
    """It has a summary of a line."""
    require_text(trial.kind, "summary")
    return str(trial.kind.summary)


def measures(trial: ExperimentTrial) -> str:
    """`run` returns measurements under its own name, each quantity once: these identify rows."""
    for name, measured in trial.measurements.items():
        odd = [m for m in measured if not isinstance(m, Measurement)]
        require(not odd, f"split {name}: run gives {type(odd[0]).__name__ if odd else ''} among measurements")
        other = sorted({m.experiment for m in measured} - {trial.name})
        message = f"split {name}: measurements say experiment={', '.join(map(repr, other))}"
        require(not other, message, f"Write {trial.name!r}, the name of its file.")
        keys = [(m.codes, m.subject, m.metric) for m in measured]
        require(len(set(keys)) == len(keys), f"split {name}: a quantity is measured twice under one name")
    if not any(trial.measurements.values()):
        raise SkippedCheck("it measures nothing on the tiny set, which lacks labels that it needs")
    counts = {name: len(measured) for name, measured in trial.measurements.items()}
    return ", ".join(f"{count} values on split {name}" for name, count in counts.items())


def shows(trial: ExperimentTrial) -> str:
    """Its headlines are plain data, and each is measured on some split, unless it needs other data."""
    columns = [headline for own in trial.kind.headlines.values() for headline in own]
    odd = [column for column in columns if not isinstance(column, Headline)]
    require(not odd, f"headlines: {odd[:1]} is no Headline", "Write Headline(title, codes, subject, metric).")
    found = {(m.codes, m.subject, m.metric) for measured in trial.measurements.values() for m in measured}
    unknown = [
        column.title
        for column in columns
        if not column.needs and "*" not in column.subject + column.metric and column[1:4] not in found
    ]
    require(
        not unknown,
        f"headlines: nothing is measured for {', '.join(unknown)}",
        "Headline takes codes, subject and metric as `run` returns them; say with needs=... what it needs.",
    )
    return f"{len(columns)} columns" if columns else "all values with a direction of merit"


def same_again(trial: ExperimentTrial) -> str:
    """Run again it finds the same values: pairs and folds are drawn with the given seed."""
    for name, measured in trial.measurements.items():
        again = trial.run(name)
        changed = [a.metric for a, b in zip(measured, again, strict=True) if a.model_dump() != b.model_dump()]
        require(
            not changed,
            f"split {name}: the second time it finds other values of {', '.join(sorted(set(changed)))}",
            "Draw with lordbench.utils.seeds.numpy_generator(trained.seed, NAME).",
        )
    return "equal to the last digit"


def spares_the_method(trial: ExperimentTrial) -> str:
    """It does not change the method, which later experiments use."""
    for name, method in trial.methods.items():
        before = state_bytes(method)
        trial.run(name)
        require(state_bytes(method) == before, "the state of the method has changed", "Work on a copy of it.")
        require(not method.training, "the method is left in training mode", "Restore it with eval().")
    return "its state is unchanged"


def unlabelled(trial: ExperimentTrial) -> str:
    """It works without content labels, and omits the measurements that need them."""
    measured = trial.run("samples", without_contents(trial.method_trial.data()))
    return f"{len(measured)} values on split samples"


def kept(trial: ExperimentTrial) -> str:
    """Its measurements can be written and read back."""
    with tempfile.TemporaryDirectory() as folder:
        cell = CellFolder(Path(folder))
        for measured in trial.measurements.values():
            cell.write_measurements(trial.name, measured)
            read = [m.model_dump() for m in cell.measurements(trial.name) or []]
            equal = read == [m.model_dump() for m in measured]
            require(equal, "measurements differ after writing and reading")
    return "written and read back"


EXPERIMENT_CHECKS: tuple[Check[ExperimentTrial], ...] = (
    Check("describes itself", declares),
    Check("measures", measures),
    Check("shows", shows, needs=("measures",)),
    Check("same again", same_again, needs=("measures",)),
    Check("spares the method", spares_the_method, needs=("measures",)),
    Check("unlabelled content", unlabelled, needs=("measures",)),
    Check("kept", kept, needs=("measures",)),
)
"""In order."""
