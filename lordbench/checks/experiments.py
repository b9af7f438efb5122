"""The checks of an experiment, on a method that was trained for a moment."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lordbench.checks.check import Check, SkippedCheck, require, require_text
from lordbench.checks.trial import BATCH, CPU, Trial, state_bytes, without_contents
from lordbench.config import registry
from lordbench.data.images import ImageSet
from lordbench.data.splits import SplitName, split
from lordbench.evaluation.experiment import EvaluationConfig, Experiment, Trained
from lordbench.evaluation.measurement import Measurement
from lordbench.evaluation.scoring import Scoring
from lordbench.results.run_folder import CellFolder
from lordbench.training.method import Method

SIZES = EvaluationConfig(pairs=30, real_images=40, grid=(3, 2), probed=40, optimization=10)
METRICS = ("l1", "probe_linear")
"""Metrics that need no weights: what an experiment does with values does not depend on which they are."""
SPLITS: tuple[SplitName, ...] = ("samples", "classes")


@dataclass
class Trying:
    """An experiment on trial.

    Attributes:
        name: of the experiment.
        kind: its class.
        trial: the method that it is tried with.
    """

    name: str
    kind: type[Experiment]
    trial: Trial

    @cached_property
    def methods(self) -> dict[SplitName, Method]:
        """Methods that were trained for a moment, each on a split of the tiny set."""
        return {name: self.trial.train(split(self.trial.data(), name, seed=0).train)[0] for name in SPLITS}

    def run(self, name: SplitName, images: ImageSet | None = None) -> list[Measurement]:
        """Run the experiment on a split of the tiny set, or of other images; pictures go nowhere."""
        parts = split(images or self.trial.data(), name, seed=0)
        scoring = Scoring(CPU, {metric: registry.find("metrics", metric).load() for metric in METRICS})
        with tempfile.TemporaryDirectory() as folder:
            trained = Trained("tried", self.methods[name], parts, CPU, 0, SIZES, BATCH, scoring, Path(folder))
            found = self.kind().run(trained)
        require(isinstance(found, list), f"run gives {type(found).__name__}, not a list of Measurement")
        return found

    @cached_property
    def found(self) -> dict[SplitName, list[Measurement]]:
        """What it measures on each split."""
        return {name: self.run(name) for name in SPLITS}

    def all_found(self) -> Iterator[Measurement]:
        """All that it measures."""
        for measurements in self.found.values():
            yield from measurements


def declares(trying: Trying) -> str:
    """It says in a line what it asks."""
    require_text(trying.kind, "summary")
    return str(trying.kind.summary)


def measures(trying: Trying) -> str:
    """`run` gives measurements under its own name, each quantity once: rows are told apart by that."""
    for name, found in trying.found.items():
        odd = [m for m in found if not isinstance(m, Measurement)]
        require(not odd, f"split {name}: run gives {type(odd[0]).__name__ if odd else ''} among measurements")
        other = sorted({m.experiment for m in found} - {trying.name})
        require(
            not other,
            f"split {name}: measurements say experiment={', '.join(map(repr, other))}",
            f"Write {trying.name!r}, the name of its file.",
        )
        keys = [(m.codes, m.subject, m.metric) for m in found]
        require(len(set(keys)) == len(keys), f"split {name}: a quantity is measured twice under one name")
    if not any(trying.all_found()):
        raise SkippedCheck("it measures nothing on the tiny set, which lacks labels that it needs")
    return ", ".join(f"{len(found)} values on split {name}" for name, found in trying.found.items())


def same_again(trying: Trying) -> str:
    """Run again it finds the same values: pairs and folds are drawn under the seed that it is given."""
    for name, found in trying.found.items():
        again = trying.run(name)
        changed = [a.metric for a, b in zip(found, again, strict=True) if a.model_dump() != b.model_dump()]
        require(
            not changed,
            f"split {name}: the second time it finds other values of {', '.join(sorted(set(changed)))}",
            "Draw with lordbench.utils.seeds.numpy_generator(trained.seed, NAME).",
        )
    return "equal to the last digit"


def spares_the_method(trying: Trying) -> str:
    """The method is as it was: the experiments after it get the same one."""
    for name, method in trying.methods.items():
        before = state_bytes(method)
        trying.run(name)
        require(state_bytes(method) == before, "the method's state is changed", "Work on a copy of it.")
        require(not method.training, "the method is left in training mode", "Put it back with eval().")
    return "its state is as before"


def unlabelled(trying: Trying) -> str:
    """It ends where content is not labelled: measurements that need the labels are left out."""
    found = trying.run("samples", without_contents(trying.trial.data()))
    return f"{len(found)} values on split samples"


def kept(trying: Trying) -> str:
    """What it measures can be written and read back."""
    with tempfile.TemporaryDirectory() as folder:
        cell = CellFolder(Path(folder))
        for found in trying.found.values():
            cell.write_measurements(trying.name, found)
            read = [measurement.model_dump() for measurement in cell.measurements(trying.name) or []]
            require(read == [m.model_dump() for m in found], "read back, the measurements are others")
    return "written and read back"


EXPERIMENT_CHECKS: tuple[Check[Trying], ...] = (
    Check("describes itself", declares),
    Check("measures", measures),
    Check("same again", same_again, needs=("measures",)),
    Check("spares the method", spares_the_method, needs=("measures",)),
    Check("unlabelled content", unlabelled, needs=("measures",)),
    Check("kept", kept, needs=("measures",)),
)
"""In the order in which they are made."""
