"""How figures look: colours that colour-blind readers tell apart, and a second sign for everything."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lordbench.errors import UserError
from lordbench.files import replacing

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#4d4d4d", "#8c510a")
"""Okabe & Ito's palette (2008); grey and brown stand for its black, which is too strong, and its yellow."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<")
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)))
MUTED = "#767676"
"""Of floors, ceilings and rules."""
SETTINGS: dict[Any, Any] = {
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "svg.fonttype": "none",
}
FORMATS = ("png", "svg", "pdf")


class Drawn(NamedTuple):
    """A figure, and what it shows in words, for those who cannot see it."""

    figure: Figure
    words: str


class Sign(NamedTuple):
    """How one line of a figure is told from the others: by colour, and without it."""

    colour: str
    marker: str
    dashes: Any


def signs(names: Iterable[str]) -> dict[str, Sign]:
    """Give each name a sign; no two of the first seventy have both colour and marker in common."""
    # The numbers of colours and of markers have no common divisor, so the pairs take long to come round.
    return {
        name: Sign(COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)], DASHES[i % len(DASHES)])
        for i, name in enumerate(dict.fromkeys(names))
    }


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Draw in lordbench's style, and leave Matplotlib's own settings as they were."""
    with mpl.rc_context(SETTINGS):
        yield


def figure(width: float, height: float) -> Figure:
    """Make an empty figure, sides in inches, that belongs to no window."""
    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(made)
    return made


def legend_below(made: Figure, axes: Sequence[Axes], used: int, columns: int) -> None:
    """Put one legend of all panels below a figure, each name once, and hide the panels that are not used."""
    for ax in axes[used:]:
        ax.set_visible(False)
    named = [pair for ax in axes for pair in zip(*ax.get_legend_handles_labels(), strict=True)]
    handles = {text: handle for handle, text in named}
    made.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=columns, fontsize="small"
    )


def save(drawn: Drawn, path: Path) -> None:
    """Write a figure as PNG, SVG or PDF, by the end of its name, atomically.

    The same figure gives the same bytes.

    Raises:
        UserError: the name ends otherwise.
    """
    kind = path.suffix[1:].lower()
    if kind not in FORMATS:
        raise UserError(
            f"{path}: a figure is written as .{', .'.join(FORMATS)}", "Choose by the end of --out."
        )
    with replacing(path) as temporary:
        temporary.write_bytes(rendered(drawn, kind, path.stem))


def rendered(drawn: Drawn, kind: str, name: str) -> bytes:
    """A figure as a file of this kind.

    Args:
        drawn: the figure.
        kind: one of `FORMATS`.
        name: tells its marks from those of other figures on the same page.
    """
    undated: dict[str, dict[str, Any]] = {
        "svg": {"Date": None, "Creator": "lordbench"},
        "pdf": {"CreationDate": None},
    }
    buffer = io.BytesIO()
    with styled(), mpl.rc_context({"svg.hashsalt": name}):
        drawn.figure.savefig(buffer, format=kind, metadata=undated.get(kind))
    return buffer.getvalue()
