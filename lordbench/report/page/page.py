"""The report page: collects tables, figures and pictures of runs, and renders `page.html`."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup
from PIL import Image

from lordbench.evaluation.pictures import Tiles
from lordbench.report.figures import Drawn, curves, rendered, tradeoff
from lordbench.report.leaderboard import chapters
from lordbench.report.page.details import Details
from lordbench.report.picture_comparisons import Comparison, comparisons
from lordbench.report.tables import SIGNS, Entry, Table
from lordbench.results.cells import CellRecord, cell_records
from lordbench.results.differences import differences
from lordbench.results.leaderboard import collect
from lordbench.results.loading import SampleFiles
from lordbench.utils.errors import UserError
from lordbench.utils.files import write_text
from lordbench.utils.version import __version__

HERE = Path(__file__).parent
FILE = "index.html"
CHAPTERS = (
    ("leaderboard", "Leaderboard"),
    ("differences", "Differences from the best"),
    ("ranks", "Mean ranks"),
)
BUDGET = 9_000_000
"""Bytes of all pictures of a page, before base64 adds a third."""
LOSSY = 90
"""WebP quality used if lossless pictures would exceed the budget."""
GIVEN = {"across": "content", "down": "class", "truth": "true images"}


def write_report(runs: Sequence[Path], out: Path) -> Path:
    """Write the report of run folders and results CSVs, atomically.

    Args:
        runs: as `collect` takes them.
        out: folder to write into; created if missing.

    Returns:
        The page's path.

    Raises:
        UserError: as `collect` does.
    """
    rows, records = collect(runs), cell_records(runs)
    file = out / FILE
    write_text(file, render(rows, records, differences(rows, SampleFiles(runs)), [str(run) for run in runs]))
    return file


def render(
    rows: pd.DataFrame, records: Sequence[CellRecord], compared: pd.DataFrame, runs: Sequence[str]
) -> str:
    """Render the page.

    Args:
        rows: as from `collect`.
        records: the cells of the same runs.
        compared: paired differences of the rows.
        runs: their names.
    """
    details = Details(rows, records)
    compared_pictures, problems = comparisons(records)
    strips, picture_note = pictures(compared_pictures)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    return environment.get_template("page.html").render(
        version=__version__,
        runs=runs,
        chapters=[
            (*names, [_table(table, details) for table in tables], legend)
            for names, (tables, legend) in zip(CHAPTERS, chapters(rows, compared), strict=True)
            if tables
        ],
        figures=list(_figures(rows, records)),
        comparisons=strips,
        picture_note=picture_note,
        problems=problems,
        failures=[record for record in records if record.failure is not None],
        cells=details.listed(),
        details=details.values(),
        style=Markup((HERE / "page.css").read_text(encoding="utf-8")),
        behaviour=Markup((HERE / "page.js").read_text(encoding="utf-8")),
    )


def _table(table: Table, details: Details) -> dict[str, Any]:
    """A table for the template; entries have text, mark, a number to sort by and the results behind them."""
    rows = [
        {
            "texts": row.texts,
            "reference": row.is_reference,
            "entries": [_entry(*each, details) for each in zip(row.entries, table.decimals, strict=True)],
        }
        for row in table.rows
    ]
    return {"title": table.title, "header": table.header, "rows": rows, "notes": table.notes}


def _entry(entry: Entry, digits: int, details: Details) -> dict[str, Any]:
    source = details.source(entry)
    return {
        "text": entry.text(digits),
        "margin": entry.margin(digits),
        "value": "" if entry.value is None else repr(entry.value),
        "mark": entry.mark,
        "sign": SIGNS.get(entry.mark, "").strip(),
        "cell": source.cell,
        "behind": source.behind,
    }


def _figures(rows: pd.DataFrame, records: Sequence[CellRecord]) -> Iterator[dict[str, Any]]:
    """Figures as SVG with descriptions, without those that have no values."""
    figures: list[tuple[str, str, Callable[[], Drawn]]] = [
        ("tradeoff", "Leakage against transfer", lambda: tradeoff(rows)),
        ("curves", "Training curves", lambda: curves(records)),
    ]
    for name, title, draw in figures:
        try:
            drawn = draw()
        except UserError:
            continue
        svg = rendered(drawn, "svg", name).decode("utf-8")
        # HTML does not allow the XML prologue.
        yield {"id": name, "title": title, "svg": Markup(svg[svg.index("<svg") :]), "words": drawn.words}


def pictures(comparisons: Sequence[Comparison]) -> tuple[list[dict[str, Any]], str]:
    """Encode comparisons for the page, as many as fit into the budget.

    Returns:
        For each its title, `side` (pixels of an image) and strips, source images first, with `name`, `cell`
        (empty for source images), `lines`, `columns` and `src` (a data URI); and a note if pictures are
        compressed or left out.
    """
    encoded, left_out = _encoded(comparisons, None)
    if not left_out:
        return encoded, ""
    encoded, left_out = _encoded(comparisons, LOSSY)
    note = f"To keep this page small, pictures are compressed (WebP, quality {LOSSY})"
    note += f" and {left_out} more comparisons left out" if left_out else ""
    return encoded, f"{note}; the originals are in the folders of the cells."


def _encoded(comparisons: Sequence[Comparison], quality: int | None) -> tuple[list[dict[str, Any]], int]:
    """Encode comparisons until the budget is spent, and count the rest."""
    encoded: list[dict[str, Any]] = []
    spent = 0
    for index, comparison in enumerate(comparisons):
        strips = [
            _strip(name if role != "down" or "across" in comparison.given else "input", "", tiles, quality)
            for role, name in GIVEN.items()
            if (tiles := comparison.given.get(role)) is not None  # type: ignore[call-overload]
        ]
        strips += [_strip(output.label, output.cell, output.tiles, quality) for output in comparison.outputs]
        spent += sum(len(strip["src"]) * 3 // 4 for strip in strips)
        if spent > BUDGET:
            return encoded, len(comparisons) - index
        encoded.append(
            {"title": comparison.title, "strips": strips, "side": comparison.outputs[0].tiles.shape[2]}
        )
    return encoded, 0


def _strip(name: str, cell: str, tiles: Tiles, quality: int | None) -> dict[str, Any]:
    lines, columns, side = tiles.shape[:3]
    strip = Image.fromarray(tiles.transpose(0, 2, 1, 3, 4).reshape(lines * side, columns * side, 3))
    buffer = io.BytesIO()
    if quality is None:
        strip.save(buffer, "WEBP", lossless=True, method=4)
    else:
        strip.save(buffer, "WEBP", quality=quality, method=4)
    source = "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
    return {"name": name, "cell": cell, "lines": lines, "columns": columns, "src": source}
