"""The headline: the few quantities a person compares, per group of comparable lines, and which is best."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from lordbench.report.marks import NOTHING, Entry, mark_best
from lordbench.results.leaderboard import GROUP, LINE, QUANTITY, aggregate, label


class Column(NamedTuple):
    """A quantity that people read: its title, and where it is found among the rows.

    A subject that ends with `*` stands for every subject that begins so, with its end in the title's place
    of the `*`.
    """

    title: str
    experiment: str
    codes: str
    subject: str
    metric: str


TRANSFER, LEAKAGE, RECONSTRUCTION, ONE_SHOT = "content-transfer", "leakage", "reconstruction", "one-shot"
DOMAINS = "clustered-domain"
PROBE = "probe_mlp.normalized"
SECTIONS: dict[str, tuple[Column, ...]] = {
    "content transfer and reconstruction": (
        Column("LPIPS", TRANSFER, "encoded", "transfer", "lpips"),
        Column("SSIM", TRANSFER, "encoded", "transfer", "ssim"),
        Column("L1", TRANSFER, "encoded", "transfer", "l1"),
        Column("FID", TRANSFER, "encoded", "transfer", "fid"),
        Column("FD-VGG16", TRANSFER, "encoded", "transfer", "fd_vgg16"),
        Column("class agreement", TRANSFER, "encoded", "transfer", "class_agreement"),
        Column("recon. L1", RECONSTRUCTION, "encoded", "reconstruction", "l1"),
    ),
    "one-shot: transfer onto held-out classes, by the number of images that give the class": (
        Column("LPIPS, 1", ONE_SHOT, "encoded", "transfer, K = 1", "lpips"),
        Column("LPIPS, 5", ONE_SHOT, "encoded", "transfer, K = 5", "lpips"),
        Column("LPIPS, all", ONE_SHOT, "encoded", "transfer, all", "lpips"),
        Column("class agreement, 1", ONE_SHOT, "encoded", "transfer, K = 1", "class_agreement"),
        Column("class agreement, all", ONE_SHOT, "encoded", "transfer, all", "class_agreement"),
        Column("optimized: LPIPS, 1", ONE_SHOT, "optimized", "transfer, K = 1", "lpips"),
        Column("optimized: LPIPS, all", ONE_SHOT, "optimized", "transfer, all", "lpips"),
    ),
    "translation between domains, by the labels that methods were told (on …)": (
        Column("LPIPS *", DOMAINS, "encoded", "transfer of paired style, *", "lpips"),
        Column("FD-VGG16 *", DOMAINS, "encoded", "transfer of random styles, *", "fd_vgg16"),
        Column("diversity *", DOMAINS, "encoded", "transfer of random styles, *", "diversity"),
    ),
    "those labels beside the true styles": (
        Column("k *", DOMAINS, "", "classes of *", "k"),
        Column("silhouette *", DOMAINS, "", "classes of *", "silhouette"),
        Column("NMI *", DOMAINS, "", "classes of *", "nmi"),
    ),
    "leakage (MLP probe; 0 chance, 1 all; learned: codes of stage 1)": (
        Column("class leak", LEAKAGE, "encoded", "class from content", PROBE),
        Column("class leak (learned)", LEAKAGE, "learned", "class from content", PROBE),
        Column("content leak", LEAKAGE, "encoded", "content from class", PROBE),
        Column("class kept", LEAKAGE, "encoded", "class from class", PROBE),
        Column("content kept", LEAKAGE, "encoded", "content from content", PROBE),
    ),
}
"""What stands in which table; everything else is in `leaderboard.csv`."""

LEGEND = (
    "± reaches the farther end of the 95 % interval (one seed: bootstrap over classes, for transfers also "
    "over content images; several: Student's t over seeds). * best value; ≈ not told apart from the best: "
    "the intervals overlap. Values without ± are compared as they stand."
)


@dataclass(frozen=True)
class Line:
    """One method or reference, with an entry per column."""

    label: str
    is_reference: bool
    n_seeds: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Board:
    """One table: a section of the headline for one group.

    Attributes:
        title: the group and the section.
        columns: titles of the columns, with ↑ or ↓ for the direction of merit.
        decimals: digits after the point, per column.
        lines: methods, then references.
        notes: what has to be known beside the numbers, such as why a column is missing.
    """

    title: str
    columns: tuple[str, ...]
    decimals: tuple[int, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]

    @property
    def header(self) -> tuple[str, ...]:
        """Titles of all columns; the number of seeds has one where there are several."""
        return ("method", *(["seeds"] if self._shows_seeds else []), *self.columns)

    def start(self, line: Line) -> tuple[str, ...]:
        """What stands in a line before its entries."""
        return (line.label, str(line.n_seeds)) if self._shows_seeds else (line.label,)

    @property
    def first_reference(self) -> int | None:
        """Index of the line that a rule parts from the methods above it."""
        return next((i for i, line in enumerate(self.lines) if line.is_reference), None)

    @property
    def _shows_seeds(self) -> bool:
        return any(line.n_seeds > 1 for line in self.lines)


def boards(rows: pd.DataFrame) -> list[Board]:
    """Make the headline tables of collected rows: for each group, each section that holds anything."""
    made = []
    for group, lines in aggregate(rows).groupby(GROUP, sort=False):
        dataset, settings, split, preset = map(str, group)
        name = f"{label(dataset, settings)}, {split} split, preset {preset}"
        for section, columns in SECTIONS.items():
            board = _board(f"{name}: {section}", lines, columns)
            if board is not None:
                made.append(board)
    return made


def _board(title: str, group: pd.DataFrame, columns: Sequence[Column]) -> Board | None:
    found = {column: _pick(group, column) for written in columns for column in _written_out(written, group)}
    shown = {column: lines for column, lines in found.items() if lines["value"].notna().any()}
    if not shown:
        return None
    entries = {column: _entries(lines) for column, lines in shown.items()}
    lines = []
    for key, mine in group.groupby(LINE, sort=False):
        line = tuple(entries[column].get(key, NOTHING) for column in shown)
        if line.count(NOTHING) < len(line):
            name = label(*map(str, key[len(GROUP) :]))
            lines.append(Line(name, bool(mine["reference"].any()), int(mine["n_seeds"].max()), line))
    return Board(
        title,
        columns=tuple(column.title + _arrow(lines) for column, lines in shown.items()),
        decimals=tuple(_decimals(lines["value"]) for lines in shown.values()),
        lines=tuple(lines),
        notes=_notes(found),
    )


def _written_out(column: Column, group: pd.DataFrame) -> Iterator[Column]:
    """The columns that one with a `*` stands for; any other stands for itself."""
    if not column.subject.endswith("*"):
        yield column
        return
    start = column.subject.removesuffix("*")
    for subject in sorted(set(group.loc[group["experiment"] == column.experiment, "subject"])):
        if subject.startswith(start):
            title = column.title.replace("*", subject.removeprefix(start))
            yield column._replace(title=title, subject=subject)


def _pick(group: pd.DataFrame, column: Column) -> pd.DataFrame:
    wanted = pd.Series(True, index=group.index)
    for name in QUANTITY:
        wanted &= group[name] == getattr(column, name)
    return group[wanted]


def _entries(lines: pd.DataFrame) -> dict[Hashable, Entry]:
    """Entries of one column by the key of their line, the methods' among them marked."""
    keys = list(lines[LINE].itertuples(index=False, name=None))
    numbers = zip(lines["value"], lines["ci_low"], lines["ci_high"], strict=True)
    entries: dict[Hashable, Entry] = {key: Entry.of(*three) for key, three in zip(keys, numbers, strict=True)}
    methods = [key for key, reference in zip(keys, lines["reference"], strict=True) if not reference]
    direction = _direction(lines)
    if direction is not None:
        marked = mark_best([entries[key] for key in methods], higher_is_better=direction)
        entries |= zip(methods, marked, strict=True)
    return entries


def _direction(lines: pd.DataFrame) -> bool | None:
    found = lines["higher_is_better"].dropna()
    return bool(found.iloc[0]) if len(found) else None


def _arrow(lines: pd.DataFrame) -> str:
    return {True: " ↑", False: " ↓", None: ""}[_direction(lines)]


def _notes(found: dict[Column, pd.DataFrame]) -> tuple[str, ...]:
    """Each note once, with the columns it is about, and the methods where it is not about all."""
    titles: dict[str, list[str]] = {}
    for column, lines in found.items():
        for note, concerned in lines[lines["notes"] != ""].groupby("notes", sort=False):
            labels = map(label, concerned["method"], concerned["variant"], concerned["labels"])
            who = "" if len(concerned) == len(lines) else f" ({', '.join(labels)})"
            titles.setdefault(f"{who}: {note}", []).append(column.title)
    return tuple(", ".join(names) + note for note, names in titles.items())


def _decimals(values: pd.Series[float]) -> int:
    """Three significant digits of the largest value, the same number of decimals down the column."""
    largest = float(values.abs().max())
    return 3 if largest == 0 else int(np.clip(3 - np.ceil(np.log10(largest)), 1, 4))
