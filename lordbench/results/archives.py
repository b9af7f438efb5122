"""The archives of the reference: results that ship with lordbench.

`reference/` has an archive for each data set, split and preset: a run folder without models, curves and
pictures, and with its tables in `leaderboard.json`. Archives are unpacked once, into lordbench's folder of
the user.

    toycars-samples-quick.tar.xz
    models/toycars-samples-quick.tar.xz   the trained method of one seed of each method
"""

import os
import re
import shutil
import tarfile
import tempfile
from pathlib import Path

from lordbench.utils.errors import UserError
from lordbench.utils.files import UNFINISHED, expanded, home, plugin_folder, remove_unfinished, sha256

NAME = "reference"
SUFFIX = ".tar.xz"
TABLES = "leaderboard.json"
MEMBER = re.compile(
    r"(results\.csv(\.sha256)?|leaderboard\.json|cells/[0-9a-f]{16}/[\w-]+\.(json|npz|safetensors))"
)
"""Names of the files in an archive."""
LARGEST = 1 << 30
"""Largest size of an archive's files, unpacked, in bytes."""


def archives(models: bool = False) -> list[Path]:
    """The archives that ship with lordbench: of results, or of trained models."""
    return archives_in(plugin_folder(NAME) / ("models" if models else ""))


def archives_in(folder: Path) -> list[Path]:
    """The archives in a folder, by name."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def reference_runs() -> list[Path]:
    """Run folders with the results that ship with lordbench.

    Raises:
        UserError: none do, or an archive is damaged.
    """
    if not (found := archives()):
        message = "no reference results ship with this version"
        raise UserError(message, "Name run folders or results CSVs of your own instead.")
    return [unpacked(archive) for archive in found]


def runs_named(name: Path | str) -> list[Path]:
    """The runs that a name stands for: those of the reference, or the run folder or results CSV itself.

    Raises:
        UserError: as from `reference_runs`.
    """
    return reference_runs() if str(name) == NAME else [expanded(name)]


def unpacked(archive: Path) -> Path:
    """Unpack an archive, unless it is unpacked already, and return the folder.

    Raises:
        UserError: it is damaged, or holds anything but the files of a reference.
    """
    folder = home() / NAME / f"{archive.name.removesuffix(SUFFIX)}-{sha256(archive)[:12]}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_unfinished(folder.parent, older_than=3600.0)
    temporary = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder.parent))
    try:
        _extract(archive, temporary)
        os.replace(temporary, folder)
    except Exception as error:
        # Another process may have unpacked it meanwhile. tarfile raises nearly any exception on damage.
        if not folder.is_dir():
            raise UserError(f"{archive}: cannot be unpacked: {error}", "Install lordbench again.") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _extract(archive: Path, folder: Path) -> None:
    left = LARGEST
    with tarfile.open(archive, "r:xz") as opened:
        for member in opened:
            content = opened.extractfile(member) if MEMBER.fullmatch(member.name) else None
            if content is None or not member.isreg():
                raise ValueError(f"it holds {member.name!r}, which is no file of a reference")
            if (left := left - member.size) < 0:
                raise ValueError(f"it unpacks to more than {LARGEST:,} bytes")
            path = folder / member.name
            path.parent.mkdir(parents=True, exist_ok=True)
            with content, path.open("xb") as file:
                shutil.copyfileobj(content, file)
