"""The report page: collects tables, figures and pictures of runs, and renders `page.html`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from lordbench.report.boards import with_entries
from lordbench.report.figures import Drawn, curves, forest, rendered, shots, tradeoff
from lordbench.report.leaderboard import chapters
from lordbench.report.page.card import card
from lordbench.report.page.columns import widened
from lordbench.report.page.definitions import definition
from lordbench.report.page.details import Details
from lordbench.report.page.pictures import pictures
from lordbench.report.picture_comparisons import comparisons
from lordbench.report.summary import summarise
from lordbench.report.tables import GREY, SIGNS, Table, latex
from lordbench.results.cells import CellRecord, cell_records
from lordbench.results.differences import Differences
from lordbench.results.leaderboard import aggregate, by_seed, collect
from lordbench.results.loading import SampleFiles
from lordbench.results.marks import marked
from lordbench.results.names import GROUP, LINE, group_title
from lordbench.utils.errors import UserError
from lordbench.utils.files import write_text

HERE = Path(__file__).parent
FILE = "index.html"
WIDE, NARROW = 9.0, 3.4
"""Inches: figures for a screen and for a telephone, both with letters of the same size."""
REMARK = re.compile(r"(?P<section>[^()]+) \((?P<remark>[^()]{20,})\)")
"""A section's title whose only brackets, at its end, are so long that they stand below it."""
Figure = dict[str, Any]


def write_report(runs: Sequence[Path], out: Path) -> Path:
    """Write the report of `runs`, as `collect` takes them, into a folder, atomically, and return its path."""
    rows, records = collect(runs), cell_records(runs)
    with ThreadPoolExecutor(1) as pool:
        # Pillow decodes and encodes without Python's lock, while tables and figures hold it.
        encoded = pool.submit(_pictures, records)
        page = _page(runs, rows, records, encoded)
    file = out / FILE
    write_text(file, page)
    return file


def _pictures(records: Sequence[CellRecord]) -> dict[str, Any]:
    """What the page shows of the cells' pictures."""
    compared, problems = comparisons(records)
    strips, note = pictures(compared)
    selections = max((strip["selections"] for strip in strips), key=len, default=())
    return {"comparisons": strips, "selections": selections, "picture_note": note, "problems": problems}


def _page(
    runs: Sequence[Path],
    rows: pd.DataFrame,
    records: Sequence[CellRecord],
    encoded: Future[dict[str, Any]],
) -> str:
    """The page as HTML; `encoded` are its `_pictures`."""
    lines = by_seed(rows)
    details = Details(rows, lines, records)
    compared = Differences(lines, SampleFiles(runs))
    means = with_entries(marked(aggregate(lines), compared))
    (headline_tables, legend), (rank_tables, rank_legend) = chapters(lines, compared, means=means)
    tables = list(widened(headline_tables, means))
    groups = [(group_title(group), own) for group, own in means.groupby(GROUP, sort=False)]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    environment.filters["capfirst"] = lambda text: text[:1].upper() + text[1:]
    environment.filters["with_code"] = with_code
    return environment.get_template("page.html").render(
        card=card(rows, lines, records, runs),
        verdicts=[(each.table.title, each.verdict) for each in summarise(means)],
        groups=[title for title, _ in groups],
        tables=tables,
        legend=legend,
        rank_tables=rank_tables,
        rank_legend=rank_legend,
        heading=heading,
        latex=lambda table: latex([table]),
        group_title=group_title,
        definitions=definitions([wide.table for wide in tables]),
        signs=SIGNS,
        grey=GREY,
        source=details.source,
        forests=list(_forests(groups, compared)),
        figures=list(_figures(means)),
        curves=list(_drawn("curves", "Training curves", partial(curves, records))),
        failures=[record for record in records if record.failure is not None],
        cells=details.listed(),
        differing=details.differing(),
        details=details.values,
        style=Markup((HERE / "page.css").read_text(encoding="utf-8")),
        behaviour=Markup((HERE / "page.js").read_text(encoding="utf-8")),
        **encoded.result(),
    )


def heading(text: str) -> tuple[str, str]:
    """Split the heading of a table into a short one, and a long remark in brackets; empty for none."""
    parts = REMARK.fullmatch(text)
    return (parts["section"], parts["remark"]) if parts else (text, "")


def with_code(text: str) -> Markup:
    """Text as HTML; what stands between backticks becomes code."""
    parts = text.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(p) if i % 2 else p for i, p in enumerate(parts))


def definitions(tables: Sequence[Table]) -> dict[tuple[str, str], tuple[str, str, str]]:
    """What columns mean, by the titles of table and column: an id, the column's title and a definition."""
    found: dict[tuple[str, str], tuple[str, str, str]] = {}
    ids: dict[tuple[str, str], str] = {}
    for table in tables:
        for i, title in enumerate(table.columns):
            sources = (row.entries[i].source for row in table.rows if row.entries)
            quantity = next((source[len(LINE) :] for source in sources if source), ())
            if quantity:
                text = definition(*map(str, quantity))
                name = ids.setdefault((title, text), f"def-{len(ids)}")
                found[table.title, title] = name, title, text
    return found


def _forests(groups: Sequence[tuple[str, pd.DataFrame]], compared: Differences) -> Iterator[Figure]:
    """A forest plot for each group of comparable results."""
    for i, (title, own) in enumerate(groups):
        for drawn in _drawn(f"forest-{i}", title, partial(forest, own, compared)):
            yield drawn | {"group": title}


def _figures(means: pd.DataFrame) -> Iterator[Figure]:
    yield from _drawn("tradeoff", "Leakage against transfer", partial(tradeoff, means))
    yield from _drawn("shots", "One-shot: error by number of images", partial(shots, means))


def _drawn(name: str, title: str, draw: Callable[..., Drawn]) -> Iterator[Figure]:
    """A figure as SVG in two widths, with its description, or nothing if it has no values."""
    try:
        wide, narrow = draw(width=WIDE), draw(width=NARROW)
    except UserError:
        return
    svgs = {
        size: Markup(_svg(drawn, f"{name}-{size}")) for size, drawn in (("wide", wide), ("narrow", narrow))
    }
    yield {"id": name, "title": title, "words": wide.words, "group": "", **svgs}


def _svg(drawn: Drawn, name: str) -> str:
    svg = rendered(drawn, "svg", name, transparent=True).decode("utf-8")
    # HTML does not allow the XML prologue.
    return svg[svg.index("<svg") :]
