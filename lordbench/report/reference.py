"""What the reference holds: its tables, which are stored ready, and the list of its cells."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import TypeAdapter, ValidationError

from lordbench.report.boards import method_names
from lordbench.report.tables import Table
from lordbench.results.leaderboard import GROUP, collect, group_title
from lordbench.results.reference import TABLES, reference_runs
from lordbench.utils.errors import UserError
from lordbench.utils.progress import duration

TABLES_FORMAT = TypeAdapter(list[Table])
"""How the tables of an archive are stored: as JSON."""


def tables() -> Iterator[Table]:
    """The tables of each archive.

    Raises:
        UserError: as from `reference_runs`, or an archive has no readable tables.
    """
    for run in reference_runs():
        try:
            yield from TABLES_FORMAT.validate_json((run / TABLES).read_bytes())
        except (OSError, ValidationError):
            message = f"{run / TABLES}: not readable"
            raise UserError(message, "Delete the folder, which is unpacked again.") from None


def contents() -> Iterator[tuple[str, ...]]:
    """Title, methods, seeds, commits, hardware and time of training of each group of results.

    Raises:
        UserError: as from `reference_runs`.
    """
    for group, own in collect(reference_runs()).groupby(GROUP, sort=False):
        cells = own.drop_duplicates("cell")
        methods = method_names(cells)["method"]
        seeds = cells.groupby(methods, sort=False)["seed"].nunique()
        few, most = seeds.min(), seeds.max()
        yield (
            group_title(group),
            f"{len(seeds)}: {', '.join(seeds.index)}",
            str(most) if few == most else f"{few} to {most}",
            ", ".join(sorted(set(cells["git_sha"]))),
            ", ".join(sorted(set(cells["device"]))),
            duration(float((cells["train_seconds"] * cells["threads"]).sum())),
        )
