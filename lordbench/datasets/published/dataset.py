"""PreparedDataset: a published set, prepared once from its official files and then loaded from the store."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional as F

from lordbench.data.dataset import Dataset, DatasetConfig
from lordbench.data.images import Column, ImageSet, Int64Array, UInt8Array, require_classes
from lordbench.datasets.published import store
from lordbench.datasets.published.source import OfficialFile, Source
from lordbench.datasets.published.store import Draft, Store
from lordbench.utils import files
from lordbench.utils.errors import MissingDataError, UserError
from lordbench.utils.progress import Track, untracked


def resized(images: UInt8Array, size: int) -> UInt8Array:
    """Resize images, uint8 (N, C, H, W), to (N, C, size, size); of that size already, they stay as they are.

    Bilinear with antialiasing: the triangle filter is widened when it shrinks, so that it averages. It is
    done in whole numbers, so every machine gives the same bytes: within one level of Pillow's BILINEAR,
    equal to it when halving, and more than twice as fast.
    """
    if images.shape[2:] == (size, size):
        return images
    # Copied, since a tensor must be able to write; interpolation is fastest where a pixel's channels are
    # neighbours, as decoders leave them.
    pixels = torch.from_numpy(images.copy(order="K")).contiguous(memory_format=torch.channels_last)
    small: UInt8Array = F.interpolate(pixels, (size, size), mode="bilinear", antialias=True).numpy()
    return np.ascontiguousarray(small)


CHUNK = 256
"""Images that are resized at a time."""


class PreparedConfig(DatasetConfig):
    """Settings of every prepared set.

    Attributes:
        resolution: height and width in pixels at which the set is prepared; runs may ask for less.
    """

    resolution: int = Field(default=64, ge=8, le=256)


@dataclass(frozen=True)
class Labels:
    """Class, content, official part and attributes of every image, as in ImageSet."""

    classes: tuple[Int64Array, tuple[str, ...]]
    contents: tuple[Int64Array, tuple[str, ...]] | None
    parts: Int64Array | None = None
    attributes: Mapping[str, Column] = field(default_factory=dict)


class PublishedDataset(Dataset):
    """A published set. The store keeps every label; class and content are chosen from them when loading.

    Attributes:
        name: of the data set.
        version: goes up whenever a pixel or a label of the store changes.
        official: the files that are needed, as their owners publish them.
        site: where to get them.
        terms: what their owners ask of those who get them.
        n_images: of the official set; stands in for checksums where an unpacked folder is given.
        stored_settings: names of the settings that change what is stored; the others are for loading.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    official: ClassVar[tuple[OfficialFile, ...]]
    site: ClassVar[str]
    terms: ClassVar[str] = ""
    n_images: ClassVar[int]
    stored_settings: ClassVar[tuple[str, ...]] = ("resolution",)
    Config: type[DatasetConfig] = PreparedConfig
    config: PreparedConfig

    @abstractmethod
    def draft(self, source: Source) -> Draft:
        """Read the official files as a stream of images at `config.resolution`, with all their labels.

        Raises:
            UserError: a file is missing, damaged or not the official one; names it.
        """

    @abstractmethod
    def labels(self, columns: dict[str, Column]) -> Labels:
        """Make class, content and official part of the label columns, as the settings say."""

    def chosen(self, columns: dict[str, Column]) -> Int64Array | None:
        """Rows that the settings keep, int64 in rising order; None for all."""
        return None

    def incomplete(self, columns: dict[str, Column]) -> str:
        """Say how the labels differ from those of the official set; empty if they do not."""
        n = len(next(iter(columns.values())).values)
        return "" if n == self.n_images else f"{n:,} images, where the official set has {self.n_images:,}"

    def prepare(self, source: Source) -> Store:
        """Prepare the set from its official files, in place of what was prepared before.

        Raises:
            UserError: a file is missing, damaged or not the official one; names it.
        """
        draft = self.draft(source)
        if source.check == "count" and (lack := self.incomplete(draft.columns)):
            raise UserError(
                f"{source.path}: {lack}",
                "Some files are missing or too many; --no-verify takes them as they are.",
            )
        about = {
            "name": self.name,
            "version": self.version,
            "settings": self._stored_as(self.config),
            "source": source.path.name,
            "check": source.check,
        }
        store.write(self.folder, draft, about, source.track)
        return self.stored()

    @property
    def folder(self) -> Path:
        """Where the prepared set lies."""
        more = self._stored_as(self.config)
        parts = [self.name, self.version, f"{more.pop('resolution')}px", *more.values()]
        return files.home() / "prepared" / "-".join(map(str, parts))

    def stored(self) -> Store:
        """The prepared set with all its images.

        Raises:
            MissingDataError: it is not prepared.
            UserError: it is damaged.
        """
        found = store.read(self.folder)
        if found is None:
            raise MissingDataError(self._lack())
        return found

    def missing(self) -> str:
        """Say how to get and prepare the set; empty when it is ready."""
        return "" if self.folder.is_dir() else self._lack()

    @property
    def fetchable(self) -> bool:
        """Whether every official file may be downloaded without asking its owners."""
        return all(official.url for official in self.official)

    def way(self) -> str:
        """Say how to get and prepare the set."""
        names = ", ".join(official.name for official in self.official)
        get = f"Run `lordbench data fetch {self.name}`, or get" if self.fetchable else "Get"
        default, chosen = self._stored_as(type(self.config)()), self._stored_as(self.config)
        choice = "".join(f" --set {key}={chosen[key]}" for key in chosen if chosen[key] != default[key])
        return (
            f"{get} {names} from {self.site}, then run\n"
            f"  lordbench data prepare {self.name} --from PATH{choice}\n"
            "where PATH is the file, or the folder that holds it or what was unpacked from it."
        )

    def load(self, size: int, track: Track[int] = untracked) -> ImageSet:
        """Load the prepared images, memory-mapped, (N, C, size, size).

        A smaller size than the prepared one is made on first use, and kept beside it.

        Raises:
            MissingDataError: the set is not prepared; says how to.
            UserError: `size` is larger than the prepared resolution, or the settings leave one class.
        """
        whole = self.stored()
        if size > whole.size:
            raise UserError(
                f"{self.name}: prepared at {whole.size} pixels, which cannot give images of {size}",
                f"Prepare it with --set resolution={size}, and name {self.name}[resolution={size}].",
            )
        kept = self._fitted(whole, size, track)
        labels = self.labels(kept.columns)
        classes, class_names = labels.classes
        contents, content_names = labels.contents or (None, None)
        require_classes(self.name, class_names)
        mark = _fingerprint(f"{self.name}-{self.version}", kept, labels)
        return ImageSet(
            self.name, kept.images, classes, contents, class_names, content_names, mark, labels.parts,
            labels.attributes,
        )  # fmt: skip

    def _fitted(self, whole: Store, size: int, track: Track[Any]) -> Store:
        """The images that the settings keep at the size asked for: the store, or a smaller one inside it."""
        rows = self.chosen(whole.columns)
        if size == whole.size and rows is None:
            return whole
        every = np.arange(len(whole.images), dtype=np.int64)
        part = "" if rows is None else f"-{hashlib.sha256(rows.astype('<i8').tobytes()).hexdigest()[:12]}"
        folder = whole.folder / f"{size}px{part}"
        smaller = store.read(folder)
        if smaller is None:
            store.write(folder, _smaller(whole, every if rows is None else rows, size), whole.about, track)
            smaller = store.read(folder)
            assert smaller is not None
        return smaller

    def _stored_as(self, config: DatasetConfig) -> dict[str, Any]:
        return {name: getattr(config, name) for name in self.stored_settings}

    def _lack(self) -> str:
        return f"{self.name}: this data set is not prepared.\n{self.way()}"


def _smaller(whole: Store, rows: Int64Array, size: int) -> Draft:
    n = len(rows)
    starts = range(0, n, CHUNK)
    blocks = (
        (np.arange(start, min(start + CHUNK, n)), resized(whole.images[rows[start : start + CHUNK]], size))
        for start in starts
    )
    columns = {name: column.at(rows) for name, column in whole.columns.items()}
    return Draft(columns, (whole.images.shape[1], size, size), blocks, len(starts))


def _fingerprint(version: str, kept: Store, labels: Labels) -> str:
    """Hash the labels with their names, and the images by the sum taken when they were written.

    A set prepared without verification is another one, even where the images agree.
    """
    digest = hashlib.sha256(f"{version}|{kept.sha256}".encode())
    digest.update(b"unverified" if kept.about["check"] == "none" else b"")
    for ids, names in (labels.classes, labels.contents or (None, ()), (labels.parts, ())):
        digest.update(b"none" if ids is None else ids.astype("<i8").tobytes())
        digest.update("\0".join(names).encode())
    return digest.hexdigest()[:16]


def combine(columns: Sequence[Column]) -> tuple[Int64Array, tuple[str, ...]]:
    """Make one label of several: ids int64 (N,) and the name of each id, such as `car 3 lighting 5`.

    Ids follow the order of the values, the first column counting most; only combinations that occur get one.
    """
    table = np.stack([column.values for column in columns], axis=1)
    present, ids = np.unique(table, axis=0, return_inverse=True)
    names = [
        " ".join(
            str(value) if column.names is None else column.names[value]
            for column, value in zip(columns, values, strict=True)
        )
        for values in present.tolist()
    ]
    return ids.reshape(-1).astype(np.int64), tuple(names)
