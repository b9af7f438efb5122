"""Pictures of several methods side by side, made from the same images."""

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
        what = f"{self.picture}: {self.part.title}" if self.part.title else self.picture
        return f"{what}; {self.group}, seed {self.seed}"


def comparisons(records: Iterable[CellRecord]) -> tuple[list[Comparison], list[str]]:
    """Group the pictures that share their source images.

    Returns:
        The comparisons, in the order of their first cell, and errors of pictures that cannot be read.
    """
    groups: dict[Key, Comparison] = {}
    problems: list[str] = []
    for record in records:
        problems += [str(damage) for damage in record.damage if damage.file.suffix == ".png"]
        for path in record.pictures:
            try:
                parts = read_parts(path)
            except ValueError as error:
                problems.append(str(error))
                continue
            for part, tiles in parts:
                _add(groups, record, path, part, dict(tiles))
    return list(groups.values()), problems


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
        if dataset in (None, record.settings.dataset) and seed in (None, record.settings.seed)
    )
    for comparison in known:
        if comparison.picture == picture:
            return comparison
    names = ", ".join(dict.fromkeys(comparison.picture for comparison in known)) or "none"
    raise UserError(
        "\n".join([f"no cell has a picture {picture!r} with the positions of its images", *problems]),
        f"Known pictures: {names}. Give run folders; pictures of earlier versions have no positions.",
    )


def _add(
    groups: dict[Key, Comparison], record: CellRecord, path: Path, part: Part, tiles: dict[Role, Tiles]
) -> None:
    outputs = tiles.pop("outputs", None)
    if outputs is None:
        return
    settings = record.settings
    group = group_title((settings.dataset, settings.data_variant, settings.split, settings.preset_name))
    key = (group, str(settings.seed), path.stem, part.title, _digest(tiles))
    if key not in groups:
        groups[key] = Comparison(group, settings.seed, path.stem, part, tiles)
    groups[key].outputs.append(Output(settings.id, settings.label, outputs))


def _digest(tiles: Mapping[Role, Tiles]) -> str:
    digest = hashlib.sha256()
    for role in sorted(tiles):
        digest.update(f"{role} {tiles[role].shape}".encode())
        digest.update(tiles[role].tobytes())
    return digest.hexdigest()
