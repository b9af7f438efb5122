"""What a search ends with: the best settings as a preset, the table of tries, and what it prints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pandas as pd
import yaml
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from lordbench.config import selectors
from lordbench.data.splits import validation_title
from lordbench.evaluation.measurement import Measurement
from lordbench.report.figures import save
from lordbench.search.criterion import CRITERIA, Criterion
from lordbench.search.figures import best_so_far, importance
from lordbench.search.method import SearchedMethod, fixed_settings
from lordbench.search.trials import SHARES, Trial, best, processor_seconds
from lordbench.utils.files import write_text
from lordbench.utils.progress import duration

HEADER = """# Settings chosen by `lordbench search`: lordbench run --preset {path}
"""


@dataclass(frozen=True)
class Outcome:
    """A search, as far as it has come.

    Attributes:
        methods, trials: by the method's name.
        reference: measurements of a copy of image B, by the names of quantities.
        dataset: name of the data set.
    """

    criterion: Criterion
    methods: Mapping[str, SearchedMethod]
    trials: Mapping[str, list[Trial]]
    reference: Mapping[str, Measurement]
    dataset: str

    def chosen(self, method: str, criterion: Criterion) -> Trial | None:
        """The complete trial that a criterion chooses; None if one of them lacks a quantity, or none is."""
        names = [column.full_name for column in criterion.columns]
        complete = [trial for trial in self.trials[method] if trial.complete]
        if not complete or any(name not in trial.values for trial in complete for name in names):
            return None
        higher = bool(self.reference[names[0]].higher_is_better)

        def merit(trial: Trial) -> tuple[float, ...]:
            own = [trial.values[name] for name in names]
            return (not trial.collapsed, criterion.merit(own, higher), -trial.number)

        return max(complete, key=merit)


def write_outcome(outcome: Outcome, folder: Path) -> None:
    """Write `best.yaml`, `tries.csv` and the figures `best-so-far.png` and `importance.png`."""
    write_text(folder / "best.yaml", preset_text(outcome, folder / "best.yaml"))
    write_text(folder / "tries.csv", tries(outcome).to_csv(index=False, lineterminator="\n"))
    ranges = {name: method.ranges for name, method in outcome.methods.items()}
    figures = {
        "best-so-far": best_so_far(outcome.trials, outcome.criterion.first),
        "importance": importance(outcome.trials, ranges),
    }
    for name, drawn in figures.items():
        if drawn is not None:
            save(drawn, folder / f"{name}.png")


def preset_text(outcome: Outcome, path: Path) -> str:
    """The preset of the search with the chosen settings, and with how they were chosen."""
    template = next(iter(outcome.methods.values())).template
    values = template.preset.model_dump(mode="json", exclude_none=True)
    values["summary"] = f"{template.preset_name}, with settings searched on {outcome.dataset}"
    for name, method in outcome.methods.items():
        if chosen := best(outcome.trials[name]):
            # Settings that the user gave hold for the search, so they go with what it chose.
            fixed = {key: method.template.settings[key] for key in fixed_settings(method.template)}
            values["methods"][name] = values["methods"].get(name, {}) | fixed | chosen.settings
            values["searched"][name] = _provenance(outcome, method, len(outcome.trials[name]))
        else:
            values["searched"].pop(name, None)
    return HEADER.format(path=path) + yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)


def _provenance(outcome: Outcome, method: SearchedMethod, count: int) -> str:
    cell = method.template
    images = validation_title(cell.split, cell.reserved)
    return f"{count} tries on {outcome.dataset}, {images}; {cell.preset_name}; by {outcome.criterion}"


def tries(outcome: Outcome) -> pd.DataFrame:
    """One row for each trial: where it came from, how far it went, its cost, settings and values."""
    records = []
    for name, trials in outcome.trials.items():
        for trial in trials:
            reached = len(trial.scores)
            record = {
                "method": name,
                "try": trial.number,
                "source": trial.source,
                "budget": str(Fraction(SHARES[reached - 1]).limit_denominator(1000)) if reached else "0",
                "complete": trial.complete,
                "chosen": trial == best(trials),
                "score": trial.scores[-1] if reached else None,
                "collapsed": trial.collapsed,
                "error": trial.error,
                "processor_seconds": round(sum(trial.seconds), 3),
                "cell": trial.cells[-1] if trial.cells else "",
                "settings": json.dumps(trial.settings, sort_keys=True),
            }
            records.append(record | trial.values)
    return pd.DataFrame.from_records(records)


def rich_outcome(outcome: Outcome) -> Iterator[RenderableType]:
    """What the search prints: tries, cost and best values, then what other criteria would have chosen."""
    criterion = outcome.criterion
    table = Table("method", "tries", "whole budget", "processor time", box=None, pad_edge=False)
    for column in criterion.columns:
        table.add_column(f"{column.title}: start", justify="right")
        table.add_column("best", justify="right")
    for name, trials in outcome.trials.items():
        start, chosen = trials[0] if trials and trials[0].complete else None, best(trials)
        texts = [name, str(len(trials)), str(sum(trial.complete for trial in trials))]
        texts.append(duration(processor_seconds(trials)))
        texts += [
            _value(trial, column.full_name) for column in criterion.columns for trial in (start, chosen)
        ]
        table.add_row(*map(escape, texts))
    cell = next(iter(outcome.methods.values())).template
    images = validation_title(cell.split, cell.reserved)
    yield f"[bold]{escape(outcome.dataset)}[/], {escape(images)}; chosen by {escape(str(criterion))}"
    yield table
    yield from ("", "[bold]Chosen settings[/]")
    for name, trials in outcome.trials.items():
        yield escape(f"{name}: {_described(best(trials))}")
    floors = [
        f"{column.title} {outcome.reference[column.full_name].value:.4g}" for column in criterion.columns
    ]
    yield escape(f"A copy of image B has {', '.join(floors)}.")
    others = [other for other in CRITERIA.values() if other.name != criterion.name]
    others = [other for other in others if any(outcome.chosen(name, other) for name in outcome.methods)]
    if others:
        yield from ("", "[bold]Chosen by other criteria[/]: number of the try, and its value")
        yield _choices(outcome, [criterion, *others])


def _choices(outcome: Outcome, criteria: list[Criterion]) -> Table:
    table = Table("method", *(escape(str(criterion)) for criterion in criteria), box=None, pad_edge=False)
    for name in outcome.methods:
        texts = []
        for criterion in criteria:
            chosen = outcome.chosen(name, criterion)
            number = f"#{chosen.number} " if chosen else ""
            texts.append(number + _value(chosen, criterion.first.full_name))
        table.add_row(escape(name), *texts)
    return table


def _value(trial: Trial | None, quantity: str) -> str:
    return "–" if trial is None else f"{trial.values[quantity]:.4f}"


def _described(trial: Trial | None) -> str:
    if trial is None:
        return "none: no try succeeded"
    return selectors.describe(trial.settings) + (" (collapsed, as all tries)" if trial.collapsed else "")
