"""Pictures of several methods side by side: the same contents and classes, to be compared by eye."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lordbench.evaluation.pictures import Part, Role, Tiles, read_parts
from lordbench.report.boards import group_title
from lordbench.results.cells import CellRecord
from lordbench.utils.errors import UserError

Key = tuple[str, ...]


@dataclass(frozen=True)
class Output:
    """What one cell makes of the given images: uint8 (lines, columns, S, S, 3)."""

    cell: str
    label: str
    tiles: Tiles


@dataclass(frozen=True)
class Comparison:
    """What several methods make of the same images.

    Attributes:
        group: data set, split and preset.
        seed: of the cells.
        picture: the file's name without its end, such as `transfer-encoded`.
        part: what the picture shows.
        given: the images that are the same for all: `across`, `down` and `truth`, where there are any.
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
        """What is compared, in words."""
        what = f"{self.picture}: {self.part.title}" if self.part.title else self.picture
        return f"{what}; {self.group}, seed {self.seed}"


def comparisons(records: Iterable[CellRecord]) -> tuple[list[Comparison], list[str]]:
    """Bring together the pictures that show the same given images.

    Returns:
        The comparisons, in the order of their first cell, and what could not be read.
    """
    found: dict[Key, Comparison] = {}
    problems: list[str] = []
    for record in records:
        problems += [str(found) for found in record.damage if found.file.suffix == ".png"]
        for path in record.pictures:
            try:
                parts = read_parts(path)
            except ValueError as error:
                problems.append(str(error))
                continue
            for part, tiles in parts:
                _add(found, record, path, part, dict(tiles))
    return list(found.values()), problems


def choose(
    records: Iterable[CellRecord], picture: str, dataset: str | None = None, seed: int | None = None
) -> Comparison:
    """The first comparison of pictures of some name.

    Args:
        records: of all cells.
        picture: the file's name without its end.
        dataset: its name, if it matters.
        seed: likewise.

    Raises:
        UserError: there is none.
    """
    made, problems = comparisons(
        record
        for record in records
        if dataset in (None, record.settings.dataset) and seed in (None, record.settings.seed)
    )
    for comparison in made:
        if comparison.picture == picture:
            return comparison
    names = ", ".join(dict.fromkeys(comparison.picture for comparison in made)) or "none"
    raise UserError(
        "\n".join([f"no cell has a picture {picture!r} that says where its images are", *problems]),
        f"There are: {names}. Name run folders; pictures of versions before this one do not say it.",
    )


def _add(
    found: dict[Key, Comparison], record: CellRecord, path: Path, part: Part, tiles: dict[Role, Tiles]
) -> None:
    outputs = tiles.pop("outputs", None)
    if outputs is None:
        return
    settings = record.settings
    group = group_title((settings.dataset, settings.data_variant, settings.split, settings.preset_name))
    key = (group, str(settings.seed), path.stem, part.title, _digest(tiles))
    if key not in found:
        found[key] = Comparison(group, settings.seed, path.stem, part, tiles)
    found[key].outputs.append(Output(settings.id, settings.label, outputs))


def _digest(tiles: Mapping[Role, Tiles]) -> str:
    digest = hashlib.sha256()
    for role in sorted(tiles):
        digest.update(f"{role} {tiles[role].shape}".encode())
        digest.update(tiles[role].tobytes())
    return digest.hexdigest()
