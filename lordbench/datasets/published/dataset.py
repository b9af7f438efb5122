"""PublishedDataset: prepared once from its official files, then loaded from a store."""

import hashlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from lordbench.data import Column, Dataset, DatasetConfig, ImageSet, Int64Array, UInt8Array
from lordbench.data.images import require_classes
from lordbench.datasets.published import store
from lordbench.datasets.published.source import OfficialFile, Source
from lordbench.datasets.published.store import Draft, Store
from lordbench.utils import files
from lordbench.utils.errors import MissingDataError, UserError
from lordbench.utils.progress import Track, untracked

CHUNK = 256  # images that are resized at a time


ABOUT = {"name", "version", "settings", "source", "check"}
"""What the metadata of a store say."""


class PublishedConfig(DatasetConfig):
    """Settings of every published data set; runs may use smaller images than it is prepared at."""

    resolution: int = Field(default=64, ge=8, le=256)


@dataclass(frozen=True)
class Labels:
    """Class, content, official part and attributes of every image, as in ImageSet."""

    classes: tuple[Int64Array, tuple[str, ...]]
    contents: tuple[Int64Array, tuple[str, ...]] | None
    parts: Int64Array | None = None
    attributes: Mapping[str, Column] = field(default_factory=dict)


class PublishedDataset(Dataset):
    """A published data set. Its store keeps every label; class and content are chosen when it is loaded.

    Attributes:
        version: raised whenever a pixel or a label of the store changes.
        official: the required files, as their owners publish them.
        site: web page or address of the files.
        terms: conditions of their owners; empty where anyone may download them.
        n_images: of the official set; checked in place of checksums where an unpacked folder is given.
        faces: as in ImageSet.
        stored_settings: names of the settings that change the store; the others apply when it is loaded.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    official: ClassVar[tuple[OfficialFile, ...]]
    site: ClassVar[str]
    terms: ClassVar[str] = ""
    n_images: ClassVar[int]
    faces: ClassVar[bool] = False
    stored_settings: ClassVar[tuple[str, ...]] = ("resolution",)
    Config: type[DatasetConfig] = PublishedConfig
    config: PublishedConfig

    @abstractmethod
    def draft(self, source: Source) -> Draft:
        """Read the official files as a stream of images at `config.resolution`, with all their labels.

        UserError names a file that is missing, damaged or not the official one.
        """

    @abstractmethod
    def labels(self, columns: dict[str, Column]) -> Labels:
        """Make class, content and official part from the stored labels, as the settings say."""

    def selected(self, columns: dict[str, Column]) -> Int64Array | None:
        """Return the rows that the settings select, int64 in increasing order; None for all."""
        return None

    def incomplete(self, columns: dict[str, Column]) -> str:
        """Say how the labels differ from those of the official set; empty if they do not."""
        n = len(next(iter(columns.values())).values)
        return "" if n == self.n_images else f"{n:,} images, where the official set has {self.n_images:,}"

    def missing(self) -> str:
        """Say how to get and prepare the set; empty when it is prepared."""
        if self.folder.is_dir():
            return ""
        return f"{self.name}: this data set is not prepared.\n{self.instructions()}"

    @property
    def fetchable(self) -> bool:
        """Whether every official file may be downloaded without asking its owners."""
        return all(official.url for official in self.official)

    def instructions(self) -> str:
        names = ", ".join(official.name for official in self.official)
        get = f"Run `lordbench data fetch {self.name}`, or get" if self.fetchable else "Get"
        defaults = self._stored_settings(type(self.config)())
        settings = self._stored_settings(self.config).items()
        options = "".join(f" --set {key}={value}" for key, value in settings if value != defaults[key])
        return (
            f"{get} {names} from {self.site}, then run\n"
            f"  lordbench data prepare {self.name} --from PATH{options}\n"
            "where PATH is the file, or the folder that holds it or its unpacked content."
        )

    @property
    def folder(self) -> Path:
        """Folder of the store."""
        settings = self._stored_settings(self.config)
        parts = [self.name, self.version, f"{settings.pop('resolution')}px", *settings.values()]
        return files.home() / "prepared" / "-".join(map(str, parts))

    def prepare(self, source: Source) -> Store:
        """Prepare the set from its official files, replacing an earlier store; errors as in `draft`."""
        draft = self.draft(source)
        if source.check == "count" and (difference := self.incomplete(draft.columns)):
            raise UserError(
                f"{source.path}: {difference}",
                "Files are missing or superfluous; --no-verify uses them nevertheless.",
            )
        settings = self._stored_settings(self.config)
        about = {"name": self.name, "version": self.version, "settings": settings}
        about |= {"source": source.path.name, "check": source.check}
        return store.write(self.folder, draft, about, source.track)

    def stored(self) -> Store:
        """Read the store, with all its images; MissingDataError if there is none, UserError if damaged."""
        prepared = store.read(self.folder)
        if prepared is None:
            raise MissingDataError(self.missing())
        if lost := ABOUT - prepared.about.keys():
            message = (
                f"{self.folder}: this prepared data set is damaged: it does not say its {', '.join(lost)}"
            )
            raise UserError(message, "Delete the folder and prepare the data set again.")
        return prepared

    def load(self, size: int, track: Track[int] = untracked) -> ImageSet:
        """Load the prepared images, memory-mapped, (N, C, size, size).

        Images smaller than the prepared ones are made on first use, and cached inside the store. UserError if
        `size` is larger than the prepared resolution, or the settings leave one class.
        """
        whole = self.stored()
        if size > whole.size:
            raise UserError(
                f"{self.name}: prepared at {whole.size} pixels, too small for images of {size}",
                f"Prepare it with --set resolution={size}, and name {self.name}[resolution={size}].",
            )
        part = self._resized(whole, size, track)
        labels = self.labels(part.columns)
        classes, class_names = labels.classes
        contents, content_names = labels.contents or (None, None)
        require_classes(self.name, class_names)
        return ImageSet(
            self.name, part.images, classes, contents, class_names, content_names,
            _fingerprint(f"{self.name}-{self.version}", part, labels), labels.parts, labels.attributes,
            self.faces,
        )  # fmt: skip

    def _resized(self, whole: Store, size: int, track: Track[Any]) -> Store:
        """Return the images that the settings select, resized: the store itself, or one inside it."""
        rows = self.selected(whole.columns)
        if size == whole.size and rows is None:
            return whole
        suffix = "" if rows is None else f"-{hashlib.sha256(rows.astype('<i8').tobytes()).hexdigest()[:12]}"
        folder = whole.folder / f"{size}px{suffix}"
        if part := store.read(folder):
            return part
        rows = np.arange(len(whole.images), dtype=np.int64) if rows is None else rows
        draft = _resized_draft(whole, rows, size)
        return store.write(folder, draft, whole.about, track, replace=False)

    def _stored_settings(self, config: DatasetConfig) -> dict[str, Any]:
        return {name: getattr(config, name) for name in self.stored_settings}


def combine(columns: Sequence[Column], separator: str = " ") -> tuple[Int64Array, tuple[str, ...]]:
    """Combine several labels to one: ids, int64 (N,), and the name of each id, e.g. `car 3 lighting 5`.

    Ids follow the order of the values, the first column first; only combinations that occur get one.
    """
    table = np.stack([column.values for column in columns], axis=1)
    present, ids = np.unique(table, axis=0, return_inverse=True)
    names = (map(Column.name, columns, values) for values in present.tolist())
    return ids.reshape(-1).astype(np.int64), tuple(separator.join(parts) for parts in names)


def resized(images: UInt8Array, size: int) -> UInt8Array:
    """Resize images, uint8 (N, C, H, W), to (N, C, size, size); unchanged if they have that size.

    Bilinear with antialiasing, in integer arithmetic: the same bytes on all hardware. Within one level of
    Pillow's BILINEAR, equal to it when halving, and more than twice as fast.
    """
    if images.shape[2:] == (size, size):
        return images
    import torch
    from torch.nn import functional as F

    # Copied, since a tensor needs writable memory. Fastest with a pixel's channels side by side, as decoded.
    pixels = torch.from_numpy(images.copy(order="K")).contiguous(memory_format=torch.channels_last)
    small: UInt8Array = F.interpolate(pixels, (size, size), mode="bilinear", antialias=True).numpy()
    return np.ascontiguousarray(small)


def _resized_draft(whole: Store, rows: Int64Array, size: int) -> Draft:
    places = [np.arange(start, min(start + CHUNK, len(rows))) for start in range(0, len(rows), CHUNK)]
    blocks = ((some, resized(whole.images[rows[some]], size)) for some in places)
    columns = {name: column.at(rows) for name, column in whole.columns.items()}
    return Draft(columns, (whole.images.shape[1], size, size), blocks, len(places))


def _fingerprint(version: str, part: Store, labels: Labels) -> str:
    """Hash the labels with their names, and the checksum of the images in the store.

    A set prepared without verification counts as another one, even if the images agree.
    """
    digest = hashlib.sha256(f"{version}|{part.sha256}".encode())
    digest.update(b"unverified" if part.about["check"] == "none" else b"")
    for ids, names in (labels.classes, labels.contents or (None, ()), (labels.parts, ())):
        digest.update(b"none" if ids is None else ids.astype("<i8").tobytes())
        digest.update("\0".join(names).encode())
    return digest.hexdigest()[:16]
