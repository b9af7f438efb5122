"""The colour and marker of each method, the same in every figure, and the colours of terms of a loss."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, GREY, BROWN = COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#4d4d4d", "#8c510a",
)  # fmt: skip
"""Okabe & Ito's palette (2008); grey and brown stand for its black, which is too strong, and its yellow."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "p", "h", "d", "8")
METHODS = {
    "lord": (BLUE, "o"), "drnet": (ORANGE, "s"), "mlvae": (GREEN, "^"), "overlord": (SKY, "D"),
    "mathieu": (YELLOW, "v"), "cyclevae": (PINK, "P"), "gvae": (BROWN, "X"), "adagvae": (GREY, "*"),
    "dcodr": (BLUE, "<"), "gzsnet": (ORANGE, ">"), "szabo": (GREEN, "p"), "pdc": (PINK, "h"),
}  # fmt: skip
"""Signs of shipped methods. They never change, so that two figures of one paper agree."""
TERM_COLOURS = (
    "#332288", "#117733", "#882255", "#44aa99", "#999933", "#aa4499", "#88ccee", "#cc6677", "#ddcc77",
)  # fmt: skip
"""Tol's palette "muted" (2021): no term looks like a method."""
TERM_DASHES = ("--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (5, 1)), (0, (3, 1, 1, 1)))
TERMS = {
    "reconstruction": ("#222222", "-"), "discriminator": (TERM_COLOURS[0], "--"),
    "adversary": (TERM_COLOURS[2], "-."), "content KL": (TERM_COLOURS[1], "--"),
    "class KL": (TERM_COLOURS[5], ":"), "KL": (TERM_COLOURS[1], "-."), "decay": (TERM_COLOURS[4], ":"),
    "class code": (TERM_COLOURS[5], "-."), "content code": (TERM_COLOURS[3], "--"),
    "similarity": (TERM_COLOURS[7], ":"), "swapped": (TERM_COLOURS[6], "--"),
}  # fmt: skip
"""Colours and dashes of the terms of shipped methods."""


class Sign(NamedTuple):
    """A colour, and what distinguishes its owner without colour: a marker, or the dashes of a line."""

    colour: str
    shape: Any


def method_signs(names: Iterable[str]) -> dict[str, Sign]:
    """Give each method of a figure a colour and a marker, by its name in tables.

    Shipped methods have those in `METHODS`. The colour of another method follows from its name; a variant,
    such as `lord[noise=0]`, has the colour of its method. Its marker follows from its name too, but is the
    next free one if a method of the same figure has it. The first hundred methods all differ.
    """
    wanted = {
        name: METHODS.get(name) or (_colour(name), MARKERS[_hash(name) % len(MARKERS)]) for name in names
    }
    return _distinct(wanted, METHODS, MARKERS, COLOURS)


def term_signs(names: Iterable[str]) -> dict[str, Sign]:
    """Give each term of a loss a colour and dashes; a term has the same in the curves of all methods."""
    wanted = {
        name: TERMS.get(name)
        or (TERM_COLOURS[_hash(name) % len(TERM_COLOURS)], TERM_DASHES[_hash(name) % len(TERM_DASHES)])
        for name in names
    }
    return _distinct(wanted, TERMS, TERM_DASHES, TERM_COLOURS)


def _colour(name: str) -> str:
    base = re.split(r"\[| on ", name)[0]
    return METHODS[base][0] if base in METHODS else COLOURS[_hash(base) % len(COLOURS)]


def _distinct(
    wanted: Mapping[str, tuple[str, object]],
    fixed: Mapping[str, object],
    shapes: Sequence[object],
    colours: Sequence[str],
) -> dict[str, Sign]:
    """Keep what is `fixed`; give the others, by name, a free shape, or if none is free, another free pair."""
    signs = {name: Sign(*sign) for name, sign in wanted.items() if name in fixed}
    for name in sorted(wanted.keys() - signs):
        colour, shape = wanted[name]
        used = {sign.shape for sign in signs.values()}
        start = shapes.index(shape)
        rotated = [*shapes[start:], *shapes[:start]]
        free = [(colour, other) for other in rotated if other not in used]
        pairs = product([colour, *colours], rotated)
        free += [pair for pair in pairs if pair not in signs.values()]
        signs[name] = Sign(*(free[0] if free else (colour, shape)))
    return {name: signs[name] for name in wanted}


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
