"""What tells one drawn person from another, drawn at random."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from lordbench.datasets.rendered.solids import Vector, between, choice, varied
from lordbench.utils import seeds


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


SEED = 20_101_101
"""Part of every person: another seed is another data set."""

SKINS: tuple[Vector, ...] = (
    (0.96, 0.80, 0.70),
    (0.93, 0.74, 0.61),
    (0.85, 0.64, 0.49),
    (0.74, 0.53, 0.38),
    (0.58, 0.39, 0.27),
    (0.43, 0.28, 0.20),
)
HAIRS: tuple[Vector, ...] = (
    (0.10, 0.08, 0.08),
    (0.25, 0.16, 0.10),
    (0.42, 0.26, 0.14),
    (0.58, 0.30, 0.12),
    (0.88, 0.70, 0.42),
    (0.62, 0.60, 0.58),
    (0.50, 0.17, 0.10),
)
EYES: tuple[Vector, ...] = ((0.28, 0.17, 0.10), (0.20, 0.36, 0.55), (0.26, 0.42, 0.24), (0.36, 0.38, 0.40))
BEARDS = ("stubble", "moustache", "full")
SHIRTS: tuple[Vector, ...] = ((0.16, 0.17, 0.20), (0.22, 0.32, 0.45), (0.45, 0.18, 0.20), (0.25, 0.38, 0.30))


@dataclass(frozen=True)
class Person:
    """All that tells one person from another; lengths are in half-heights of the head.

    Attributes:
        skin: colour.
        hair: colour; brows and beard have a darker one.
        eye: colour of the iris.
        shirt: colour.
        lip: how red the lips are, in [0, 1].
        style: of the hair.
        width: half the head's width.
        jaw: shape of the jaw, from 0, pointed, to 1, square.
        eyes: half the distance between the eyes.
        eye_width: half the width of an eye.
        eye_height: its opening, as a factor.
        slant: how much higher the outer corners of the eyes are.
        brow: thickness of the brows.
        nose: how far the nose stands out.
        nose_width: half its width at the wings.
        nose_end: height of its tip.
        mouth: half its width.
        lips: thickness of the lower lip.
        ears: size, as a factor.
        beard: one of `BEARDS`, or empty.
        glasses: whether there are any.
        strengths: of each action unit of each expression, 1 for full.
        side: of one-sided expressions: 0 right, 1 left.
    """

    skin: Vector
    hair: Vector
    eye: Vector
    shirt: Vector
    lip: float
    style: Style
    width: float
    jaw: float
    eyes: float
    eye_width: float
    eye_height: float
    slant: float
    brow: float
    nose: float
    nose_width: float
    nose_end: float
    mouth: float
    lips: float
    ears: float
    beard: str
    glasses: bool
    strengths: Mapping[str, Mapping[int, float]]
    side: int

    @property
    def dark_hair(self) -> Vector:
        """Colour of brows and beard."""
        red, green, blue = self.hair
        return 0.55 * red, 0.55 * green, 0.55 * blue


def person(index: int) -> Person:
    """Person number `index`, who is the same however many there are."""
    rng = seeds.numpy_generator(SEED, "toyfaces", index)
    style = STYLES[index % len(STYLES)]
    skin = choice(rng, len(SKINS))
    # Dark skin goes with dark hair and eyes.
    hair = choice(rng, len(HAIRS)) if skin < 3 else choice(rng, 2)
    eye = choice(rng, len(EYES)) if skin < 3 else 0
    bearded = style.short and choice(rng, 2) == 0
    return Person(
        skin=varied(SKINS[skin], rng, 0.02),
        hair=varied(HAIRS[hair], rng, 0.04),
        eye=EYES[eye],
        shirt=SHIRTS[choice(rng, len(SHIRTS))],
        lip=between(rng, 0.25, 0.8 if not style.short else 0.45),
        style=style,
        width=between(rng, 0.68, 0.79),
        jaw=between(rng, 0.1, 0.9),
        eyes=between(rng, 0.30, 0.35),
        eye_width=between(rng, 0.175, 0.21),
        eye_height=between(rng, 0.9, 1.15),
        slant=between(rng, -0.015, 0.035),
        brow=between(rng, 0.035, 0.06),
        nose=between(rng, 0.17, 0.29),
        nose_width=between(rng, 0.11, 0.17),
        nose_end=between(rng, -0.33, -0.25),
        mouth=between(rng, 0.28, 0.34),
        lips=between(rng, 0.06, 0.095),
        ears=between(rng, 0.85, 1.2),
        beard=BEARDS[choice(rng, len(BEARDS))] if bearded else "",
        glasses=choice(rng, 5) == 0,
        strengths={
            name: {unit: between(rng, 0.85, 1.15) for unit in ACTIONS if unit in units}
            for name, units in EXPRESSIONS.items()
        },
        side=choice(rng, 2),
    )
