"""Builds a toy car of convex solids after a design; its middle stands at the origin, facing +x."""

from __future__ import annotations

from collections.abc import Iterator

from lordbench.rendering.designs import BLACK, CHROME, Design
from lordbench.rendering.raycast import Scene
from lordbench.rendering.solids import Solid, Vector, box, disc

GLASS: Vector = (0.17, 0.23, 0.31)
RUBBER: Vector = (0.10, 0.10, 0.11)
HEADLIGHT: Vector = (1.60, 1.45, 0.65)
TAILLIGHT: Vector = (1.50, 0.06, 0.05)
PLATE: Vector = (0.95, 0.85, 0.35)
LUGGAGE: Vector = (0.45, 0.30, 0.18)
PROUD = 0.015
"""How far panes, lamps and stripes stand out from the surface they lie on, in metres."""


class Builder:
    """The measures of one car, in metres, and its parts."""

    def __init__(self, design: Design) -> None:
        style = design.style
        self.design = design
        self.length = style.length * design.scale[0]
        self.half = style.width * design.scale[1] / 2
        self.height = style.height * design.scale[2]
        self.belt = style.belt * self.height
        self.front = self.length / 2
        self.body = self._body()
        self.cabin = self._cabin()

    def parts(self) -> Iterator[Solid]:
        """All solids of the car."""
        yield self.body
        yield self.cabin
        yield from self._windows()
        yield from self._lamps()
        yield from self._wheels()
        yield from self._load()
        yield from self._extras()

    def _at(self, part: float) -> float:
        """The x of a place given from the car's front (0) to its rear (1)."""
        return self.front - part * self.length

    def _body(self) -> Solid:
        style, half, floor = self.design.style, self.half, self.design.clearance
        bonnet, deck = self._at(style.screen[0]), self._at(style.rear[1])
        nose, tail = style.nose * self.belt, style.tail * self.belt
        body = box((-self.front, -half, floor), (self.front, half, self.belt), self.design.paint)
        body = body.cut("bonnet", (self.belt - nose, 0, self.front - bonnet), (bonnet, 0, self.belt))
        body = body.cut("deck", (tail - self.belt, 0, deck + self.front), (deck, 0, self.belt))
        body = body.cut("chin", (1, 0, -1.2), (self.front, 0, floor + 0.16))
        body = body.cut("heel", (-1, 0, -1.2), (-self.front, 0, floor + 0.16))
        for name, side in (("left", 1), ("right", -1)):
            body = body.cut(f"{name} shoulder", (0, side, 0.7), (0, side * half, self.belt - 0.13))
            body = body.cut(f"{name} wing", (1, side * 0.8, 0), (self.front, side * (half - 0.22), 0))
            body = body.cut(f"{name} tail", (-1, side * 0.8, 0), (-self.front, side * (half - 0.16), 0))
        return body

    def _cabin(self) -> Solid:
        style, half = self.design.style, self.half - 0.07
        (bonnet, roof_front), (roof_rear, deck) = style.screen, style.rear
        rise = self.height - self.belt
        foot = self.belt - 0.10
        cabin = box((self._at(deck), -half, foot), (self._at(bonnet), half, self.height), self.design.roof)
        slope_front, slope_back = (
            self._at(bonnet) - self._at(roof_front),
            self._at(roof_rear) - self._at(deck),
        )
        cabin = cabin.cut("screen", (rise, 0, slope_front), (self._at(bonnet), 0, self.belt))
        cabin = cabin.cut("back", (-rise, 0, slope_back), (self._at(deck), 0, self.belt))
        for name, side in (("left side", 1), ("right side", -1)):
            cabin = cabin.cut(name, (0, side, 0.28), (0, side * half, self.belt))
            edge = side * (half - 0.28 * (rise - 0.06))
            cabin = cabin.cut(f"{name} gutter", (0, side, 1.2), (0, edge, self.height - 0.06))
        return cabin

    def _windows(self) -> Iterator[Solid]:
        style, cabin = self.design.style, self.cabin.painted(GLASS)
        sill = {"bottom": -0.14}
        yield cabin.moved({**sill, "screen": PROUD, "front": PROUD, "top": -0.06}, others=-0.08)
        yield cabin.moved({**sill, "back": PROUD, "rear": PROUD, "top": -0.06}, others=-0.10)
        start = (self._at(style.screen[0]) + self._at(style.screen[1])) / 2
        stop = (self._at(style.rear[0]) + self._at(style.rear[1])) / 2
        pane = (start - stop) / style.panes
        for name, face in (("left side", "left"), ("right side", "right")):
            glass = cabin.moved({**sill, name: PROUD, face: PROUD, f"{name} gutter": 0.0}, others=-0.08)
            for i in range(style.panes):
                front = start - i * pane + (0.5 if i == 0 else -0.04)
                rear = start - (i + 1) * pane + (0.04 if i < style.panes - 1 else -0.5)
                yield glass.within((rear, -self.half, 0), (front, self.half, self.height))

    def _lamps(self) -> Iterator[Solid]:
        style, floor = self.design.style, self.design.clearance
        skin = self.body.moved({}, others=PROUD)
        inner, outer = self.half * (1 - self.design.light), self.half + PROUD
        front, rear = (self.front - 0.20, self.front + PROUD), (-self.front - PROUD, -self.front + 0.16)
        nose, tail = style.nose * self.belt - floor, style.tail * self.belt - floor
        for y in ((inner, outer), (-outer, -inner)):
            yield _patch(skin, front, y, (floor + 0.44 * nose, floor + 0.92 * nose), HEADLIGHT)
            yield _patch(skin, rear, y, (floor + 0.46 * tail, floor + 0.88 * tail), TAILLIGHT)
        between = (0.12 - inner, inner - 0.12)
        yield _patch(skin, front, between, (floor + 0.35 * nose, floor + 0.72 * nose), BLACK)
        yield _patch(skin, rear, (-0.28, 0.28), (floor + 0.38 * tail, floor + 0.62 * tail), PLATE)
        around = (-self.front - PROUD, self.front + PROUD), (-outer, outer)
        yield _patch(skin, *around, (floor, floor + 0.13), BLACK)

    def _wheels(self) -> Iterator[Solid]:
        radius = self.design.wheel
        for x in (self.front - 0.19 * self.length, -self.front + 0.20 * self.length):
            for side in (1, -1):
                y = side * (self.half - 0.10)
                arch = disc((x, y, radius), radius + 0.07, 0.10 + PROUD, 10, BLACK)
                yield arch.within((x - 1, -2, self.design.clearance), (x + 1, 2, self.belt))
                yield disc((x, y, radius), radius, 0.10 + 2 * PROUD, 12, RUBBER)
                yield disc((x, y, radius), 0.58 * radius, 0.10 + 3 * PROUD, 8, self.design.hub)

    def _load(self) -> Iterator[Solid]:
        style, half, belt = self.design.style, self.half, self.belt
        start = self._at(style.rear[1]) - 0.04
        end = 0.04 - self.front
        if style.load == "box":
            top = self.height * 1.05
            yield box((end, -half, 0.55 * belt), (start, half, top), self.design.cargo)
        if style.load == "bed":
            yield box((end, 0.1 - half, belt), (start, half - 0.1, belt + PROUD), BLACK)
            walls = ((end, half - 0.12), (start, half)), ((end, -half), (start, 0.12 - half))
            for low, high in (*walls, ((end, -half), (end + 0.1, half))):
                yield box((*low, belt - 0.12), (*high, belt + 0.18), self.design.paint)

    def _extras(self) -> Iterator[Solid]:
        style, design = self.design.style, self.design
        if design.stripe is not None:
            for part in (self.body, self.cabin):
                everywhere = (-self.front, self.front), (-0.22, 0.22), (self.belt * 0.7, self.height + PROUD)
                lifted = part.moved({"top": PROUD, "bonnet": PROUD, "deck": PROUD})
                yield _patch(lifted, *everywhere, design.stripe)
        if design.rack:
            front, rear = self._at(style.screen[1]) - 0.15, self._at(style.rear[0]) + 0.15
            yield box((rear, -0.5, self.height), (front, 0.5, self.height + 0.06), CHROME)
            yield box((rear + 0.15, -0.4, self.height), (front - 0.1, 0.4, self.height + 0.28), LUGGAGE)
        if design.wing:
            top, back = self.belt + 0.26, 0.30 - self.front
            yield box((-self.front, -self.half, top - 0.06), (back, self.half, top), design.paint)
            for y in (-0.5, 0.5):
                yield box((-self.front + 0.1, y - 0.04, self.belt - 0.1), (back - 0.05, y + 0.04, top), BLACK)


def build(design: Design) -> Scene:
    """Build the car of a design, and the footprint of its shadow."""
    builder = Builder(design)
    return Scene(list(builder.parts()), builder.front - 0.1, builder.half - 0.05)


Range = tuple[float, float]


def _patch(solid: Solid, x: Range, y: Range, z: Range, colour: Vector) -> Solid:
    return solid.within((x[0], y[0], z[0]), (x[1], y[1], z[1])).painted(colour)
