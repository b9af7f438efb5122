"""Damage: files of cells that are not as they were written, and what a run does about them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from lordbench.results.run_folder import CellFolder
from lordbench.training.checkpoints import read_metadata, read_tensors
from lordbench.utils.errors import UserError
from lordbench.utils.integrity import ALTERED, is_altered, read_verified

TRAINS = "trains the cell anew and runs its experiments again"


class DamageWarning(UserWarning):
    """A file is not as it was written; what was read goes without it."""


class Damage(NamedTuple):
    """A damaged file of a cell.

    Attributes:
        file: which.
        problem: what is wrong with it.
        remedy: what the next `lordbench run` of the cell does.
        aside: files and folders that it keeps aside for that; they make it do the work again.
    """

    file: Path
    problem: str
    remedy: str
    aside: tuple[Path, ...]

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}; `lordbench run` {self.remedy}"


def damage(folder: CellFolder, *, thorough: bool = False) -> list[Damage]:
    """Find the damaged files of a cell, of those that its results or the reports of them depend on.

    Files without a hash, as older versions wrote them, count as damaged only where they cannot be read.

    Args:
        folder: of the cell; it need not exist.
        thorough: look at the tensors of models and checkpoints, too, and for files that are missing.
    """
    found = list(_in_training(folder, thorough))
    for experiment in folder.experiments():
        found += _in_experiment(folder, experiment, thorough)
    return found


def warn_of_damage(folders: Iterable[CellFolder]) -> None:
    """Name the damaged files of cells, each in a warning."""
    for folder in folders:
        for found in damage(folder):
            warnings.warn(str(found), DamageWarning, stacklevel=3)


def _in_training(folder: CellFolder, thorough: bool) -> Iterator[Damage]:
    read = read_tensors if thorough else read_metadata
    yield from _tried(folder.description, read_verified, "writes it anew")
    yield from _tried(folder.times, read_verified, "forgets the times in it")
    yield from _tried(folder.checkpoint, read, "begins the training again")
    is_wanted = thorough and bool(folder.experiments())
    of_model = list(_tried(folder.model, read, TRAINS, (folder.path,), is_wanted))
    yield from of_model
    if folder.is_trained() and not of_model:
        curve = folder.trained_curve()
        if curve is not None:
            yield from _tried(folder.curve, _same(curve), "writes it again from the model", (), thorough)


def _in_experiment(folder: CellFolder, experiment: str, thorough: bool) -> Iterator[Damage]:
    record, remedy = folder.record(experiment), f"runs {experiment} again"
    kept: dict[str, str] = {}
    yield from _tried(record, lambda _: kept.update(folder.found(experiment).files), remedy)
    for name, sha256 in kept.items():
        file = folder.path / name
        yield from _tried(file, _whole(sha256), remedy, (file, record), thorough)


def _tried(
    file: Path,
    read: Callable[[Path], object],
    remedy: str,
    aside: tuple[Path, ...] = (),
    is_wanted: bool = False,
) -> Iterator[Damage]:
    """Try to read a file: a damaged one, and a missing one that `is_wanted`.

    For it `aside` is kept aside; where that is nothing, the damaged file itself.
    """
    try:
        # A file that must not be read is not damaged: readers of tensors do not tell one from the other.
        file.open("rb").close()
        read(file)
    except FileNotFoundError:
        if is_wanted:
            yield Damage(file, "missing", remedy, aside)
    except OSError as error:
        yield Damage(file, f"cannot be read: {error.strerror}", "leaves it where it is", ())
    except (ValueError, UserError) as error:
        message = error.message if isinstance(error, UserError) else str(error)
        yield Damage(file, message.removeprefix(f"{file}: "), remedy, aside or (file,))


def _same(text: str) -> Callable[[Path], None]:
    def read(file: Path) -> None:
        if file.read_text(encoding="utf-8") != text:
            raise ValueError(ALTERED)

    return read


def _whole(sha256: str) -> Callable[[Path], None]:
    def read(file: Path) -> None:
        if is_altered(file, sha256):
            raise ValueError(ALTERED)

    return read
