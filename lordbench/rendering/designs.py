"""What tells one toy car from another: ten styles, and a design drawn at random within one of them."""

from __future__ import annotations

from dataclasses import dataclass

from lordbench import seeds
from lordbench.rendering.lots import between, choice, varied
from lordbench.rendering.solids import Vector

SEED = 20_180_613
"""Part of every car: another seed is another data set."""

WHITE: Vector = (0.93, 0.93, 0.92)
BLACK: Vector = (0.12, 0.12, 0.13)
CHROME: Vector = (0.80, 0.81, 0.83)

PAINTS: tuple[Vector, ...] = (
    (0.83, 0.10, 0.10),
    (0.13, 0.32, 0.78),
    (0.96, 0.80, 0.10),
    (0.90, 0.90, 0.88),
    (0.10, 0.52, 0.25),
    (0.95, 0.48, 0.08),
    (0.42, 0.17, 0.55),
    (0.15, 0.16, 0.19),
    (0.35, 0.72, 0.90),
    (0.95, 0.50, 0.62),
    (0.55, 0.58, 0.60),
    (0.60, 0.82, 0.20),
    (0.42, 0.24, 0.12),
    (0.05, 0.55, 0.55),
    (0.85, 0.76, 0.58),
    (0.10, 0.12, 0.40),
    (0.50, 0.06, 0.16),
)
"""Body colours; their number and that of the styles share no factor, so pairs repeat late."""


@dataclass(frozen=True)
class Style:
    """The outline of a kind of car, from its front (0) to its rear (1) and in metres.

    Attributes:
        length: bumper to bumper, metres.
        width: across the body, metres.
        height: ground to roof, metres.
        screen: where the windscreen meets the bonnet, and where it meets the roof.
        rear: where the rear window meets the roof, and where it meets the deck.
        belt: height of the lower edge of the windows, as a part of `height`.
        nose: height of the front end, as a part of the belt's.
        tail: height of the rear end, as a part of the belt's.
        load: what stands behind the cabin, if anything: `bed` (open) or `box` (closed).
        panes: windows along each side.
        wheel: radius of the wheels, metres.
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
    Style(
        3.9, 1.80, 1.22, (0.37, 0.53), (0.64, 0.92), belt=0.66, nose=0.80, tail=0.97, panes=1, wheel=0.32
    ),  # coupé
    Style(4.3, 1.85, 1.75, (0.27, 0.37), (0.53, 0.57), belt=0.60, nose=0.90, tail=1.0, load="bed", panes=1),
    Style(4.1, 1.75, 1.45, (0.28, 0.41), (0.90, 0.98), tail=0.98, panes=3),  # estate car
    Style(2.6, 1.55, 1.58, (0.14, 0.34), (0.82, 0.97), belt=0.56, nose=0.80, tail=0.97, panes=1),  # city car
    Style(4.3, 1.85, 1.95, (0.06, 0.16), (0.30, 0.32), belt=0.52, nose=0.80, tail=0.72, load="box", panes=1),
    Style(
        3.9, 1.80, 1.66, (0.17, 0.40), (0.84, 0.98), belt=0.57, nose=0.72, tail=1.0, panes=3
    ),  # people carrier
)


@dataclass(frozen=True)
class Design:
    """All that tells one toy car from another; colours are red, green and blue in [0, 1].

    Attributes:
        style: the outline.
        scale: factors on the outline's length, width and height.
        paint: colour of the body.
        roof: colour of the cabin's roof and frame.
        cargo: colour of a closed load.
        hub: colour of the wheels' hubs.
        wheel: radius of the wheels, metres.
        clearance: from the ground to the body, metres.
        light: width of a lamp, as a part of the car's half-width.
        stripe: colour of a stripe along the top, or None.
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
    """The design of car number `index`, which is the same however many cars there are."""
    rng = seeds.numpy_generator(SEED, "toycars", index)
    style = STYLES[index % len(STYLES)]
    paint = varied(PAINTS[index % len(PAINTS)], rng)
    contrast = (WHITE, BLACK, _lighter(paint))[choice(rng, 3)]
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


def _lighter(colour: Vector) -> Vector:
    return (1 + colour[0]) / 2, (1 + colour[1]) / 2, (1 + colour[2]) / 2
