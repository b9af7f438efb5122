"""Decodes videos from memory, with FFmpeg's libraries as PyAV brings them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from lordbench.data.images import Int64Array, UInt8Array
from lordbench.datasets.published.archives import damaged
from lordbench.utils import files


def frames(content: bytes, where: Path, size: tuple[int, int], numbers: Int64Array) -> UInt8Array:
    """Decode frames of an AVI video: their luma, black 0 to white 255; uint8, (n, 1, height, width).

    Args:
        content: of the file.
        where: it comes from, for errors.
        size: width and height that the video must have; anything else is refused before it is decoded.
        numbers: int64, (n,), rising, at least one; the first frame is 1. Nothing behind the last is read.

    Raises:
        UserError: the video is no AVI, damaged, too short or of another size; names it.
    """
    wanted, last = set(numbers.tolist()), int(numbers[-1])
    found: list[UInt8Array] = []
    try:
        for number, frame in enumerate(_decoded(content, size), 1):
            if number in wanted:
                found.append(np.asarray(frame.to_ndarray(format="gray"), np.uint8))
            if number == last:
                return np.stack(found)[:, None]
        raise EOFError(f"it ends before frame {last}, which is needed")
    except Exception as error:
        # FFmpeg has an exception for each of its errors, and some are none of Python's.
        raise damaged(where, error) from error


def _decoded(content: bytes, size: tuple[int, int]) -> Iterator[av.VideoFrame]:
    # The format is named: left to guess it, FFmpeg takes playlists, too, which name files of their own.
    with av.open(io.BytesIO(content), "r", format="avi") as container:
        if not container.streams.video:
            raise ValueError("there is no video in it")
        stream = container.streams.video[0]
        _require_size((stream.width, stream.height), size)
        for packet in container.demux(stream):
            # Some decoders fill up a frame that is cut short, and say nothing.
            if packet.is_corrupt:
                raise EOFError("it is cut short within a frame")
            for frame in packet.decode():
                _require_size((frame.width, frame.height), size)
                yield frame


def _require_size(found: tuple[int, int], size: tuple[int, int]) -> None:
    if found != size:
        raise ValueError(f"it has {found[0]} x {found[1]} pixels, not {size[0]} x {size[1]}")


LARGEST = 1 << 17
"""Bytes: 200 for each of 600 videos. Every line asks for some memory, whatever it says."""
# What does not begin like a video's name is prose, such as the official split's `Training:   person11, 12`.
LINE = re.compile(r"(person\d\d_\w+)(?:\s+(?:frames?\s+(.*)|(\*missing\*)))?")
# Four digits are plenty: the longest official video has some 1,500 frames.
RANGE = re.compile(r"(\d{1,4})-(\d{1,4})")


def sequences(path: Path) -> dict[str, Int64Array]:
    """Read the file: by the name of each video, the sequence of every frame up to the last one that counts.

    Returns:
        int64, (n,): frame `f` belongs to sequence `values[f - 1]`, counted from 1, or to none where that is
        0; n is 0 for a video that is marked as missing. Some official ranges overlap: a frame belongs to the
        first sequence that lists it, so that none comes twice.

    Raises:
        UserError: the file or a line cannot be read; names it.
    """
    found: dict[str, Int64Array] = {}
    try:
        for number, line in enumerate(files.read_text(path, LARGEST).splitlines(), 1):
            if (match := LINE.match(line.strip())) is None:
                continue
            video, ranges, missing = match.groups()
            if video in found:
                raise ValueError(f"line {number} is a second one of {video}")
            found[video] = np.zeros(0, dtype=np.int64) if missing else _numbered(ranges or "", number)
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error
    return found


def _numbered(ranges: str, line: int) -> Int64Array:
    parts = [RANGE.fullmatch(part.strip()) for part in ranges.split(",")]
    bounds = [(int(part[1]), int(part[2])) for part in parts if part is not None]
    if len(bounds) < len(parts) or any(not 1 <= first <= last for first, last in bounds):
        raise ValueError(f"the frames of line {line} are not ranges such as 1-95, 96-185")
    values = np.zeros(max(last for _, last in bounds), dtype=np.int64)
    for i, (first, last) in reversed(list(enumerate(bounds, 1))):
        values[first - 1 : last] = i
    return values
