"""Figures for papers, as PNG, SVG or PDF.

Colours are distinguishable by colour-blind readers, nothing is shown by colour alone, and a method looks the
same in every figure.
"""

from lordbench.report.figures.curves import curves
from lordbench.report.figures.dose import dose
from lordbench.report.figures.drawing import WIDTHS, Drawn, rendered, save
from lordbench.report.figures.forest import forest
from lordbench.report.figures.grid import grid
from lordbench.report.figures.informativeness import informativeness
from lordbench.report.figures.ranks import ranks
from lordbench.report.figures.shots import shots
from lordbench.report.figures.tradeoff import tradeoff

__all__ = [
    "WIDTHS", "Drawn", "curves", "dose", "forest", "grid", "informativeness", "ranks", "rendered", "save",
    "shots", "tradeoff",
]  # fmt: skip
