"""Drawn people: what distinguishes one from another, and what an expression does to a face."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple

from lordbench.datasets.rendered.solids import Vector, between, choice, varied
from lordbench.utils import seeds

SEED = 20_101_101
"""Part of every person: another seed is another data set."""


@dataclass(frozen=True)
class Pose:
    """How one half of a face differs from its rest: heights in half-heights of the head, angles in degrees.

    Attributes:
        inner_brow: the inner end of the brow, upwards.
        outer_brow: its outer end, upwards.
        upper_lid: upwards.
        lower_lid: upwards.
        cheek: how far it is raised, in [0, 1]; a raised cheek is round and red.
        nose: how wrinkled it is, and how far the wing is raised, in [0, 1].
        corner: corner of the mouth, upwards.
        stretch: corner of the mouth, outwards, in degrees around the head.
        upper_lip: middle of the upper lip, upwards, from where the lips meet.
        lower_lip: middle of the lower lip, downwards, likewise.
        jaw: how far the chin drops.
        fold: depth of the fold from the nose to the mouth, in [0, 1].
        forehead: depth of the wrinkles across the forehead, in [0, 1].
        frown: depth of the wrinkle beside the inner end of the brow, in [0, 1].
        nod: the whole face, upwards on the head.
    """

    inner_brow: float = 0.0
    outer_brow: float = 0.0
    upper_lid: float = 0.0
    lower_lid: float = 0.0
    cheek: float = 0.0
    nose: float = 0.0
    corner: float = 0.0
    stretch: float = 0.0
    upper_lip: float = 0.0
    lower_lip: float = 0.0
    jaw: float = 0.0
    fold: float = 0.0
    forehead: float = 0.0
    frown: float = 0.0
    nod: float = 0.0

    def scaled(self, strength: float) -> "Pose":
        """Return the pose at a strength, 1 for full."""
        return Pose(**{field.name: strength * getattr(self, field.name) for field in fields(self)})


def _both(**amounts: float) -> tuple[Pose, Pose]:
    return Pose(**amounts), Pose(**amounts)


EXPRESSIONS: dict[str, tuple[Pose, Pose]] = {
    "angry": _both(
        inner_brow=-0.17, outer_brow=0.04, upper_lid=-0.06, lower_lid=0.03, nose=0.4, corner=-0.10,
        upper_lip=0.09, lower_lip=0.13, frown=1.0, fold=0.5, nod=-0.05, stretch=3.0,
    ),
    "contemptuous": (
        Pose(inner_brow=-0.05, outer_brow=-0.06, upper_lid=-0.07, corner=-0.03, stretch=-6.0, nod=0.08),
        Pose(
            inner_brow=0.02, outer_brow=0.14, upper_lid=-0.05, lower_lid=0.05, cheek=0.8, corner=0.24,
            stretch=9.0, fold=1.0, nod=0.08,
        ),
    ),
    "disgusted": _both(
        inner_brow=-0.13, outer_brow=-0.05, upper_lid=-0.09, lower_lid=0.05, cheek=0.4, nose=1.0,
        corner=-0.20, upper_lip=0.19, lower_lip=0.02, fold=1.0, nod=-0.02,
    ),
    "fearful": _both(
        inner_brow=0.21, outer_brow=0.02, upper_lid=0.06, lower_lid=-0.03, corner=-0.13, stretch=10.0,
        upper_lip=0.02, lower_lip=0.12, jaw=0.04, forehead=0.7, nod=-0.03,
    ),
    "happy": _both(
        outer_brow=0.05, inner_brow=0.04, upper_lid=-0.02, lower_lid=0.09, cheek=1.0, corner=0.20,
        stretch=11.0, lower_lip=0.24, fold=0.8, nod=0.03,
    ),
    "neutral": _both(),
    "sad": _both(
        inner_brow=0.19, outer_brow=-0.12, upper_lid=-0.08, corner=-0.22, stretch=-3.0, upper_lip=0.05,
        lower_lip=-0.05, fold=0.4, frown=0.5, nod=-0.10,
    ),
    "surprised": _both(
        inner_brow=0.20, outer_brow=0.22, upper_lid=0.09, lower_lid=-0.05, stretch=-12.0, upper_lip=0.12,
        lower_lip=0.34, jaw=0.20, forehead=1.0, nod=0.03,
    ),
}  # fmt: skip
"""Poses of the right and the left half of a face, at full strength, with RaFD's names and in its order."""


class Style(NamedTuple):
    """A way to wear hair; heights and lengths are in half-heights of the head.

    Attributes:
        line: height of the hairline in the middle of the forehead.
        side: height to which the hair reaches down beside the face.
        nape: height to which it reaches down behind the ears.
        thick: how far it stands out from the skull.
        curls: depth of its curls.
        parting: how much higher the hairline is on the left than on the right.
    """

    line: float
    side: float
    nape: float
    thick: float
    curls: float = 0.0
    parting: float = 0.0


STYLES: tuple[Style, ...] = (
    Style(0.66, 0.10, -0.30, 0.06, parting=0.12),  # parted
    Style(0.70, -1.30, -1.30, 0.10),  # long
    Style(0.74, 0.25, -0.10, 0.02),  # cropped
    Style(0.50, -0.60, -0.60, 0.12),  # bob with a fringe
    Style(0.64, 0.05, -0.30, 0.10, curls=0.06),  # curls
    Style(0.88, 0.00, -0.30, 0.02),  # receding
    Style(0.68, -0.90, -1.00, 0.14, curls=0.06),  # long curls
    Style(0.54, 0.08, -0.40, 0.08, parting=-0.16),  # mop
    Style(0.99, 0.99, 0.99, 0.0),  # bald
    Style(0.62, -1.30, -1.30, 0.06, parting=-0.20),  # long and parted
)
SKINS: tuple[Vector, ...] = (
    (0.97, 0.83, 0.74), (0.94, 0.75, 0.62), (0.86, 0.64, 0.48), (0.75, 0.53, 0.38), (0.58, 0.39, 0.27),
    (0.44, 0.29, 0.21),
)  # fmt: skip
HAIRS: tuple[Vector, ...] = (
    (0.10, 0.08, 0.08), (0.25, 0.16, 0.10), (0.42, 0.26, 0.14), (0.66, 0.34, 0.12), (0.90, 0.73, 0.42),
    (0.66, 0.65, 0.64), (0.52, 0.14, 0.08),
)  # fmt: skip
EYES: tuple[Vector, ...] = ((0.28, 0.17, 0.10), (0.18, 0.38, 0.62), (0.24, 0.45, 0.24), (0.38, 0.40, 0.43))
SHIRTS: tuple[Vector, ...] = (
    (0.16, 0.17, 0.20), (0.20, 0.34, 0.55), (0.62, 0.16, 0.18), (0.20, 0.44, 0.30), (0.85, 0.70, 0.25),
)  # fmt: skip
FRAMES: tuple[Vector, ...] = ((0.08, 0.08, 0.10), (0.45, 0.20, 0.10), (0.10, 0.20, 0.45))
BEARDS = ("moustache", "full")


@dataclass(frozen=True)
class Person:
    """What distinguishes one person from another; lengths are in half-heights of the head, angles in degrees.

    Attributes:
        skin, hair, eye, shirt: colours; brows and beard are darker than the hair.
        lip: how red the lips are, in [0, 1].
        style: of the hair.
        width: half the head's width.
        jaw: shape of the jaw: the larger, the squarer.
        eyes: angle from the middle of the face to the middle of an eye.
        eye_width: half the angle that an eye takes.
        eye_height: half its opening.
        brow: thickness of the brows.
        nose_width: half the angle that the nose takes at its wings.
        nose_end: height of its tip.
        mouth: half the angle that the mouth takes.
        lips: thickness of a lip.
        beard: one of `BEARDS`, or empty.
        glasses: colour of the frame, if there are any.
        strengths: of each expression, 1 for full.
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
    brow: float
    nose_width: float
    nose_end: float
    mouth: float
    lips: float
    beard: str
    glasses: Vector | None
    strengths: Mapping[str, float]
    side: int

    def poses(self, expression: str) -> tuple[Pose, Pose]:
        """Poses of the right and the left half of the face with one of `EXPRESSIONS`."""
        first, second = (pose.scaled(self.strengths[expression]) for pose in EXPRESSIONS[expression])
        return (first, second) if self.side else (second, first)


def person(index: int) -> Person:
    """Person number `index`, who does not depend on how many there are."""
    rng = seeds.numpy_generator(SEED, "toyfaces", index)
    skin = choice(rng, len(SKINS))
    # Dark skin goes with dark hair and eyes.
    hair = choice(rng, len(HAIRS)) if skin < 3 else choice(rng, 2)
    eye = choice(rng, len(EYES)) if skin < 3 else 0
    style = STYLES[index % len(STYLES)]
    bearded = style.side > -0.5 and choice(rng, 2) == 0
    return Person(
        skin=varied(SKINS[skin], rng, 0.02),
        hair=varied(HAIRS[hair], rng, 0.04),
        eye=EYES[eye],
        shirt=SHIRTS[choice(rng, len(SHIRTS))],
        lip=between(rng, 0.3, 0.9),
        style=style,
        width=between(rng, 0.72, 0.86),
        jaw=between(rng, 1.8, 3.2),
        eyes=between(rng, 25.0, 29.0),
        eye_width=between(rng, 14.0, 17.0),
        eye_height=between(rng, 0.10, 0.13),
        brow=between(rng, 0.045, 0.075),
        nose_width=between(rng, 9.0, 15.0),
        nose_end=between(rng, -0.26, -0.16),
        mouth=between(rng, 25.0, 31.0),
        lips=between(rng, 0.05, 0.085),
        beard=BEARDS[choice(rng, len(BEARDS))] if bearded else "",
        glasses=FRAMES[choice(rng, len(FRAMES))] if choice(rng, 4) == 0 else None,
        strengths={name: between(rng, 0.85, 1.15) for name in EXPRESSIONS},
        side=choice(rng, 2),
    )
