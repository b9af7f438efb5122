"""Damage: files of cells that are not as they were written, and what the next run does about them."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import ClassVar, NamedTuple

from lordbench.results.run_folder import CellFolder
from lordbench.utils.errors import Notice, UserError
from lordbench.utils.integrity import ALTERED, is_altered, read_metadata, read_verified

Reader = Callable[[Path], object]
"""Reads a file; raises ValueError or UserError if it is damaged."""


class DamageWarning(Notice):
    """A file is not as it was written; it was left out."""

    label: ClassVar[str] = "Damaged"


class Damage(NamedTuple):
    """A damaged file of a cell.

    `remedy` is what the next `lordbench run` of the cell does; `aside` are the files and folders that it
    moves aside first, so that the work behind them is repeated.
    """

    file: Path
    problem: str
    remedy: str
    aside: tuple[Path, ...]

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}; `lordbench run` {self.remedy}"


def damage(folder: CellFolder, read_tensors: Reader | None = None) -> list[Damage]:
    """Find the damaged files of a cell that its results, or the reports of them, depend on.

    With `read_tensors` the tensors of models and checkpoints are read, too, and missing files are damage;
    without it, only their metadata is checked.
    """
    found = list(_training_damage(folder, read_tensors))
    for experiment in folder.experiments():
        found += _experiment_damage(folder, experiment, required=read_tensors is not None)
    return found


def warn_of_damage(folders: Iterable[CellFolder]) -> None:
    """Name the damaged files of cells, each in a `DamageWarning`."""
    for folder in folders:
        for found in damage(folder):
            warnings.warn(str(found), DamageWarning, stacklevel=3)


def _training_damage(folder: CellFolder, read_tensors: Reader | None) -> Iterator[Damage]:
    read, thorough = read_tensors or read_metadata, read_tensors is not None
    yield from _check(folder.description, read_verified, "writes it again")
    yield from _check(folder.times, read_verified, "forgets the times in it")
    yield from _check(folder.checkpoint, read, "restarts the training")
    remedy, required = "trains the cell again and repeats its experiments", bool(folder.experiments())
    model_damage = list(_check(folder.model, read, remedy, (folder.path,), required=thorough and required))
    yield from model_damage
    if folder.is_trained() and not model_damage and (curve := folder.trained_curve()) is not None:

        def compare(file: Path) -> None:
            if file.read_text(encoding="utf-8") != curve:
                raise ValueError(ALTERED)

        yield from _check(folder.curve, compare, "writes it again from the model", required=thorough)


def _experiment_damage(folder: CellFolder, experiment: str, *, required: bool) -> Iterator[Damage]:
    record_file, remedy = folder.record_file(experiment), f"repeats {experiment}"
    checksums: dict[str, str] = {}
    yield from _check(record_file, lambda _: checksums.update(folder.files(experiment)), remedy)

    def compare(file: Path) -> None:
        if is_altered(file, checksums[file.name]):
            raise ValueError(ALTERED)

    for file in map(folder.path.joinpath, checksums):
        yield from _check(file, compare, remedy, (file, record_file), required=required)


def _check(
    file: Path, read: Reader, remedy: str, aside: tuple[Path, ...] = (), *, required: bool = False
) -> Iterator[Damage]:
    """Read a file; yield its damage, or nothing. By default the file itself is moved aside."""
    aside = aside or (file,)
    try:
        # An unreadable file is not damaged: readers of tensors do not distinguish the two.
        file.open("rb").close()
        read(file)
    except FileNotFoundError:
        if required:
            yield Damage(file, "missing", remedy, aside)
    except OSError as error:
        yield Damage(file, f"cannot be read: {error.strerror}", "leaves it in place", ())
    except (ValueError, UserError) as error:
        message = error.message if isinstance(error, UserError) else str(error)
        yield Damage(file, message.removeprefix(f"{file}: "), remedy, aside)
