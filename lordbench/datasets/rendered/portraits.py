"""Portraits of drawn people: polygons on a turned head, from the back to the front.

A point of a face is given by its angle from the middle of the face, in degrees, positive to the person's
left, and by its height in half-heights of the head, 0 in the middle. Polygons are filled in whole numbers:
Pillow's differ between its versions, and the bytes should be the same everywhere.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lordbench.data.images import Int64Array, UInt8Array
from lordbench.datasets.rendered.people import Person, Pose
from lordbench.datasets.rendered.raycast import FloatArray
from lordbench.datasets.rendered.solids import Vector

SAMPLES = 6
"""Along each side of a pixel; each polygon has hard edges, and is smooth once it is reduced."""
SHOWN, MIDDLE = 0.90, -0.05
"""The picture is a tight crop: half its height, and the height in its middle."""
BACKGROUND: Vector = (0.80, 0.84, 0.88)
WHITE: Vector = (0.97, 0.97, 0.96)
PUPIL: Vector = (0.05, 0.05, 0.06)
INSIDE: Vector = (0.30, 0.06, 0.07)
TONGUE: Vector = (0.80, 0.36, 0.36)
BLUSH: Vector = (0.88, 0.36, 0.32)
LIPS: Vector = (0.72, 0.18, 0.20)
TOP, CHIN, BROW, EYE, MOUTH = 0.98, -0.96, 0.40, 0.16, -0.54
"""Heights of parts of a face at rest."""
HALF = tuple(i / 12 for i in range(13))
SPAN = tuple(i / 12 for i in range(-12, 13))
Point = tuple[float, float]
"""Angle and height on a head; in a picture, the distance from the middle and the height."""


class Head(NamedTuple):
    """A head turned by an angle in degrees, with the poses of its right and left half, to be drawn on.

    The canvas, uint8 (side, side), holds positions in the palette.
    """

    person: Person
    poses: tuple[Pose, Pose]
    turn: float
    canvas: UInt8Array
    palette: list[Vector]

    def half(self, angle: float) -> Pose:
        """The pose of the half in which an angle lies."""
        return self.poses[angle > 0]

    def widths(self, heights: FloatArray) -> FloatArray:
        """Half the head's width at heights, (N,)."""
        chin = CHIN - max(pose.jaw for pose in self.poses)
        ends, powers = np.where(heights > 0, TOP, chin), np.where(heights > 0, 2.4, self.person.jaw)
        inner: FloatArray = 1 - np.minimum(heights / ends, 1) ** powers
        return self.person.width * inner ** (1 / powers)

    def seen(self, points: Sequence[Point], out: float = 0.0) -> FloatArray:
        """Where points are seen, (N, 2), `out` above the skin; those on the far side are seen at the edge."""
        angles, heights = np.array(points).T
        turned = np.radians((angles + self.turn).clip(-90, 90))
        return np.stack([(self.widths(heights) + out) * np.sin(turned), heights], axis=1)

    def at(self, angle: float, height: float, out: float = 0.0) -> Point:
        """Where a point is seen."""
        x, y = self.seen([(angle, height)], out)[0].tolist()
        return x, y

    def fill(self, points: Sequence[Point] | FloatArray, colour: Vector) -> None:
        """Fill a polygon of the picture."""
        side, scale = len(self.canvas), len(self.canvas) / (2 * SHOWN)
        x, y = np.array(points).T
        corners = np.rint([side / 2 + scale * x, side / 2 - scale * (y - MIDDLE)]).astype(np.int64)
        left, top = corners.min(axis=1).clip(0, side).tolist()
        right, bottom = corners.max(axis=1).clip(0, side).tolist()
        within = inside(corners[0] - left, corners[1] - top, bottom - top, right - left)
        np.putmask(self.canvas[top:bottom, left:right], within, len(self.palette))
        self.palette.append(colour)

    def paint(self, points: Sequence[Point], colour: Vector) -> None:
        """Fill a polygon on the skin."""
        self.fill(self.seen(points), colour)

    def stroke(self, points: Sequence[Point], width: float, colour: Vector) -> None:
        """Paint a line that is `width` high."""
        above = [(angle, height + width / 2) for angle, height in points]
        below = [(angle, height - width / 2) for angle, height in points]
        self.paint([*above, *below[::-1]], colour)


def portrait(person: Person, expression: str, turn: float, size: int) -> UInt8Array:
    """Draw a person with an expression, the head turned to the picture's right: uint8 (3, size, size).

    The turn is in degrees, up to about 45 to either side.
    """
    canvas = np.zeros((size * SAMPLES, size * SAMPLES), np.uint8)
    head = Head(person, person.poses(expression), turn, canvas, [BACKGROUND])
    _behind(head)
    _skin(head)
    if person.beard == "full":
        _beard(head)
    _nose(head)
    _mouth(head)
    for sign in (-1, 1):
        _eye(head, sign)
    _hair(head)
    if person.glasses is not None:
        _glasses(head, person.glasses)
    palette = np.rint(255 * np.minimum(head.palette, 1)).astype(np.uint16)
    total = np.zeros((size, size, 3), np.uint16)
    for i, j in np.ndindex(SAMPLES, SAMPLES):
        total += palette[canvas[i::SAMPLES, j::SAMPLES]]
    return ((total + SAMPLES**2 // 2) // SAMPLES**2).astype(np.uint8).transpose(2, 0, 1)


def inside(x: Int64Array, y: Int64Array, height: int, width: int) -> npt.NDArray[np.bool_]:
    """Whether the middles of samples lie in a polygon (even-odd rule), bool (height, width).

    Its corners, int64 (N,) each, rightwards and downwards, lie between samples, so no edge ends on one.
    """
    next_x, next_y = np.append(x[1:], x[0]), np.append(y[1:], y[0])
    rows = np.arange(height)[:, None]
    row, edge = np.nonzero((np.minimum(y, next_y) <= rows) & (rows < np.maximum(y, next_y)))
    dx, dy = (next_x - x)[edge], (next_y - y)[edge]
    column = (2 * x[edge] * dy + (2 * row + 1 - 2 * y[edge]) * dx + dy) // (2 * dy)
    crossed = np.zeros((height, width + 1), np.bool_)
    np.logical_xor.at(crossed, (row, column.clip(0, width)), True)
    odd: npt.NDArray[np.bool_] = np.logical_xor.accumulate(crossed, axis=1)[:, :width]
    return odd


def mixed(colour: Vector, other: Vector, share: float) -> Vector:
    """Mix a share of another colour into a colour."""
    red, green, blue = (c + share * (o - c) for c, o in zip(colour, other, strict=True))
    return red, green, blue


def darker(colour: Vector, share: float) -> Vector:
    """Take a share of its light from a colour."""
    return mixed(colour, (0.0, 0.0, 0.0), share)


def _oval(centre: Point, width: float, height: float) -> list[Point]:
    turns = [math.radians(15 * i) for i in range(24)]
    return [(centre[0] + width * math.cos(t), centre[1] + height * math.sin(t)) for t in turns]


def _around(head: Head, out: float, low: float, curls: float = 0.0) -> list[Point]:
    """The outline of the head, `out` further out, from the lower left over the top to the lower right."""
    heights = [low + (TOP - low) * math.sin(math.radians(90 * share)) for share in HALF]
    widths = head.widths(np.array(heights)).tolist()
    ring = [(w + out, h + out * max(0.0, h)) for w, h in zip(widths, heights, strict=True)]
    wave = [1 + curls * math.sin(2.6 * i) for i in range(len(ring))]
    right = [(x * w, y * w) for (x, y), w in zip(ring, wave, strict=True)]
    return [(-x, y) for x, y in right] + right[::-1]


def _behind(head: Head) -> None:
    """The shoulders, the neck, the hair behind the head, and the ears."""
    person, style = head.person, head.person.style
    if style.nape < -0.5:
        x = person.width + style.thick
        head.fill([(-x, max(-1.1, style.nape)), *_around(head, style.thick, 0.0), (x, max(-1.1, style.nape))],
                  darker(person.hair, 0.25))  # fmt: skip
    head.fill([(-0.45, 0), (-0.45, -1.1), (0.45, -1.1), (0.45, 0)], darker(person.skin, 0.25))
    head.fill(
        [(-1.1, -0.92), (-0.4, -0.84), (0.4, -0.84), (1.1, -0.92), (1.1, -1.1), (-1.1, -1.1)], person.shirt
    )
    for angle in (-95.0, 95.0):
        seen = angle + head.turn
        if abs(seen) < 110:
            x, _ = head.at(angle, 0.05, 0.03)
            wide = 0.05 + 0.09 * max(0.0, math.cos(math.radians(seen)))
            head.fill(_oval((x, 0.02), wide, 0.17), darker(person.skin, 0.12))


def _skin(head: Head) -> None:
    """The head without hair, its shaded side, cheeks and wrinkles."""
    skin, chin = head.person.skin, CHIN - max(pose.jaw for pose in head.poses)
    heights = [chin + (TOP - chin) * i / 40 for i in range(41)]
    right = list(zip(head.widths(np.array(heights)).tolist(), heights, strict=True))
    head.fill([*right, *((-x, h) for x, h in right[::-1])], skin)
    head.fill([*right, *((0.84 * x, h) for x, h in right[::-1])], darker(skin, 0.10))
    line = darker(skin, 0.35)
    for sign, pose in zip((-1, 1), head.poses, strict=True):
        nod = pose.nod
        if pose.cheek:
            blush = mixed(skin, BLUSH, 0.45 * min(1.0, pose.cheek))
            head.paint(_oval((sign * 37, -0.20 + nod + 0.05 * pose.cheek), 13, 0.13), blush)
        if pose.forehead:
            for height in (0.60, 0.70):
                points = [(sign * 30 * t, height + 0.04 * t * (1 - t) + nod) for t in HALF]
                head.stroke(points, 0.03 * pose.forehead, line)
        if pose.frown:
            edge = BROW + nod + pose.inner_brow
            head.paint([(sign * 3, edge + 0.12), (sign * 6, edge + 0.10), (sign * 4, edge - 0.14)], line)
        if pose.fold:
            top, end = head.person.nose_end + nod + 0.04, MOUTH + nod + pose.corner
            bow = [(sign * (16 + (24 + pose.stretch * 0.6) * t), top + (end - top) * t**1.3) for t in HALF]
            inner = [(angle - sign * 3.5 * pose.fold, height - 0.03) for angle, height in bow]
            head.paint([*bow, *inner[::-1]], line)


def _beard(head: Head) -> None:
    """A beard along the jaw; cheeks stay free."""
    nod = head.poses[0].nod
    low = CHIN - max(pose.jaw for pose in head.poses)
    edge = [(90 * t, MOUTH + nod + 0.16 + 0.30 * abs(t) ** 3) for t in SPAN]
    jaw = [(90.0, low + (edge[-1][1] - low) * (1 - t)) for t in HALF]
    head.paint(
        [*edge, *jaw, *((-angle, height) for angle, height in jaw[::-1])], darker(head.person.hair, 0.3)
    )


def _nose(head: Head) -> None:
    person, skin = head.person, head.person.skin
    wrinkled, nod = max(pose.nose for pose in head.poses), head.poses[0].nod
    tip, wing = person.nose_end + nod + 0.05 * wrinkled, person.nose_width * (1 + 0.25 * wrinkled)
    bridge = [head.at(-4, EYE + nod), head.at(4, EYE + nod)]
    end = [head.at(angle, tip + 0.05 * math.cos(angle / wing * 1.5), 0.12) for angle in (wing, wing / 2)]
    end += [head.at(0, tip - 0.04, 0.20)]
    end += [head.at(angle, tip + 0.05 * math.cos(angle / wing * 1.5), 0.12) for angle in (-wing / 2, -wing)]
    head.fill([*bridge, *end], darker(skin, 0.14))
    head.fill([bridge[0], head.at(1.5, EYE + nod), head.at(wing * 0.4, tip + 0.03, 0.19), end[2], end[4]],
              mixed(skin, WHITE, 0.12))  # fmt: skip
    for sign in (-1, 1):
        x, y = head.at(sign * wing * 0.55, tip, 0.13)
        head.fill(_oval((x, y), 0.035, 0.02), darker(skin, 0.6))
        if wrinkled:
            for i in range(2):
                points = [(sign * 9 * t, EYE - 0.02 - 0.08 * i + nod + 0.05 * t) for t in HALF]
                head.stroke(points, 0.03 * wrinkled, darker(skin, 0.35))


def _mouth(head: Head) -> None:
    """Lips, with what is seen between them, and a moustache."""
    person, rest = head.person, MOUTH + head.poses[0].nod

    def edge(move: Callable[[Pose], float], thick: float) -> list[Point]:
        """An edge of a lip from corner to corner, moved upwards in the middle, `thick` outside."""
        points = []
        for t in SPAN:
            pose = head.half(t)
            bend = 1 - t * t
            height = rest + pose.corner * t * t + move(pose) * bend + thick * math.sqrt(bend)
            points.append((t * (person.mouth + pose.stretch), height))
        return points

    upper, lower = edge(lambda pose: pose.upper_lip, 0), edge(lambda pose: -pose.lower_lip, 0)
    outer = edge(lambda pose: pose.upper_lip, 0.8 * person.lips), edge(lambda p: -p.lower_lip, -person.lips)
    if person.beard:
        above = [(1.15 * angle, height + 0.10) for angle, height in outer[0]]
        head.paint([*above, *((1.15 * angle, height) for angle, height in outer[0][::-1])],
                   darker(person.hair, 0.3))  # fmt: skip
    head.paint([*outer[0], *outer[1][::-1]], mixed(person.skin, LIPS, 0.4 + 0.5 * person.lip))
    gap = max(pose.upper_lip + pose.lower_lip for pose in head.poses)
    if gap > 0.03:
        head.paint([*upper, *lower[::-1]], INSIDE)
        teeth = [(a, max(low, high - 0.10)) for (a, high), (_, low) in zip(upper, lower, strict=True)]
        head.paint([*upper, *teeth[::-1]], WHITE)
        if gap > 0.2:
            tongue = [
                (a, min(low + 0.11, high - 0.10)) for (a, high), (_, low) in zip(upper, lower, strict=True)
            ]
            head.paint([*tongue[6:-6], *lower[6:-6][::-1]], TONGUE)
    else:
        head.stroke(upper, 0.025, INSIDE)


def _eye(head: Head, sign: int) -> None:
    """An eye and its brow."""
    person, pose = head.person, head.poses[sign > 0]
    middle, height = sign * person.eyes, EYE + pose.nod
    high, low = (max(0.015, person.eye_height + pose.upper_lid),
                 max(0.015, person.eye_height * 0.8 - pose.lower_lid))  # fmt: skip

    def lids(angle: float) -> tuple[float, float]:
        """Heights of the lower and the upper lid."""
        bend = max(0.0, 1 - ((angle - middle) / person.eye_width) ** 2)
        return height - low * bend, height + high * bend

    across = [middle + person.eye_width * t for t in SPAN]
    upper, lower = [(a, lids(a)[1]) for a in across], [(a, lids(a)[0]) for a in across]
    head.paint([*upper, *lower[::-1]], WHITE)
    for radius, colour in ((0.105, person.eye), (0.05, PUPIL)):
        disc = _oval((middle, height + 0.01), math.degrees(radius / person.width), radius)
        head.paint([(a, max(lids(a)[0], min(lids(a)[1], h))) for a, h in disc], colour)
    head.stroke(upper, 0.035, darker(person.skin, 0.7))
    head.stroke(lower, 0.018, darker(person.skin, 0.4))
    brow = [
        (
            sign * (8 + 36 * t),
            BROW + pose.nod + pose.inner_brow * (1 - t) + pose.outer_brow * t + 0.05 * t * (1 - t),
        )
        for t in HALF
    ]
    head.stroke(brow, 2 * person.brow, darker(person.hair, 0.4))


def _hair(head: Head) -> None:
    """The hair on the head, from the hairline up."""
    person, style = head.person, head.person.style
    if style.thick == 0:
        return

    def line(angle: float) -> float:
        """Height of the hairline at an angle."""
        far = abs(angle)
        if far > 85:
            return style.nape
        fall = float(max(0.0, (far - 48) / 37) ** 0.6)
        return (1 - fall) * (style.line + style.parting * angle / 48) + fall * style.side

    angles = [2.5 * i - head.turn for i in range(-36, 37)]
    points = [(angle, max(-1.1, line(angle))) for angle in angles]
    edge = [
        *head.seen(points[:6], style.thick),
        *head.seen(points[6:-6]),
        *head.seen(points[-6:], style.thick),
    ]
    head.fill([*edge, *_around(head, style.thick, 0.0, style.curls)[::-1]], person.hair)


def _glasses(head: Head, colour: Vector) -> None:
    nod = head.poses[0].nod
    for sign in (-1, 1):
        outer = _oval((sign * head.person.eyes, EYE + nod), 19, 0.20)
        inner = _oval((sign * head.person.eyes, EYE + nod), 16.5, 0.165)
        head.paint([*outer, outer[0], inner[0], *inner[::-1]], colour)
        head.stroke(
            [(sign * (head.person.eyes + 18), EYE + 0.03 + nod), (sign * 88, EYE + 0.05)], 0.04, colour
        )
    head.stroke([(-9, EYE + 0.03 + nod), (9, EYE + 0.03 + nod)], 0.04, colour)
