"""Image files: the same picture reads the same at every depth, mode and kind of transparency."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from lordbench.data.image_files import read_images
from lordbench.utils.errors import UserError

GREY = np.tile(np.repeat([0, 85, 170, 255], 2), (8, 1))
COLOUR = np.stack([GREY, GREY // 2, 255 - GREY], axis=-1)
HALF = np.full_like(GREY, 128)  # opacity
LA, RGBA = np.dstack([GREY, HALF]), np.dstack([COLOUR, HALF])
PREMULTIPLIED = np.dstack([np.rint(COLOUR * 128 / 255).astype(int), HALF])
BOTH, WHITES = (8, 16), (15, 255, 256, 4095, 65535)
ON_WHITE = {"grey": 255 - (255 - GREY) * 128 / 255, "colour": 255 - (255 - COLOUR) * 128 / 255}
KEYED = {"grey": np.where(GREY == 85, 255, GREY), "colour": np.where(GREY[..., None] == 85, 255, COLOUR)}


def png(
    depth: int, colour_type: int, values: np.ndarray, transparent: int | tuple[int, ...] | None = None
) -> bytes:
    """A PNG, written from its specification; Pillow writes few depths."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    height, width = values.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    lines = b"".join(b"\0" + packed(line, depth) for line in values)
    key = b"" if transparent is None else chunk(b"tRNS", np.atleast_1d(transparent).astype(">u2").tobytes())
    data = chunk(b"IDAT", zlib.compress(lines))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + key + data + chunk(b"IEND", b"")


def packed(line: np.ndarray, depth: int, order: str = ">") -> bytes:
    if depth in (8, 16):
        return line.astype(f"{order}u{depth // 8}").tobytes()
    bits = (line.reshape(-1, 1) >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits.astype(np.uint8)).tobytes()


def tiff(
    depth: int,
    photometric: int,
    values: np.ndarray,
    extra: int | None = None,
    order: str = "<",
    kind: int = 1,
) -> bytes:
    """A TIFF of one strip, written from its specification; `extra` says what the last sample is."""
    height, width = values.shape[:2]
    samples = 1 if values.ndim == 2 else values.shape[2]
    data = (
        values.astype(f"{order}u4").tobytes()
        if depth == 32
        else b"".join(packed(v, depth, order) for v in values)
    )
    tags = {256: [width], 257: [height], 258: [depth] * samples, 259: [1], 262: [photometric], 273: [0]}
    tags |= {277: [samples], 278: [height], 279: [len(data)]} | ({} if extra is None else {338: [extra]})
    tags |= {339: [kind] * samples}
    long = 8 + 2 + 12 * len(tags) + 4
    more = {tag: struct.pack(f"{order}{len(v)}H", *v) for tag, v in tags.items() if len(v) > 2}
    tags[273] = [long + sum(map(len, more.values()))]
    directory, aside = b"", b""
    for tag, v in sorted(tags.items()):
        if tag in more:
            value = struct.pack(f"{order}I", long + len(aside))
            aside += more[tag]
        else:
            value = struct.pack(f"{order}{len(v)}H", *v).ljust(4, b"\0")
        directory += struct.pack(f"{order}HHI", tag, 3, len(v)) + value
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    return start + directory + b"\0\0\0\0" + aside + data


def pnm(magic: str, white: int, values: np.ndarray) -> bytes:
    levels = np.rint(values * white / 255).astype(int)
    body = levels.astype(">u2" if white > 255 else "u1").tobytes()
    text = " ".join(map(str, levels.ravel())).encode()
    return f"{magic} 8 8 {white}\n".encode() + (text if magic in ("P2", "P3") else body)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def read(tmp_path: Path, content: bytes, suffix: str) -> np.ndarray:
    """Read at the file's own size: int, (8, 8) or (8, 8, 3)."""
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    return read_images([path], 8)[0].transpose(1, 2, 0).squeeze().astype(int)


def deep(values: np.ndarray, depth: int) -> np.ndarray:
    """8-bit values at another depth."""
    return values * (2**depth - 1) // 255


def palette(transparency: int | bytes | None = None) -> bytes:
    image = Image.fromarray((GREY // 85).astype(np.uint8), "L")
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette([value for level in (0, 85, 170, 255) for value in (level, level // 2, 255 - level)])
    return saved(image, "PNG", **({} if transparency is None else {"transparency": transparency}))


CASES = {
    **{f"png grey {d}": (png(d, 0, deep(GREY, d)), ".png", GREY) for d in (2, 4, 8, 16)},
    **{
        f"png grey {d} with a transparent value": (
            png(d, 0, deep(GREY, d), 85 * (2**d - 1) // 255), ".png", KEYED["grey"],
        )
        for d in (2, 4, 8, 16)
    },
    "png 1": (png(1, 0, GREY // 128), ".png", np.where(GREY > 127, 255, 0)),
    "png 1, black transparent": (png(1, 0, GREY // 128, 0), ".png", np.full_like(GREY, 255)),
    "png 1, white transparent": (png(1, 0, GREY // 128, 1), ".png", np.where(GREY > 127, 255, 0)),
    **{f"png rgb {d}": (png(d, 2, deep(COLOUR, d)), ".png", COLOUR) for d in BOTH},
    "png rgb 8 with a transparent value": (png(8, 2, COLOUR, (85, 42, 170)), ".png", KEYED["colour"]),
    "png rgb 16 with a transparent value": (
        png(16, 2, COLOUR * 257, (85 * 257, 42 * 257, 170 * 257)), ".png", KEYED["colour"],
    ),
    **{f"png la {d}": (png(d, 4, deep(LA, d)), ".png", ON_WHITE["grey"]) for d in BOTH},
    **{f"png rgba {d}": (png(d, 6, deep(RGBA, d)), ".png", ON_WHITE["colour"]) for d in BOTH},
    "png palette": (palette(), ".png", COLOUR),
    "png palette, one transparent": (palette(1), ".png", KEYED["colour"]),
    "png palette, a table": (palette(bytes([128] * 4)), ".png", ON_WHITE["colour"]),
    "gif grey, one transparent": (
        saved(Image.fromarray(GREY.astype(np.uint8)), "GIF", transparency=85), ".gif", KEYED["grey"],
    ),
    **{
        f"tiff grey {d}{order}, {'black' if photometric else 'white'} is zero": (
            tiff(d, photometric, values if photometric else 2**d - 1 - values, order=order), ".tif", GREY,
        )
        for d in (2, 4, 8, 16)
        for order in "<>"
        for photometric in (0, 1)
        # Pillow does not open this one.
        if (d, order, photometric) != (16, ">", 0)
        for values in [deep(GREY, d)]
    },
    "tiff 1, white is zero": (tiff(1, 0, 1 - GREY // 128), ".tif", np.where(GREY > 127, 255, 0)),
    "tiff grey 12": (tiff(12, 1, GREY * 4095 // 255), ".tif", GREY),
    **{f"tiff rgb{d}{o}": (tiff(d, 2, deep(COLOUR, d), None, o), ".tif", COLOUR) for d in BOTH for o in "<>"},
    "tiff grey and alpha": (tiff(8, 1, LA, 2), ".tif", ON_WHITE["grey"]),
    **{f"tiff rgbx {d}": (tiff(d, 2, deep(RGBA, d), 0), ".tif", COLOUR) for d in BOTH},
    **{f"tiff rgba {d}": (tiff(d, 2, deep(RGBA, d), 2), ".tif", ON_WHITE["colour"]) for d in BOTH},
    **{
        f"tiff premultiplied {d}": (tiff(d, 2, deep(PREMULTIPLIED, d), 1), ".tif", ON_WHITE["colour"])
        for d in BOTH
    },
    "tiff cmyk": (saved(Image.fromarray(COLOUR.astype(np.uint8)).convert("CMYK"), "TIFF"), ".tif", COLOUR),
    **{f"{magic} {w}": (pnm(magic, w, GREY), ".pgm", GREY) for magic in ("P2", "P5") for w in WHITES},
    **{f"P6 {w}": (pnm("P6", w, COLOUR), ".ppm", COLOUR) for w in (255, 1000, 65535)},
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_picture_reads_the_same_at_every_depth(tmp_path: Path, case: str) -> None:
    content, suffix, expected = CASES[case]
    found = read(tmp_path, content, suffix)
    assert found.shape == expected.shape
    # Integer steps of opacity and of other whites than 255 round twice.
    assert np.abs(found - expected).max() <= 1


def test_an_inverted_cmyk_jpeg(tmp_path: Path) -> None:
    """Pillow writes CMYK as Adobe does, inverted."""
    plain = np.full((8, 8, 3), (255, 0, 0), np.uint8)
    found = read(tmp_path, saved(Image.fromarray(plain).convert("CMYK"), "JPEG", quality=100), ".jpg")
    assert np.abs(found - plain).max() <= 3


def test_lab(tmp_path: Path) -> None:
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    colours = np.full((8, 8, 3), (180, 90, 60), np.uint8)
    lab = ImageCms.buildTransform(*profiles, "RGB", "LAB").apply(Image.fromarray(colours))
    assert np.abs(read(tmp_path, saved(lab, "TIFF"), ".tif") - colours).max() <= 4


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (tiff(8, 1, GREY // 2, kind=2), "signed or 32-bit"),
        (tiff(16, 1, GREY, kind=2), "signed or 32-bit"),
        (tiff(32, 1, GREY), "signed or 32-bit"),
        (tiff(32, 1, GREY, kind=2), "signed or 32-bit"),
        (tiff(32, 1, GREY, kind=3), "floating-point"),
    ],
)
def test_pixels_of_unknown_range_are_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    with pytest.raises(
        UserError, match=rf"x\.tif: cannot read this image: its pixels are {problem}.*unknown range"
    ):
        read(tmp_path, content, ".tif")


class TestMetadata:
    def test_much_text_and_a_large_profile_do_no_harm(self, tmp_path: Path) -> None:
        text = PngImagePlugin.PngInfo()
        text.add_text("prompt", "x" * 3_000_000, zip=True)
        image = Image.fromarray(COLOUR.astype(np.uint8))
        for kind, options in (("PNG", {"pnginfo": text}), ("PNG", {}), ("TIFF", {})):
            content = saved(image, kind, icc_profile=bytes(3_000_000), **options)
            assert np.array_equal(read(tmp_path, content, f".{kind.lower()}"), COLOUR)

    def test_a_text_that_unpacks_to_far_too_much_is_refused(self, tmp_path: Path) -> None:
        text = PngImagePlugin.PngInfo()
        text.add_text("bomb", "x" * 70_000_000, zip=True)
        content = saved(Image.fromarray(GREY.astype(np.uint8)), "PNG", pnginfo=text)
        with pytest.raises(UserError, match=r"(?i)decompressed data too large") as caught:
            read(tmp_path, content, ".png")
        assert "without metadata" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty"),
        (b"\n <!-- x --><HTML>", "an HTML page"),
        (b"<?xml version='1.0'?>\n<!DOCTYPE html>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC picture"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "an AVIF picture"),
    ],
)
def test_another_kind_of_file_is_named(tmp_path: Path, content: bytes, kind: str) -> None:
    with pytest.raises(UserError, match=rf"x\.png: cannot read this image: it is {kind}"):
        read(tmp_path, content, ".png")
