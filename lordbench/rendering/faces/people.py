"""What tells one drawn person from another, drawn at random."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lordbench import seeds
from lordbench.rendering.faces.expressions import ACTIONS, EXPRESSIONS
from lordbench.rendering.faces.hairstyles import STYLES, Style
from lordbench.rendering.lots import between, choice, varied
from lordbench.rendering.solids import Vector

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
