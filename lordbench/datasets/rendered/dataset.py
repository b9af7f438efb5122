"""RenderedDataset: rendered on first use and cached; it needs no download."""

import contextlib
from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from lordbench.data import Dataset, ImageSet, UInt8Array
from lordbench.utils import files
from lordbench.utils.errors import UserError
from lordbench.utils.progress import Track, untracked


class RenderedDataset(Dataset):
    """A rendered data set. Images are cached under `$LORDBENCH_HOME/datasets`; damaged files are replaced.

    Attributes:
        version: name and version, e.g. `toycars-1`; raised whenever a pixel or a label changes, and part of
            the cache's name and of the fingerprint.
    """

    version: ClassVar[str]

    @abstractmethod
    def render(self, size: int, track: Track[int]) -> Iterator[UInt8Array]:
        """Render the images in order, in blocks (n, C, size, size)."""

    @abstractmethod
    def labelled(self, images: UInt8Array) -> ImageSet:
        """Add labels and fingerprint to the images; ValueError if their numbers differ."""

    def load(self, size: int, track: Track[int] = untracked) -> ImageSet:
        """Load the images, (N, C, size, size), memory-mapped if they were cached."""
        if size % 8 or not 16 <= size <= 256:
            raise UserError(
                f"{self.version.rpartition('-')[0]}: cannot render images of {size} pixels",
                "Choose an image size that is a multiple of 8 from 16 to 256; 32 and 64 are usual.",
            )
        folder = files.home() / "datasets"
        settings = "x".join(str(value) for value in self.config.model_dump().values())
        stem = f"{self.version}-{settings}-{size}px"
        # The name ends in the fingerprint, so that one rename stores both images and checksum.
        for path in sorted(folder.glob(f"{stem}-*.npy")):
            # Damage raises nearly any exception; the remedy is to render again.
            with contextlib.suppress(Exception):
                cached = self.labelled(np.load(path, mmap_mode="r", allow_pickle=False))
                if path.stem == f"{stem}-{cached.fingerprint}":
                    return cached
        rendered = self.labelled(np.concatenate(list(self.render(size, track))))
        path = folder / f"{stem}-{rendered.fingerprint}.npy"
        try:
            with files.replacing(path) as temporary:
                np.save(temporary, rendered.images, allow_pickle=False)
        except OSError as error:
            raise UserError(
                f"{path}: cannot cache the rendered images: {error}",
                "Free disk space, or set LORDBENCH_HOME to a writable folder.",
            ) from error
        return rendered
