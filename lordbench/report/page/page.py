"""The report page: collects tables, figures and pictures of runs, and renders `page.html`."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup
from PIL import Image

from lordbench.report.boards import with_entries
from lordbench.report.figures import Drawn, curves, forest, rendered, shots, tradeoff
from lordbench.report.leaderboard import chapters
from lordbench.report.page.card import card
from lordbench.report.page.definitions import definition
from lordbench.report.page.details import Details
from lordbench.report.picture_comparisons import Comparison, Output, comparisons
from lordbench.report.summary import summarise
from lordbench.report.tables import GREY, SIGNS, Table, latex
from lordbench.results.cells import cell_records
from lordbench.results.differences import differences
from lordbench.results.leaderboard import GROUP, LINE, aggregate, collect, group_title
from lordbench.results.loading import SampleFiles
from lordbench.results.marks import marked
from lordbench.utils.errors import UserError
from lordbench.utils.files import write_text

HERE = Path(__file__).parent
FILE = "index.html"
BUDGET = 9_000_000
"""Bytes of all pictures of a page, before base64 adds a third."""
LOSSY = 90
"""WebP quality used if lossless pictures would exceed the budget."""
PAIRS = 6
"""Pairs that are shown large."""
WIDE, NARROW = 9.0, 3.4
"""Inches: figures for a screen and for a telephone, both with letters of the same size."""
REMARK = re.compile(r"(?P<section>[^()]+) \((?P<remark>[^()]{20,})\)")
"""A section's title whose only brackets, at its end, are so long that they stand below it."""
Figure = dict[str, Any]


def write_report(runs: Sequence[Path], out: Path) -> Path:
    """Write the report of `runs`, as `collect` takes them, into a folder, atomically, and return its path."""
    rows, records = collect(runs), cell_records(runs)
    details = Details(rows, records)
    compared = differences(rows, SampleFiles(runs))
    means = with_entries(marked(aggregate(rows), compared))
    (tables, legend), (rank_tables, rank_legend) = chapters(rows, compared, means=means)
    compared_pictures, problems = comparisons(records)
    strips, picture_note = pictures(compared_pictures)
    groups = [(group_title(group), own) for group, own in means.groupby(GROUP, sort=False)]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    environment.filters["capfirst"] = lambda text: text[:1].upper() + text[1:]
    environment.filters["with_code"] = with_code
    page = environment.get_template("page.html").render(
        card=card(rows, records, runs),
        verdicts=[(each.table.title, each.verdict) for each in summarise(means)],
        groups=[title for title, _ in groups],
        tables=tables,
        legend=legend,
        rank_tables=rank_tables,
        rank_legend=rank_legend,
        heading=lambda table: heading(table, [title for title, _ in groups]),
        latex=lambda table: latex([table]),
        definitions=definitions(tables),
        signs=SIGNS,
        grey=GREY,
        source=details.source,
        forests=list(_forests(groups, compared)),
        figures=list(_figures(means)),
        curves=list(_drawn("curves", "Training curves", partial(curves, records))),
        comparisons=strips,
        picture_note=picture_note,
        problems=problems,
        failures=[record for record in records if record.failure is not None],
        cells=details.listed(),
        differing=details.differing(),
        details=details.values,
        style=Markup((HERE / "page.css").read_text(encoding="utf-8")),
        behaviour=Markup((HERE / "page.js").read_text(encoding="utf-8")),
    )
    file = out / FILE
    write_text(file, page)
    return file


def heading(table: Table, groups: Sequence[str]) -> tuple[str, str, str]:
    """Split a table's title into its group (empty for none), its section, and a long remark in brackets."""
    group = next((title for title in groups if table.title.startswith(f"{title}: ")), "")
    title = table.title.removeprefix(f"{group}: ")
    parts = REMARK.fullmatch(title)
    return (group, parts["section"], parts["remark"]) if parts else (group, title, "")


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


def _forests(groups: Sequence[tuple[str, pd.DataFrame]], compared: pd.DataFrame) -> Iterator[Figure]:
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


def pictures(comparisons: Sequence[Comparison]) -> tuple[list[dict[str, Any]], str]:
    """Encode comparisons for the page, as many as fit into the budget.

    Returns:
        For each its `title`, `side` (pixels of an image), `pairs` (see `_pairs`) and strips, source images
        first, with `name`, `cell` (empty for source images), `lines`, `columns` and `src` (a data URI); and a
        note if pictures are compressed or left out.
    """
    # Method 4 takes ten times as long, for a sixth less.
    encoded = _encoded(comparisons, lossless=True, method=0)
    if len(encoded) == len(comparisons):
        return encoded, ""
    encoded = _encoded(comparisons, quality=LOSSY, method=4)
    left_out = len(comparisons) - len(encoded)
    note = f"To keep this page small, pictures are compressed (WebP, quality {LOSSY})"
    note += f" and {left_out} more comparisons left out" if left_out else ""
    return encoded, f"{note}; the originals are in the folders of the cells."


def _encoded(comparisons: Sequence[Comparison], **webp: Any) -> list[dict[str, Any]]:
    """Encode comparisons, with options of the WebP encoder, until the budget is spent."""
    encoded: list[dict[str, Any]] = []
    spent = 0
    for comparison in comparisons:
        strips = [_strip(output, webp) for output in comparison.named("true images")]
        pairs = _pairs(comparison, webp)
        spent += sum(len(strip["src"]) * 3 // 4 for strip in (*strips, *pairs))
        if spent > BUDGET:
            break
        side = comparison.outputs[0].tiles.shape[2]
        encoded.append({"title": comparison.title, "strips": strips, "side": side, "pairs": pairs})
    return encoded


def _pairs(comparison: Comparison, webp: dict[str, Any]) -> list[dict[str, Any]]:
    """The first pairs of a comparison, a row for each strip: `name`, `cell`, `src`, `count` and `scores`.

    A score is the L1 of an output to its true image, with whether it is the least of the pair; none if there
    is no true image.
    """
    places = comparison.places()[:PAIRS]
    errors = {output.cell: comparison.l1(output) for output in comparison.outputs}
    known = [own for own in errors.values() if own is not None]
    least = np.min(known, axis=0) if known else None
    shown = []
    for output in comparison.named("true image"):
        lines, columns = output.tiles.shape[:2]
        tiles = np.stack([output.tiles[min(i, lines - 1), min(j, columns - 1)] for i, j in places])
        own = errors.get(output.cell)
        scores = [] if own is None or least is None else [(own[at], own[at] == least[at]) for at in places]
        shown.append({
            "name": output.label, "cell": output.cell, "src": _data_uri(_in_a_row(tiles), webp),
            "count": len(places), "scores": scores,
        })  # fmt: skip
    return shown


def _in_a_row(tiles: np.ndarray) -> np.ndarray:
    """Images, uint8 (N, S, S, 3), beside one another with transparent gaps of a pixel: (S, W, 4)."""
    opaque = np.pad(tiles, ((0, 0), (0, 0), (0, 0), (0, 1)), constant_values=255)
    apart = np.pad(opaque, ((0, 0), (0, 0), (0, 1), (0, 0)))
    row: np.ndarray = np.concatenate(list(apart), axis=1)[:, :-1]
    return row


def _strip(output: Output, webp: dict[str, Any]) -> dict[str, Any]:
    lines, columns, side = output.tiles.shape[:3]
    pixels = output.tiles.transpose(0, 2, 1, 3, 4).reshape(lines * side, columns * side, 3)
    source = _data_uri(pixels, webp)
    return {"name": output.label, "cell": output.cell, "lines": lines, "columns": columns, "src": source}


def _data_uri(pixels: np.ndarray, webp: dict[str, Any]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", **webp)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
