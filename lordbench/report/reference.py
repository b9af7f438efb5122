"""What the reference holds: the list of its groups of results."""

from __future__ import annotations

from collections.abc import Iterator

from lordbench.report.boards import method_names
from lordbench.results.archives import reference_runs
from lordbench.results.leaderboard import collect
from lordbench.results.names import GROUP, group_title
from lordbench.utils.progress import duration


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
