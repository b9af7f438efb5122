"""The eight expressions as action units, and what each of these does to a drawn face.

The units, and which of them an expression is made of, follow the Facial Action Coding System (Ekman &
Friesen, 1978). How far a unit moves a drawn face is our own choice, and more than a photograph would show,
since small pictures have to tell the expressions apart; so is that the other half follows in an expression of
one side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

EXPRESSIONS: dict[str, tuple[int, ...]] = {
    "angry": (4, 5, 7, 24),
    "contemptuous": (12, 14),
    "disgusted": (9, 10, 17),
    "fearful": (1, 2, 4, 5, 20, 25),
    "happy": (6, 12, 25),
    "neutral": (),
    "sad": (1, 4, 15, 17),
    "surprised": (1, 2, 5, 26),
}
"""Action units by expression, in the order and with the names of RaFD."""
ONE_SIDED = ("contemptuous",)
FOLLOWING = 0.6
"""How strongly the other half follows in a one-sided expression: a camera may see that half alone."""


@dataclass(frozen=True)
class Pose:
    """How one half of a face differs from its rest, in half-heights of the head unless it is said otherwise.

    Attributes:
        inner_brow: the inner end of the brow, upwards.
        outer_brow: its outer end, upwards.
        gather: the brow towards the other one.
        upper_lid: upwards.
        lower_lid: upwards.
        cheek: how full it is, in [0, 1].
        nose: how wrinkled, in [0, 1].
        corner: corner of the mouth, upwards.
        stretch: corner of the mouth, outwards.
        dimple: depth of the dimple beside it, in [0, 1].
        fold: depth of the fold from the nose to the mouth, in [0, 1].
        upper_lip: middle of the upper lip, upwards, from where the lips meet.
        lower_lip: middle of the lower lip, downwards, likewise.
        jaw: how much longer the face gets below the mouth, as a part of what is there.
        thin: by how much the lips get thinner, as a part.
        chin: how far the chin pushes the lips up in the middle.
    """

    inner_brow: float = 0.0
    outer_brow: float = 0.0
    gather: float = 0.0
    upper_lid: float = 0.0
    lower_lid: float = 0.0
    cheek: float = 0.0
    nose: float = 0.0
    corner: float = 0.0
    stretch: float = 0.0
    dimple: float = 0.0
    fold: float = 0.0
    upper_lip: float = 0.0
    lower_lip: float = 0.0
    jaw: float = 0.0
    thin: float = 0.0
    chin: float = 0.0


ACTIONS: dict[int, Mapping[str, float]] = {
    1: {"inner_brow": 0.15},
    2: {"outer_brow": 0.13, "inner_brow": 0.03},
    4: {"inner_brow": -0.10, "outer_brow": -0.03, "gather": 0.06},
    5: {"upper_lid": 0.05},
    6: {"cheek": 1.0, "lower_lid": 0.045, "upper_lid": -0.02},
    7: {"lower_lid": 0.03, "upper_lid": -0.03},
    9: {"nose": 1.0, "fold": 0.8, "inner_brow": -0.08, "lower_lid": 0.03, "upper_lid": -0.03},
    10: {"upper_lip": 0.09, "fold": 0.2},
    12: {"corner": 0.15, "stretch": 0.07, "fold": 0.7},
    14: {"dimple": 1.0, "stretch": 0.04, "corner": 0.03, "thin": 0.25, "cheek": 0.6, "fold": 0.3},
    15: {"corner": -0.16, "fold": 0.2},
    17: {"chin": 0.06, "thin": 0.2},
    20: {"stretch": 0.11, "corner": -0.04},
    24: {"thin": 0.65, "stretch": -0.05},
    25: {"upper_lip": 0.035, "lower_lip": 0.065, "jaw": 0.05},
    26: {"upper_lip": 0.05, "lower_lip": 0.18, "jaw": 0.35, "stretch": -0.09},
}
"""What a unit at full strength does to the controls of a pose.

1 and 2 raise the brow inside and outside, 4 lowers it; 5 raises the upper lid, 6 the cheek, 7 tightens the
lids; 9 wrinkles the nose, 10 raises the upper lip; 12 pulls the corner of the mouth up, 14 dimples it, 15
pulls it down; 17 raises the chin; 20 stretches the lips, 24 presses them together, 25 parts them, 26 drops
the jaw.
"""


def poses(expression: str, strength: Mapping[int, float], side: int) -> tuple[Pose, Pose]:
    """Poses of the right and of the left half.

    Args:
        expression: one of `EXPRESSIONS`.
        strength: of each of its action units, 1 for full.
        side: of one-sided expressions: 0 right, 1 left; the other half follows at a part of it.
    """
    shown = _pose(expression, strength, 1.0)
    other = _pose(expression, strength, FOLLOWING) if expression in ONE_SIDED else shown
    return (shown, other) if side == 0 else (other, shown)


def _pose(expression: str, strength: Mapping[int, float], part: float) -> Pose:
    """Add up what the action units do, each at its strength."""
    total = dict.fromkeys((field.name for field in fields(Pose)), 0.0)
    for unit in EXPRESSIONS[expression]:
        for control, amount in ACTIONS[unit].items():
            total[control] += part * strength[unit] * amount
    return Pose(**total)
