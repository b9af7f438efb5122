"""Pictures of several methods side by side, made from the same images."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lordbench.evaluation.pictures import Part, Role, Tiles, read_parts
from lordbench.results.cells import NEVER, CellRecord, Settings
from lordbench.results.names import group_title, label
from lordbench.utils.errors import UserError, did_you_mean

MAIN = "transfer-encoded"
"""The picture of content transfer, which is shown first."""
TITLES = {
    f"transfer-{codes}": f"transfers with {codes} codes" for codes in ("encoded", "learned", "optimized")
}
"""Pictures in words; others by their own names, without hyphens."""
Errors = Mapping[str, npt.NDArray[np.float64]]
"""By cell the errors of its output's images, (rows, columns)."""


class Output(NamedTuple):
    """Output images of one cell: uint8 (rows, columns, S, S, 3)."""

    cell: str
    label: str
    tiles: Tiles


@dataclass(frozen=True)
class Comparison:
    """Outputs of several methods for the same images.

    Attributes:
        group: data set, split and preset.
        picture: the file's name without its suffix, such as `transfer-encoded`.
        given: images that all cells share: `across`, `down` and `truth`, as far as the picture has them.
        outputs: one for each cell.
    """

    group: str
    seed: int
    picture: str
    part: Part
    given: Mapping[Role, Tiles]
    outputs: list[Output] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Picture, group and seed in words."""
        name = TITLES.get(self.picture, self.picture.replace("-", " "))
        what = f"{name}: {self.part.title}" if self.part.title else name
        return f"{what}; {self.group}, seed {self.seed}"

    def named(self, truth: str) -> Iterator[Output]:
        """All images: those of `given`, of no cell, the true ones by the name `truth`; then outputs."""
        second = "class" if "across" in self.given else "input"
        names: dict[Role, str] = {"across": "content", "down": second, "truth": truth}
        yield from (Output("", name, self.given[role]) for role, name in names.items() if role in self.given)
        yield from self.outputs

    def places(self) -> list[tuple[int, int]]:
        """Rows and columns of all pairs, diagonal after diagonal: contents and classes repeat late."""
        n_rows, columns = self.outputs[0].tiles.shape[:2]
        return [(i, (i + shift) % columns) for shift in range(columns) for i in range(n_rows)]

    def errors(self) -> Errors:
        """L1 of all outputs to their true images, as the metric `l1`.

        Without those for which the picture has no true image of each output.
        """
        truth = self.given.get("truth")
        return {
            output.cell: np.abs(output.tiles / 255 - truth / 255).mean(axis=(2, 3, 4))
            for output in self.outputs
            if truth is not None and truth.shape == output.tiles.shape
        }

    def of(self, methods: Sequence[str]) -> "Comparison":
        """The comparison of some methods, in this order; all if there are none.

        Raises:
            UserError: it has no method of that name.
        """
        known = {output.label: output for output in self.outputs}
        if unknown := [name for name in methods if name not in known]:
            raise UserError(
                f"--methods {unknown[0]}: not in this picture{did_you_mean(unknown[0], known)}",
                f"Methods here: {', '.join(known)}.",
            )
        return replace(self, outputs=[known[name] for name in methods] or self.outputs)


def in_order(records: Iterable[CellRecord]) -> list[CellRecord]:
    """Cells in the order of tables: groups, then methods as they were first started, then seeds.

    Of several cells of one method and seed the newest, as in tables.
    """
    newest: dict[tuple[str, str, int], CellRecord] = {}
    for record in sorted(records, key=lambda record: (record.started != NEVER, record.started)):
        newest[cell_group(record.settings), record.settings.label, record.settings.seed] = record
    cells = [(group, record) for (group, *_), record in newest.items()]
    groups = list(dict.fromkeys(group for group, _ in cells))
    first: dict[tuple[str, str], str] = {}
    for group, record in cells:
        name = group, record.settings.label
        first[name] = min(first.get(name, record.started), record.started)

    def place(cell: tuple[str, CellRecord]) -> tuple[int, str, str, int]:
        group, settings = cell[0], cell[1].settings
        return groups.index(group), first[group, settings.label], settings.label, settings.seed

    return [record for _, record in sorted(cells, key=place)]


def cell_group(settings: Settings) -> str:
    """Name the data set, split and preset of a cell."""
    return group_title((settings.dataset, settings.data_variant, settings.split, settings.preset_name))


def comparisons(records: Iterable[CellRecord]) -> tuple[list[Comparison], list[str]]:
    """Group the pictures that share their source images.

    Returns:
        The comparisons, by group, transfers of encoded codes first, and errors of unreadable pictures.
    """
    groups: dict[tuple[Hashable, ...], Comparison] = {}
    problems: list[str] = []
    for record in in_order(records):
        settings, group = record.settings, cell_group(record.settings)
        problems += [str(damage) for damage in record.damage if damage.file.suffix == ".png"]
        for path in record.pictures:
            try:
                parts = read_parts(path)
            except ValueError as error:
                problems.append(str(error))
                continue
            for part, images in parts:
                if "outputs" in images:
                    given = dict(images)
                    output = Output(settings.id, settings.label, given.pop("outputs"))
                    pixels = ((role, tiles.shape, tiles.tobytes()) for role, tiles in sorted(given.items()))
                    key = (group, settings.seed, path.stem, part.title, *pixels)
                    new = Comparison(group, settings.seed, path.stem, part, given)
                    groups.setdefault(key, new).outputs.append(output)
    order = list(dict.fromkeys(group.group for group in groups.values()))
    ordered = sorted(
        groups.values(), key=lambda one: (order.index(one.group), one.picture != MAIN, one.picture, one.seed)
    )
    return ordered, problems


def choose(
    records: Iterable[CellRecord], picture: str, dataset: str | None = None, seed: int | None = None
) -> Comparison:
    """Return the first comparison with a name, and with a data set and a seed if these are given.

    Raises:
        UserError: there is none.
    """
    known, problems = comparisons(
        record
        for record in records
        for each in [record.settings]
        if dataset in (None, each.dataset, label(each.dataset, each.data_variant))
        and seed in (None, each.seed)
    )
    for comparison in known:
        if comparison.picture == picture:
            return comparison
    names = ", ".join(dict.fromkeys(comparison.picture for comparison in known)) or "none"
    raise UserError(
        "\n".join([f"no cell has a picture {picture!r} with the positions of its images", *problems]),
        f"Known pictures: {names}. Give run folders; pictures of earlier versions have no positions.",
    )
