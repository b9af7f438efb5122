"""Run files: everything that a run is made of, as YAML, so that it can be done again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from lordbench.config.presets import load_grid
from lordbench.config.selectors import as_list
from lordbench.data.splits import SplitName
from lordbench.results.archives import runs_named
from lordbench.results.loading import results_file
from lordbench.runner import executors
from lordbench.runner.plan import Request
from lordbench.runner.session import RunOptions
from lordbench.training.checkpoints import CHECKPOINT_SECONDS
from lordbench.utils.files import expanded
from lordbench.utils.settings import read_mapping, validated
from lordbench.utils.version import __version__

MERGED = ("set", "executor_settings")
"""Settings whose own keys are overridden one by one."""
HEADER = f"# Written by lordbench {__version__}. To do this run again: lordbench run --config THIS_FILE\n"


def _several(value: object) -> object:
    return value if isinstance(value, str) or not isinstance(value, Sequence) else list(value)


Names = Annotated[list[str], BeforeValidator(as_list)]


class RunFile(BaseModel, extra="forbid", frozen=True):
    """All settings of `lordbench run` that make a run; relative paths start from the working directory.

    Where a setting is None, the preset's grid decides, else the default of the command. Code that it names by
    path is run, as if it were named on the command line.

    Attributes:
        dataset: selector, or several.
        metrics: to use besides the default ones.
        pattern: labels in file names of `folder:PATH`.
        set: settings of the preset or of a method, by dotted key.
        columns: metrics of the summary; empty for the headline metrics.
        against: run folders to compare with, or `reference` for the results that ship with lordbench.
        executor_settings: of its `Config`, such as `jobs`.
        checkpoint_every: seconds.
        trackers: names in `lordbench.runner.trackers.TRACKERS`.
        plugins: folders and files.
    """

    methods: Names | None = None
    dataset: Annotated[str | list[str] | None, BeforeValidator(_several)] = None
    pattern: str | None = None
    preset: Annotated[str, AfterValidator(os.path.expanduser)] = "quick"
    experiments: Names | None = None
    metrics: Names = []
    seeds: Annotated[list[int], BeforeValidator(as_list)] = [0]
    split: SplitName | None = None
    labels: Names | None = None
    set: dict[str, Any] = {}
    columns: Names = []
    against: Names = []
    out: Annotated[Path, AfterValidator(expanded)] = Path("runs")
    device: str = "auto"
    executor: str = "local"
    executor_settings: dict[str, Any] = {}
    checkpoint_every: float = Field(CHECKPOINT_SECONDS, ge=0)
    trackers: Names = []
    plugins: list[Path] = []

    def request(self) -> Request:
        """What is to be run."""
        return Request(
            methods=self.methods,
            dataset=self.dataset,
            preset=self.preset,
            experiments=self.experiments,
            metrics=self.metrics,
            seeds=self.seeds,
            split=self.split,
            labels=self.labels,
            data_settings={} if self.pattern is None else {"pattern": self.pattern},
            overrides=self.set,
        )

    def options(self, **more: Any) -> RunOptions:
        """How it is run, with further fields of `RunOptions`; UserError: the executor cannot be made."""
        return RunOptions(
            executor=executors.make(self.executor, self.executor_settings),
            device=self.device,
            checkpoint_seconds=self.checkpoint_every,
            trackers=tuple(self.trackers),
            columns=tuple(self.columns),
            against=tuple(results_file(run) for name in self.against for run in runs_named(name)),
            run_file=self.text(),
            **more,
        )

    def text(self) -> str:
        """The file as YAML, with the defaults of a preset without a grid filled in."""
        parts = self.request().parts(load_grid(self.preset))
        defaults = parts[0].model_dump(exclude={"experiments"}) if len(parts) == 1 else {}
        values = defaults | self.model_dump(mode="json", exclude_none=True)
        ordered = {
            name: values[name] for name in type(self).model_fields if values.get(name) not in (None, [], {})
        }
        return HEADER + yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True)


def read_run_file(path: Path | None, changes: Mapping[str, Any], where: str = "run") -> RunFile:
    """Read a run file, if any, with some of its settings replaced; UserError: it or a setting is wrong.

    `where` names the source of the changes.
    """
    values: dict[str, Any] = {}
    if path is not None:
        values = read_mapping(path)
        validated(RunFile, values, str(path))
    before = values.get("executor", RunFile.model_fields["executor"].default)
    if changes.get("executor", before) != before:
        # Settings of another executor.
        values = {**values, "executor_settings": {}}
    merged = {name: {**values.get(name, {}), **changes.get(name, {})} for name in MERGED}
    return validated(RunFile, {**values, **changes, **merged}, where)
