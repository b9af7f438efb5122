"""The report page: collects tables, figures and pictures of runs, and renders `page.html`."""

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup
from PIL import Image

from lordbench.report.figures import Drawn, curves, rendered, tradeoff
from lordbench.report.leaderboard import chapters
from lordbench.report.page.details import Details
from lordbench.report.picture_comparisons import Comparison, Output, comparisons
from lordbench.report.tables import GREY, SIGNS
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
    ("ranks", "Mean ranks"),
)
BUDGET = 9_000_000
"""Bytes of all pictures of a page, before base64 adds a third."""
LOSSY = 90
"""WebP quality used if lossless pictures would exceed the budget."""


def write_report(runs: Sequence[Path], out: Path) -> Path:
    """Write the report of `runs`, as `collect` takes them, into a folder, atomically, and return its path."""
    rows, records = collect(runs), cell_records(runs)
    details = Details(rows, records)
    parts = chapters(rows, differences(rows, SampleFiles(runs)))
    compared_pictures, problems = comparisons(records)
    strips, picture_note = pictures(compared_pictures)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    page = environment.get_template("page.html").render(
        version=__version__,
        runs=list(map(str, runs)),
        chapters=[(*names, *part) for names, part in zip(CHAPTERS, parts, strict=True) if part[0]],
        signs=SIGNS,
        grey=GREY,
        source=details.source,
        figures=list(_figures(rows, records)),
        comparisons=strips,
        picture_note=picture_note,
        problems=problems,
        failures=[record for record in records if record.failure is not None],
        cells=details.listed(),
        details=details.values,
        style=Markup((HERE / "page.css").read_text(encoding="utf-8")),
        behaviour=Markup((HERE / "page.js").read_text(encoding="utf-8")),
    )
    file = out / FILE
    write_text(file, page)
    return file


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
    encoded = _encoded(comparisons, lossless=True, method=4)
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
        spent += sum(len(strip["src"]) * 3 // 4 for strip in strips)
        if spent > BUDGET:
            break
        side = comparison.outputs[0].tiles.shape[2]
        encoded.append({"title": comparison.title, "strips": strips, "side": side})
    return encoded


def _strip(output: Output, webp: dict[str, Any]) -> dict[str, Any]:
    lines, columns, side = output.tiles.shape[:3]
    pixels = output.tiles.transpose(0, 2, 1, 3, 4).reshape(lines * side, columns * side, 3)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", **webp)
    source = "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
    return {"name": output.label, "cell": output.cell, "lines": lines, "columns": columns, "src": source}
