"""Hairstyles: what covers which part of the head, and how far it stands out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """A way to wear hair; heights and lengths are in half-heights of the head.

    Attributes:
        short: whether it ends above the shoulders and leaves the ears free.
        line: height of the hairline in the middle of the forehead.
        temple: its height at the temples.
        side: height to which it reaches down beside the ear.
        nape: height to which it reaches down behind.
        thick: how far it stands out from the skull.
        open: how far in front it reaches down beside the face: 0 level with the ears, 1 in the middle.
        curls: depth of its curls.
        parting: how far the hairline rises from the right to the left, or falls.
        bun: whether there is a bun on top.
    """

    short: bool
    line: float
    temple: float
    side: float
    nape: float
    thick: float
    open: float = 0.30
    curls: float = 0.0
    parting: float = 0.0
    bun: bool = False


STYLES: tuple[Style, ...] = (
    Style(True, 0.56, 0.30, -0.05, -0.55, 0.06, parting=0.07),  # parted
    Style(False, 0.58, 0.30, -1.30, -1.30, 0.10, parting=-0.08),  # long
    Style(True, 0.60, 0.34, -0.02, -0.50, 0.035),  # cropped
    Style(False, 0.40, 0.24, -0.78, -0.85, 0.12, open=0.42),  # bob with a fringe
    Style(True, 0.52, 0.30, -0.05, -0.45, 0.16, curls=0.05),  # curls
    Style(True, 0.60, 0.32, 0.02, -0.45, 0.05, bun=True),  # bun
    Style(True, 0.84, 0.40, -0.02, -0.50, 0.03),  # receding
    Style(False, 0.55, 0.28, -0.95, -1.05, 0.16, curls=0.05, parting=0.05),  # long curls
    Style(True, 0.44, 0.26, -0.08, -0.60, 0.09, parting=-0.06),  # mop
)
