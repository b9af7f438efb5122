"""Toy cars: random designs, built of convex solids, centred at the origin and facing +x."""

from collections.abc import Iterator
from dataclasses import dataclass

from lordbench.datasets.rendered.raycast import Scene
from lordbench.datasets.rendered.solids import Solid, Vector, between, box, choice, disc, varied
from lordbench.utils import seeds

Range = tuple[float, float]

SEED = 20_180_613  # of all designs: another seed is another data set
WHITE: Vector = (0.93, 0.93, 0.92)
BLACK: Vector = (0.12, 0.12, 0.13)
CHROME: Vector = (0.80, 0.81, 0.83)
GLASS: Vector = (0.17, 0.23, 0.31)
RUBBER: Vector = (0.10, 0.10, 0.11)
HEADLIGHT: Vector = (1.60, 1.45, 0.65)
TAILLIGHT: Vector = (1.50, 0.06, 0.05)
PLATE: Vector = (0.95, 0.85, 0.35)
LUGGAGE: Vector = (0.45, 0.30, 0.18)
PROUD = 0.015  # thickness of panes, lamps and stripes above their surface, in metres
PAINTS: tuple[Vector, ...] = (
    (0.83, 0.10, 0.10), (0.13, 0.32, 0.78), (0.96, 0.80, 0.10), (0.90, 0.90, 0.88), (0.10, 0.52, 0.25),
    (0.95, 0.48, 0.08), (0.42, 0.17, 0.55), (0.15, 0.16, 0.19), (0.35, 0.72, 0.90), (0.95, 0.50, 0.62),
    (0.55, 0.58, 0.60), (0.60, 0.82, 0.20), (0.42, 0.24, 0.12), (0.05, 0.55, 0.55), (0.85, 0.76, 0.58),
    (0.10, 0.12, 0.40), (0.50, 0.06, 0.16),
)  # fmt: skip
"""Body colours; their number is coprime with that of the styles, so that pairs repeat late."""


@dataclass(frozen=True)
class Style:
    """The outline of a kind of car, in metres; positions run from its front (0) to its rear (1).

    Attributes:
        screen: positions at which the windscreen meets the bonnet and the roof.
        rear: positions at which the rear window meets the roof and the deck.
        belt: height of the lower edge of the windows, relative to `height`.
        nose: height of the front end, relative to the belt's.
        tail: height of the rear end, relative to the belt's.
        load: behind the cabin: nothing, `bed` (open) or `box` (closed).
        panes: windows along each side.
        wheel: radius of the wheels.
    """

    length: float
    width: float
    height: float
    screen: tuple[float, float]
    rear: tuple[float, float]
    belt: float = 0.60
    nose: float = 0.80
    tail: float = 0.92
    load: str = ""
    panes: int = 2
    wheel: float = 0.36


STYLES: tuple[Style, ...] = (
    Style(4.0, 1.75, 1.45, (0.29, 0.43), (0.70, 0.85)),  # saloon
    Style(3.3, 1.70, 1.50, (0.25, 0.42), (0.86, 0.97), tail=0.97),  # hatchback
    Style(4.0, 1.85, 1.80, (0.27, 0.37), (0.93, 0.98), belt=0.62, nose=0.88, tail=1.0, panes=3),  # off-roader
    Style(4.2, 1.85, 2.05, (0.09, 0.25), (0.98, 0.995), belt=0.55, nose=0.72, tail=1.0, panes=4),  # minibus
    Style(3.9, 1.80, 1.22, (0.37, 0.53), (0.64, 0.92), belt=0.66, tail=0.97, panes=1, wheel=0.32),  # coupé
    Style(4.3, 1.85, 1.75, (0.27, 0.37), (0.53, 0.57), belt=0.60, nose=0.90, tail=1.0, load="bed", panes=1),
    Style(4.1, 1.75, 1.45, (0.28, 0.41), (0.90, 0.98), tail=0.98, panes=3),  # estate car
    Style(2.6, 1.55, 1.58, (0.14, 0.34), (0.82, 0.97), belt=0.56, nose=0.80, tail=0.97, panes=1),  # city car
    Style(4.3, 1.85, 1.95, (0.06, 0.16), (0.30, 0.32), belt=0.52, nose=0.80, tail=0.72, load="box", panes=1),
    Style(3.9, 1.80, 1.66, (0.17, 0.40), (0.84, 0.98), belt=0.57, nose=0.72, tail=1.0, panes=3),  # MPV
)


@dataclass(frozen=True)
class Design:
    """The parameters of one toy car, in metres; paint, roof, cargo, hub and stripe are colours.

    Attributes:
        scale: factors on the style's length, width and height.
        wheel: radius of the wheels.
        clearance: from the ground to the body.
        light: width of a lamp, relative to the car's half-width.
        rack: whether there is luggage on the roof.
        wing: whether there is a wing on the tail.
    """

    style: Style
    scale: Vector
    paint: Vector
    roof: Vector
    cargo: Vector
    hub: Vector
    wheel: float
    clearance: float
    light: float
    stripe: Vector | None
    rack: bool
    wing: bool


def design(index: int) -> Design:
    """Draw the design of car number `index`; it does not depend on the number of cars."""
    rng = seeds.numpy_generator(SEED, "toycars", index)
    style = STYLES[index % len(STYLES)]
    red, green, blue = paint = varied(PAINTS[index % len(PAINTS)], rng)
    lighter = (1 + red) / 2, (1 + green) / 2, (1 + blue) / 2
    contrast = (WHITE, BLACK, lighter)[choice(rng, 3)]
    return Design(
        style=style,
        scale=(between(rng, 0.93, 1.04), between(rng, 0.95, 1.04), between(rng, 0.95, 1.06)),
        paint=paint,
        roof=contrast if choice(rng, 3) == 0 else paint,
        cargo=varied((WHITE, CHROME, PAINTS[choice(rng, len(PAINTS))])[choice(rng, 3)], rng),
        hub=(CHROME, WHITE, paint, BLACK)[choice(rng, 4)],
        wheel=style.wheel * between(rng, 0.95, 1.1),
        clearance=style.wheel * between(rng, 0.55, 0.75),
        light=between(rng, 0.26, 0.40),
        stripe=contrast if choice(rng, 4) == 0 else None,
        rack=not style.load and choice(rng, 5) == 0,
        wing=style.panes <= 2 and not style.load and choice(rng, 4) == 0,
    )


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
        """Yield all solids of the car."""
        yield self.body
        yield self.cabin
        yield from self._windows()
        yield from self._lamps()
        yield from self._wheels()
        yield from self._load()
        yield from self._extras()

    def _at(self, part: float) -> float:
        """Return the x of a position from the car's front (0) to its rear (1)."""
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
        slope_front = self._at(bonnet) - self._at(roof_front)
        slope_back = self._at(roof_rear) - self._at(deck)
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
    """Build the car of a design."""
    builder = Builder(design)
    return Scene(list(builder.parts()), builder.front - 0.1, builder.half - 0.05)


def _patch(solid: Solid, x: Range, y: Range, z: Range, colour: Vector) -> Solid:
    return solid.within((x[0], y[0], z[0]), (x[1], y[1], z[1])).painted(colour)
