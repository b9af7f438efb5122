"""folder: a user's own images, labelled by where they lie, as in `--dataset folder:PATH`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import ClassVar

from pydantic import field_validator

from lordbench.data.dataset import Dataset, DatasetConfig
from lordbench.data.image_files import VERSION, is_image, read_images
from lordbench.data.images import ImageSet, fingerprint, number_labels, require_classes
from lordbench.utils.errors import MissingDataError, UserError
from lordbench.utils.progress import Track, untracked

CLASS_FOLDERS = r"(?P<class>[^/]+)/.+"
"""What stands for a pattern where none is given: an image's class is the first folder on its way."""


class FolderConfig(DatasetConfig):
    """Settings of folder.

    Attributes:
        pattern: how labels stand in a file's path below the folder, e.g. `{class}/{content}.png`.
            `{class}` is needed, `{content}` is not. Any other `{name}` and `*` match anything within one
            part of the path; a name that comes twice must match the same text twice, and the leftmost
            takes as much as it can. All images must match, but where the pattern ends in a suffix such
            as `.png`, images with another suffix are left out.
            Empty: class = first sub-folder, images at any depth in it, content not labelled; file names
            are no labels, since `1.jpg` in one folder rarely shows what `1.jpg` in another does.
    """

    pattern: str = ""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        if pattern and "{class}" not in pattern:
            raise ValueError("a pattern needs {class}, as in {class}/{content}.png")
        for name in re.findall(r"\{([^{}]*)\}", pattern):
            if not name.isidentifier():
                raise ValueError(f"{{{name}}} is no name: use letters, digits and _")
        return pattern


class Folder(Dataset):
    """Images below a folder; class and, with a pattern, content are read off their paths."""

    summary: ClassVar[str] = "your own images, folder:PATH; class = sub-folder, or as --pattern says"
    takes_source: ClassVar[bool] = True
    Config = FolderConfig
    config: FolderConfig

    def missing(self) -> str:
        """Say so where the folder is not there."""
        folder = Path(self.source).expanduser()
        if folder.is_dir():
            return ""
        what = "is a file, not a folder" if folder.exists() else "there is no such folder"
        return f"{folder}: {what}. Put the images of each class into a sub-folder of its own, in one folder."

    def load(self, size: int, track: Track[int] = untracked) -> ImageSet:
        """Load the images, (N, C, size, size) in the order of their paths; C is 1 if none has colour.

        Raises:
            MissingDataError: there is no such folder.
            UserError: there are no images or fewer than two classes, the pattern does not fit, or a file
                cannot be read; names the file.
        """
        if lack := self.missing():
            raise MissingDataError(lack)
        folder = Path(self.source).expanduser()
        name = f"folder:{Path(os.path.abspath(folder)).name}"
        labels = self._labels(folder)
        classes, class_names = number_labels([label["class"] for label in labels.values()])
        require_classes(name, class_names)
        contents, content_names = None, None
        if "{content}" in self.config.pattern:
            contents, content_names = number_labels([label["content"] for label in labels.values()])
        images = read_images([folder / path for path in labels], size, track)
        mark = fingerprint(images, classes, contents, f"folder-{VERSION}")
        return ImageSet(name, images, classes, contents, class_names, content_names, mark)

    def _labels(self, folder: Path) -> dict[str, dict[str, str]]:
        """The labels of each image, by its path below the folder and in the order of the paths."""
        pattern = self.config.pattern
        ending = re.search(r"\.\w+$", pattern)
        suffix = ending.group().lower() if ending else ""
        paths = [path for path in _images_below(folder) if path.lower().endswith(suffix)]
        if not paths:
            raise UserError(
                f"{folder}: there are no {suffix}{' ' if suffix else ''}images in it",
                "Put the images of each class (PNG, JPEG, PGM, ...) into a sub-folder of its own.",
            )
        wanted = re.compile(_regular(pattern) if pattern else CLASS_FOLDERS)
        found = {path: wanted.fullmatch(path) for path in paths}
        strays = [path for path, match in found.items() if match is None]
        if strays:
            shape = f"match the pattern {pattern!r}" if pattern else "lie in the sub-folder of a class"
            raise UserError(
                f"{folder}: {len(strays)} of {len(paths)} images do not {shape}: " + ", ".join(strays[:3]),
                "Move them elsewhere, or say with --pattern where the class stands, as in {class}_*.png.",
            )
        return {path: match.groupdict() for path, match in found.items() if match is not None}


def _images_below(folder: Path) -> list[str]:
    """Paths of all images below a folder, sorted; links are followed, but no folder is read twice."""
    found = []
    seen = set()

    def unreadable(error: OSError) -> None:
        raise UserError(
            f"{error.filename}: this folder cannot be read: {error.strerror}", "Allow it, or move it away."
        ) from error

    for place, subfolders, names in os.walk(folder, onerror=unreadable, followlinks=True):
        here = os.path.realpath(place)
        if here in seen:
            subfolders.clear()
            continue
        seen.add(here)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        found += [Path(place, name).relative_to(folder).as_posix() for name in names if is_image(Path(name))]
    return sorted(found)


def _regular(pattern: str) -> str:
    """Write a pattern as a regular expression."""
    parts = []
    names = set()
    for part in re.split(r"(\{\w+\}|\*)", pattern):
        name = part[1:-1]
        if part == "*":
            parts.append("[^/]*")
        elif not part.startswith("{"):
            parts.append(re.escape(part))
        elif name in names:
            parts.append(f"(?P={name})")
        else:
            names.add(name)
            parts.append(f"(?P<{name}>[^/]+)")
    return "".join(parts)
