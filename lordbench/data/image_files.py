"""Image files of any size and mode, read to small square images the same way for every data set."""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from lordbench.data.images import UInt8Array
from lordbench.utils.errors import UserError
from lordbench.utils.progress import Track, untracked

VERSION = "reading-1"  # raised whenever a file would be read to other pixels; part of the fingerprint
SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".pgm", ".ppm", ".pbm", ".pnm", ".bmp", ".gif", ".tif", ".tiff", ".webp")
)
# An explicit list: Pillow also opens formats that start other programs, such as EPS.
FORMATS = ("PNG", "JPEG", "PPM", "BMP", "GIF", "TIFF", "WEBP")
WIDE_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")


def is_image(path: Path) -> bool:
    """Whether a path has an image's suffix and is not hidden, as macOS's `._face.png` is."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def read_images(
    paths: Sequence[Path], size: int, track: Track[int] = untracked, *, grey: bool | None = None
) -> UInt8Array:
    """Read image files: uint8 (N, C, size, size), in the order of `paths`.

    Each is rotated by its EXIF orientation, composed on white where it is transparent, cropped to the
    central square, and resized with an antialiasing Lanczos filter. 16-bit grey keeps its scale: 65535 is
    white. With `grey` there is one channel (luma), else three (RGB); None: one if no image has colour.
    UserError names a file that cannot be read.
    """
    images = np.empty((len(paths), 3, size, size), np.uint8)
    for i in track(range(len(paths)), "reading images", len(paths)):
        images[i] = _read(paths[i], size, "L" if grey else "RGB")
    if grey is None:
        grey = all((image == image[:1]).all() for image in images)
    return np.ascontiguousarray(images[:, :1]) if grey else images


@contextlib.contextmanager
def opened_picture(path: Path, formats: tuple[str, ...] = FORMATS) -> Iterator[Image.Image]:
    """Open an image; a damaged file raises nearly any exception, and so does a decompression bomb."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path, formats=formats) as opened:
            yield opened


def _read(path: Path, size: int, mode: str) -> UInt8Array:
    """Read one file: uint8 (3, size, size), or (size, size) in mode L."""
    try:
        with opened_picture(path) as opened:
            image = _flattened(ImageOps.exif_transpose(opened)).convert(mode)
    except Exception as error:
        # Decoders raise nearly any exception on a damaged file.
        raise UserError(
            f"{path}: cannot read this image: {error or type(error).__name__}",
            "Replace the file, convert it to an 8-bit PNG, or move it out of the folder.",
        ) from error
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    # Cropped first: `resize(box=...)` would let the filter reach beyond the square.
    square = image.crop((left, top, left + side, top + side))
    resized = square.resize((size, size), Image.Resampling.LANCZOS)
    pixels: UInt8Array = np.asarray(resized)
    return pixels if mode == "L" else pixels.transpose(2, 0, 1)


def _flattened(image: Image.Image) -> Image.Image:
    """Return the image with 8 bits a channel and without transparency; ValueError if its range is unknown."""
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers of unknown range")
    if image.mode in WIDE_MODES:
        wide = np.asarray(image).astype(np.int64)
        if wide.min() < 0 or wide.max() > 65535:
            raise ValueError("its pixels have more than 16 bits")
        return Image.fromarray(((wide + 128) // 257).astype(np.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image
