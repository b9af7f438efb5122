"""Making the report of run folders: everything is gathered here, and laid out by `page.html`."""

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
from lordbench.report.boards import LEGEND, Board, Entry, boards, number
from lordbench.report.differences import DIFFERENCES_LEGEND, RANKS_LEGEND, difference_boards, rank_boards
from lordbench.report.figures import Drawn, curves, rendered, tradeoff
from lordbench.report.page.details import Details, Source
from lordbench.report.picture_comparisons import Comparison, comparisons
from lordbench.report.tables import SIGNS
from lordbench.results.cells import CellRecord, cell_records
from lordbench.results.differences import differences
from lordbench.results.leaderboard import collect
from lordbench.results.loading import SampleFiles
from lordbench.utils.errors import UserError
from lordbench.utils.files import write_text
from lordbench.utils.version import __version__

BUDGET = 9_000_000
"""Bytes of all pictures of a page; base64 adds a third."""
LOSSY = 90
"""WebP's quality where lossless pictures would take more than that."""
NAMES = {"across": "content", "down": "class", "truth": "true images"}


def pictures(comparisons: Sequence[Comparison]) -> tuple[list[dict[str, Any]], str]:
    """Encode comparisons for the page, as many as it holds.

    Returns:
        For each its title and its strips, the given images first, with `name`, `cell` (empty for given ones),
        `lines`, `columns` and `src` (a data URI); and what is to be known beside them: that they are
        compressed with losses, or that some were left out.
    """
    made, left_out = _encoded(comparisons, None)
    if not left_out:
        return made, ""
    made, left_out = _encoded(comparisons, LOSSY)
    note = f"To keep this page small, pictures are compressed (WebP, quality {LOSSY})"
    note += f" and {left_out} more comparisons left out" if left_out else ""
    return made, f"{note}; the exact ones are in the cells' folders."


def _encoded(comparisons: Sequence[Comparison], quality: int | None) -> tuple[list[dict[str, Any]], int]:
    """Encode comparisons until the budget is spent, and count those that are left."""
    made: list[dict[str, Any]] = []
    spent = 0
    for index, comparison in enumerate(comparisons):
        strips = [
            _strip(name if role != "down" or "across" in comparison.given else "input", "", tiles, quality)
            for role, name in NAMES.items()
            if (tiles := comparison.given.get(role)) is not None  # type: ignore[call-overload]
        ]
        strips += [_strip(output.label, output.cell, output.tiles, quality) for output in comparison.outputs]
        spent += sum(len(strip["src"]) * 3 // 4 for strip in strips)
        if spent > BUDGET:
            return made, len(comparisons) - index
        made.append(
            {"title": comparison.title, "strips": strips, "side": comparison.outputs[0].tiles.shape[2]}
        )
    return made, 0


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


HERE = Path(__file__).parent
FILE = "index.html"


def write_report(runs: Sequence[Path], out: Path) -> Path:
    """Write the report of run folders and results CSVs, atomically.

    Args:
        runs: as `collect` takes them.
        out: folder to write into; it is made where it is missing.

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
    """Make the page.

    Args:
        rows: as from `collect`.
        records: the cells of the same runs.
        compared: of the rows, as from `paired.differences`.
        runs: what they are called.
    """
    details = Details(rows, records)
    found, problems = comparisons(records)
    strips, picture_note = pictures(found)
    chapters = [
        ("leaderboard", "Leaderboard", _tables(boards(rows), details), LEGEND),
        (
            "differences",
            "Differences from the best",
            _tables(difference_boards(rows, compared), details),
            DIFFERENCES_LEGEND,
        ),
        ("ranks", "Mean ranks", _tables(rank_boards(compared), details), RANKS_LEGEND),
    ]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    return environment.get_template("page.html").render(
        version=__version__,
        runs=runs,
        chapters=[chapter for chapter in chapters if chapter[2]],
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


def _tables(made: Sequence[Board], details: Details) -> list[dict[str, Any]]:
    """Tables with, for each entry, its text, its mark, the number to sort by, and what it points to."""
    tables = []
    for board in made:
        lines = []
        for line in board.lines:
            parts = zip(line.entries, board.decimals, details.behind_line(board, line), strict=True)
            entries = [_entry(*each) for each in parts]
            lines.append({"start": board.start(line), "reference": line.is_reference, "entries": entries})
        tables.append({"title": board.title, "header": board.header, "lines": lines, "notes": board.notes})
    return tables


def _entry(entry: Entry, digits: int, source: Source) -> dict[str, Any]:
    return {
        "text": "–" if entry.value is None else number(entry.value, digits),
        "reach": "" if entry.reach is None else f"±{entry.reach:.{digits}f}",
        "value": "" if entry.value is None else repr(entry.value),
        "mark": entry.mark,
        "sign": SIGNS.get(entry.mark, "").strip(),
        "cell": source.cell,
        "behind": source.behind,
    }


def _figures(rows: pd.DataFrame, records: Sequence[CellRecord]) -> Iterator[dict[str, Any]]:
    """Figures as SVG with their words; none of what there are no values for."""
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
        # Without the XML prologue, which has no place inside HTML.
        yield {"id": name, "title": title, "svg": Markup(svg[svg.index("<svg") :]), "words": drawn.words}
