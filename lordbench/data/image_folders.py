"""Image files below a folder, and what is passed over there."""

import os
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lordbench.data.image_files import is_image
from lordbench.utils.errors import UserError
from lordbench.utils.names import composed

# Written by operating systems, network storage and archivers; others of theirs begin with a point.
SYSTEM_NAMES = frozenset(
    (
        *("__macosx", "temporary items", "network trash folder", "icon\r"),
        *("$recycle.bin", "system volume information", "found.000", "lost+found"),
        *("thumbs.db", "ehthumbs.db", "desktop.ini"),
        *("@eadir", "@tmp", "@sharebin", "#recycle", "#snapshot", "@recycle", "@recently-snapshot"),
        "__pycache__",
    )
)
MOST_NAMED = 5  # folders and suffixes in a message


@dataclass
class FolderContent:
    """What lies below a folder, without hidden files: POSIX paths relative to it, sorted."""

    images: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)

    def passed_over(self, used: Collection[str], depth: int) -> str:
        """Say which folders hold no image in `used`, and how many other files there are; empty for none.

        Folders are named down to `depth` parts of a path, without those inside such a folder.
        """
        with_images = {parent for path in used for parent in _parents(path)}
        without: dict[str, list[str]] = {
            path: []
            for path in self.folders
            if path not in with_images and path.count("/") < depth and with_images.issuperset(_parents(path))
        }
        elsewhere: list[str] = []
        for path in sorted({*self.others, *self.images}.difference(used)):
            folder = next((parent for parent in _parents(path) if parent in without), None)
            (elsewhere if folder is None else without[folder]).append(path)
        parts = []
        if without:
            named = [f"{path}: {_suffixes(files) or 'empty'}" for path, files in without.items()]
            more = [f"and {len(named) - MOST_NAMED} more"] if len(named) > MOST_NAMED else []
            named = [*named[:MOST_NAMED], *more]
            parts.append(f"{_count(len(without), 'folder')} without images to read ({'; '.join(named)})")
        if elsewhere:
            parts.append(f"{_count(len(elsewhere), 'file')} of other types ({_suffixes(elsewhere)})")
        return " and ".join(parts)


def folder_content(folder: Path) -> FolderContent:
    """List what lies below a folder; links are followed, each folder read once.

    UserError names a folder that cannot be read.
    """
    content = FolderContent()
    seen: set[str] = set()

    def unreadable(error: OSError) -> None:
        raise UserError(
            f"{error.filename}: cannot read this folder: {error.strerror}",
            "Make it readable, or move it elsewhere.",
        ) from error

    for parent, subfolders, names in os.walk(folder, onerror=unreadable, followlinks=True):
        if (real := os.path.realpath(parent)) in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not _is_hidden(name))
        below = Path(parent).relative_to(folder)
        content.folders += [(below / name).as_posix() for name in subfolders]
        for name in names:
            if not _is_hidden(name):
                paths = content.images if is_image(Path(name)) else content.others
                paths.append((below / name).as_posix())
    for paths in (content.images, content.others, content.folders):
        # Composed, so that a copy on another system has the same order.
        paths.sort(key=lambda path: (composed(path), path))
    return content


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM_NAMES


def _parents(path: str) -> Iterator[str]:
    """Yield the folders around a path, the outermost first, without the root."""
    parts = path.split("/")[:-1]
    return ("/".join(parts[:n]) for n in range(1, len(parts) + 1))


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _suffixes(paths: list[str]) -> str:
    """Count files by suffix, the most frequent first: `3 .heic, 1 .txt`."""
    counts = Counter(Path(path).suffix.lower() or "without suffix" for path in paths)
    named = [f"{n} {suffix}" for suffix, n in counts.most_common(MOST_NAMED)]
    return ", ".join(named if len(counts) <= MOST_NAMED else [*named, "..."])
