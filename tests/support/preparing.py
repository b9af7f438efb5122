"""Small archives in the official formats, for the tests of published data sets."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lordbench.config.registry import make_dataset
from lordbench.data.images import ImageSet

Files = Iterable[tuple[str, bytes]]


def write_tar(path: Path, files: Files) -> Path:
    """A .tar.gz with its members in the given order."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def write_zip(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files:
            archive.writestr(name, content)
    return path


def write_folder(path: Path, files: Files) -> Path:
    for name, content in files:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def jpeg(pixels: np.ndarray) -> bytes:
    """uint8 (H, W, 3) as a JPEG of high quality."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


def load(name: str, size: int = 64, **settings: Any) -> ImageSet:
    return make_dataset(name, settings).load(size)


def shades(images: np.ndarray) -> list[list[int]]:
    """The mean colour of each image, (N, C), rounded."""
    return np.rint(images.mean(axis=(2, 3))).astype(int).tolist()
