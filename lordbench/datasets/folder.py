"""folder: a user's own images, labelled by their paths, as in `--dataset folder:PATH`."""

import os
import re
import warnings
from pathlib import Path
from typing import ClassVar

from pydantic import field_validator

from lordbench.data import Dataset, DatasetConfig, ImageSet, fingerprint, number_labels
from lordbench.data.image_files import VERSION, read_images
from lordbench.data.image_folders import folder_content
from lordbench.data.images import require_classes
from lordbench.utils.errors import MissingDataError, Notice, UserError
from lordbench.utils.files import expanded
from lordbench.utils.names import composed, spelled
from lordbench.utils.progress import Track, untracked

CLASS_FOLDERS = r"(?P<class>[^/]+)/.+"  # without a pattern: the class is the first folder in an image's path
SPLIT_PART = re.compile(
    r"(?i)(train|training|val|valid|validation|dev|test|testing|eval)([ _-]?(set|images|data))?"
)


class FolderConfig(DatasetConfig):
    """Settings of folder.

    Attributes:
        pattern: labels in a file's path below the folder, e.g. `{class}/{content}.png`. `{class}` is
            required, `{content}` is optional. Any other `{name}` and `*` match anything within one part of
            the path; a repeated name must match the same text, and the leftmost matches as much as it can.
            All images must match; if the pattern ends in a suffix such as `.png`, in small letters or
            capitals, images with another suffix are left out.
            Empty: class = first sub-folder, images at any depth in it, content not labelled; file names are
            not labels, since `1.jpg` in two folders rarely shows the same content.
        faces: every image is the photograph of a person's face, and the class is the person; for the
            experiment `faces`.
    """

    pattern: str = ""
    faces: bool = False

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        if pattern and "{class}" not in pattern:
            raise ValueError("a pattern needs {class}, as in {class}/{content}.png")
        for name in re.findall(r"\{([^{}]*)\}", pattern):
            if not name.isidentifier():
                raise ValueError(f"{{{name}}} is not a valid name: use letters, digits and _")
        return composed(pattern)


class Folder(Dataset):
    """Images below a folder; class and, with a pattern, content are parsed from their paths.

    Names that differ only in their Unicode form are one name. Hidden files and those of operating systems are
    ignored. Files of other types, and folders without images, are named in a `Notice`.
    """

    summary: ClassVar[str] = "your own images, folder:PATH; class = sub-folder, or as --pattern says"
    takes_source: ClassVar[bool] = True
    Config = FolderConfig
    config: FolderConfig

    @property
    def folder(self) -> Path:
        return expanded(self.source)

    def missing(self) -> str:
        """Say whether the folder does not exist."""
        folder = self.folder
        if folder.is_dir():
            return ""
        what = "is a file, not a folder" if folder.exists() else "no such folder"
        return f"{folder}: {what}. Put the images of each class into a separate sub-folder of one folder."

    def load(self, size: int, track: Track[int] = untracked) -> ImageSet:
        """Load the images, (N, C, size, size) in the order of their paths; C is 1 if none has colour.

        UserError if there are no images or only one class, or a path or file cannot be read.
        """
        if message := self.missing():
            raise MissingDataError(message)
        name = f"folder:{_label(Path(os.path.abspath(self.folder)).name)}"
        labels = self._labels(self.folder)
        classes, class_names = number_labels([label["class"] for label in labels.values()])
        require_classes(name, class_names)
        contents, content_names = None, None
        if "{content}" in self.config.pattern:
            contents, content_names = number_labels([label["content"] for label in labels.values()])
        images = read_images([self.folder / path for path in labels], size, track)
        digest = fingerprint(images, classes, contents, f"folder-{VERSION}")
        faces = self.config.faces
        return ImageSet(name, images, classes, contents, class_names, content_names, digest, faces=faces)

    def _labels(self, folder: Path) -> dict[str, dict[str, str]]:
        """Return the labels of each image by its path below the folder, in the order of the paths."""
        pattern = self.config.pattern
        ending = re.search(r"\.\w+$", pattern)
        suffix = ending.group() if ending else ""
        content = folder_content(folder)
        paths = [path for path in content.images if path.lower().endswith(suffix.lower())]
        if passed_over := content.passed_over(paths, depth=pattern.count("/") or 1):
            warnings.warn(f"{folder}: passed over {passed_over}", Notice, stacklevel=3)
        if not paths:
            raise UserError(
                f"{folder}: no {suffix}{' ' if suffix else ''}images found",
                "Put the images of each class (PNG, JPEG, PGM, ...) into a separate sub-folder.",
            )
        if not pattern:
            _refuse_split(folder, paths)
        regex = re.compile(
            _regex(pattern.removesuffix(suffix)) + f"(?i:{re.escape(suffix)})" if pattern else CLASS_FOLDERS
        )
        matches = {path: regex.fullmatch(composed(path)) for path in paths}
        if strays := [path for path, match in matches.items() if match is None]:
            shape = f"match the pattern {pattern!r}" if pattern else "lie in the sub-folder of a class"
            raise UserError(
                f"{folder}: {len(strays)} of {len(paths)} images do not {shape}: " + ", ".join(strays[:3]),
                "Move them elsewhere, or describe the paths with --pattern, as in {class}_*.png.",
            )
        return {
            path: {label: _label(text) for label, text in match.groupdict().items()}
            for path, match in matches.items()
            if match is not None
        }


def _label(text: str) -> str:
    return spelled(composed(text))


def _refuse_split(folder: Path, paths: list[str]) -> None:
    """Refuse a folder of `train`, `test` and the like, which are hardly classes."""
    parts = sorted({path.partition("/")[0] for path in paths})
    if not all(map(SPLIT_PART.fullmatch, parts)):
        return
    depth = max(path.count("/") for path in paths)
    remedy = "Put the images of each class into a separate folder."
    if depth > 1:
        remedy = f'Name one of them, as in folder:{folder / parts[0]}, or use all: --pattern "*/{{class}}/*".'
    raise UserError(
        f"{folder}: {' and '.join(parts)} look like parts of a split, not like classes",
        f'{remedy} If they are the classes: --pattern "{{class}}{"/*" * depth}".',
    )


def _regex(pattern: str) -> str:
    """Translate a pattern to a regular expression."""
    parts, names = [], set()
    for part in re.split(r"(\{\w+\}|\*)", pattern):
        name = part[1:-1]
        if part == "*":
            parts.append("[^/]*")
        elif not re.fullmatch(r"\{\w+\}", part):
            parts.append(re.escape(part))
        elif name in names:
            parts.append(f"(?P={name})")
        else:
            names.add(name)
            parts.append(f"(?P<{name}>[^/]+)")
    return "".join(parts)
