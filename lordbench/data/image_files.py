"""Image files of any size and mode, read to small square images the same way for every data set."""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, PngImagePlugin
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, SAMPLEFORMAT

from lordbench.data.images import UInt8Array
from lordbench.data.sniffing import kind_of_file
from lordbench.utils.errors import UserError
from lordbench.utils.progress import Track, untracked

VERSION = "reading-2"  # raised whenever a file would be read to other pixels; part of the fingerprint
SUFFIXES = frozenset(
    (
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".jfi", ".pgm", ".ppm", ".pbm", ".pnm"),
        *(".bmp", ".gif", ".tif", ".tiff", ".webp"),
    )
)
# An explicit list: Pillow also opens formats that start other programs, such as EPS.
FORMATS = ("PNG", "JPEG", "PPM", "BMP", "GIF", "TIFF", "WEBP")
WIDE_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")
UNSIGNED, WHITE_IS_ZERO = 1, 0  # numbers of TIFF for samples that are unsigned integers, and inverted
PNG_DEPTH = 24  # place of the bits per sample in a PNG file

# Pillow refuses PNGs with more than 1 MiB of text or colour profile, as some cameras and editors write.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = 64 << 20


def is_image(path: Path) -> bool:
    """Whether a path has an image's suffix and is not hidden, as macOS's `._face.png` is."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def read_images(
    paths: Sequence[Path], size: int, track: Track[int] = untracked, *, grey: bool | None = None
) -> UInt8Array:
    """Read image files: uint8 (N, C, size, size), in the order of `paths`.

    Each is rotated by its EXIF orientation, composed on white where it is transparent, cropped to the
    central square, and resized with an antialiasing Lanczos filter. Every depth keeps its scale: 65535 is
    the white of 16 bits. With `grey` there is one channel (luma), else three (RGB); None: one if no image
    has colour. UserError names a file that cannot be read, or whose white is unknown.
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
        if path.exists() and not path.is_file():
            # A named pipe would block for ever.
            raise ValueError("it is no regular file")
        with opened_picture(path) as opened:
            # Asked before the pixels are read, and the picture may be turned: both lose it.
            white, inverted = _scale(opened, path)
            image = _flattened(ImageOps.exif_transpose(opened), white, inverted).convert(mode)
    except Exception as error:
        # Decoders raise nearly any exception on a damaged file.
        kind = kind_of_file(path) if path.is_file() else None
        problem = f"it is {kind.name}" if kind else error or type(error).__name__
        remedy = kind.hint if kind else "Replace the file, or save it again as an 8-bit PNG without metadata."
        if isinstance(error, Image.DecompressionBombWarning | Image.DecompressionBombError):
            remedy = "Make it smaller."
        raise UserError(
            f"{path}: cannot read this image: {problem}", f"{remedy} Otherwise move it out of the folder."
        ) from error
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    # Cropped first: `resize(box=...)` would let the filter reach beyond the square.
    square = image.crop((left, top, left + side, top + side))
    resized = square.resize((size, size), Image.Resampling.LANCZOS)
    pixels: UInt8Array = np.asarray(resized)
    return pixels if mode == "L" else pixels.transpose(2, 0, 1)


def _scale(image: Image.Image, path: Path) -> tuple[int, bool]:
    """Return the value of white in the file, and whether Pillow leaves it inverted; ValueError if unknown."""
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers of unknown range")
    if image.format == "TIFF":
        tags = image.tag_v2  # type: ignore[attr-defined]
        depth = max(tags.get(BITSPERSAMPLE, (1,)))
        if depth > 16 or set(tags.get(SAMPLEFORMAT, (UNSIGNED,))) != {UNSIGNED}:
            raise ValueError("its pixels are signed or 32-bit numbers of unknown range")
        # Pillow inverts up to 8 bits itself.
        return 2**depth - 1, depth > 8 and tags[PHOTOMETRIC_INTERPRETATION] == WHITE_IS_ZERO
    if image.format == "PNG":
        with path.open("rb") as file:
            return 2 ** file.read(PNG_DEPTH + 1)[PNG_DEPTH] - 1, False
    return 65535 if image.mode in WIDE_MODES else 255, False


def _flattened(image: Image.Image, white: int, inverted: bool) -> Image.Image:
    """Return the image with 8 bits a channel and without transparency."""
    key = image.info.get("transparency")
    if image.mode in WIDE_MODES:
        wide = np.asarray(image).astype(np.int64)
        if inverted:
            wide = white - wide
        if key is not None:
            wide[wide == key] = white
        return Image.fromarray(((255 * wide + white // 2) // white).astype(np.uint8))
    if image.mode == "LAB":
        lab, srgb = (ImageCms.createProfile(name) for name in ("LAB", "sRGB"))
        return ImageCms.buildTransform(lab, srgb, "LAB", "RGB").apply(image)
    if key is not None and image.mode in ("1", "L", "RGB"):
        # A value of the file's depth, of which Pillow keeps the upper 8 bits; newer versions scale 1 bit.
        pixels = np.array(image.convert("RGB"))
        values = np.broadcast_to(key, 3).astype(np.int64)
        transparent = values >> 8 if white > 255 else np.minimum(values * 255 // white, 255)
        pixels[(pixels == transparent).all(axis=-1)] = 255
        return Image.fromarray(pixels)
    if image.mode in ("La", "RGBa"):
        image = image.convert(image.mode.upper())
    if image.mode in ("LA", "PA", "RGBA") or key is not None:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image
