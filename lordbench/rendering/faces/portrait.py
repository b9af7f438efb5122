"""A person's portraits, one for each expression, ready to be drawn from any side."""

from __future__ import annotations

from collections.abc import Iterator

from lordbench.rendering.faces.beard import beard
from lordbench.rendering.faces.body import ears, neck, shirt
from lordbench.rendering.faces.canvas import Canvas
from lordbench.rendering.faces.expressions import EXPRESSIONS, poses
from lordbench.rendering.faces.features import Face
from lordbench.rendering.faces.glasses import glasses
from lordbench.rendering.faces.hair import hair
from lordbench.rendering.faces.paint import Painter
from lordbench.rendering.faces.people import Person
from lordbench.rendering.faces.skull import Skull
from lordbench.rendering.shells import Sitter


def portraits(person: Person, size: int) -> Iterator[Sitter]:
    """A person with each of `EXPRESSIONS`, in that order, for pictures of `size` pixels."""
    skull = Skull(person, size)
    still = [*ears(skull), neck(skull), shirt(skull), *hair(skull)]
    if person.glasses:
        still.append(glasses(skull))
    for expression in EXPRESSIONS:
        face = Face(skull, poses(expression, person.strengths[expression], person.side))
        canvas = Canvas(person.skin, face.x.shape)
        if person.beard:
            beard(face, canvas)
        Painter(face, canvas.part(slice(0, skull.n_front))).paint()
        yield Sitter([skull.shell(face.rows, face.x, face.y, canvas), *still])
