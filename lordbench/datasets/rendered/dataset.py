"""RenderedDataset: a set that is drawn on first use and kept, so that it needs no download."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np

from lordbench.data.dataset import Dataset
from lordbench.data.images import ImageSet, UInt8Array
from lordbench.utils import files
from lordbench.utils.errors import UserError
from lordbench.utils.progress import Track, untracked


class RenderedDataset(Dataset):
    """A rendered set; a subclass says what is drawn, and how it is labelled.

    The images are rendered on first use and kept under `$LORDBENCH_HOME/datasets`; a damaged file there is
    noticed and rendered again.

    Attributes:
        version: the set's name and version; goes up whenever a pixel or a label changes, names the cache and
            is part of the fingerprint.
    """

    version: ClassVar[str]

    @abstractmethod
    def render(self, size: int, track: Track[int]) -> Iterator[UInt8Array]:
        """Draw the images in order, in blocks (n, C, size, size)."""

    @abstractmethod
    def labelled(self, images: UInt8Array) -> ImageSet:
        """Put the labels, and the fingerprint, to the images.

        Raises:
            ValueError: the images are not as many as the labels.
        """

    def load(self, size: int, track: Track[int] = untracked) -> ImageSet:
        """Load the images, (N, C, size, size), memory-mapped where they were kept.

        Raises:
            UserError: `size` is no multiple of 8 from 16 to 256, or the cache cannot be written.
        """
        if size % 8 or not 16 <= size <= 256:
            raise UserError(
                f"{self.version.rpartition('-')[0]}: images of {size} pixels cannot be made",
                "Choose an image size that is a multiple of 8 from 16 to 256; 32 and 64 are usual.",
            )
        folder = files.home() / "datasets"
        settings = "x".join(str(value) for value in self.config.model_dump().values())
        stem = f"{self.version}-{settings}-{size}px"
        # A file's name ends in its fingerprint: one rename puts the images and their checksum in place.
        for path in sorted(folder.glob(f"{stem}-*.npy")):
            kept = self._read(path)
            if kept is not None and path.stem == f"{stem}-{kept.fingerprint}":
                return kept
        rendered = self.labelled(np.concatenate(list(self.render(size, track))))
        _write(folder / f"{stem}-{rendered.fingerprint}.npy", rendered.images)
        return rendered

    def _read(self, path: Path) -> ImageSet | None:
        try:
            return self.labelled(np.load(path, mmap_mode="r", allow_pickle=False))
        except Exception:
            # Damage takes many shapes, and each has the same cure: rendering again.
            return None


def _write(path: Path, images: UInt8Array) -> None:
    try:
        with files.replacing(path) as temporary:
            np.save(temporary, images, allow_pickle=False)
    except OSError as error:
        raise UserError(
            f"{path}: the rendered images cannot be kept: {error}",
            "Make room there, or set LORDBENCH_HOME to a folder that can be written to.",
        ) from error
