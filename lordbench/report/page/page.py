"""Making the report of run folders: everything is gathered here, and laid out by `page.html`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from lordbench import __version__
from lordbench.errors import UserError
from lordbench.files import write_text
from lordbench.report.comparison import DIFFERENCES_LEGEND, RANKS_LEGEND, difference_boards, rank_boards
from lordbench.report.figures.curves import curves
from lordbench.report.figures.style import Drawn, rendered
from lordbench.report.figures.tradeoff import tradeoff
from lordbench.report.headline import LEGEND, Board, boards, number
from lordbench.report.marks import Entry
from lordbench.report.page.details import Details, Source
from lordbench.report.page.pictures import pictures
from lordbench.report.picture_comparisons import comparisons
from lordbench.report.tables import SIGNS
from lordbench.results.cells import CellRecord, cell_records
from lordbench.results.leaderboard import collect
from lordbench.results.paired import differences
from lordbench.results.sample_files import SampleFiles

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
