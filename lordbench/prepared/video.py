"""Decodes videos from memory, with FFmpeg's libraries as PyAV brings them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from lordbench.images import Int64Array, UInt8Array
from lordbench.prepared.members import damaged


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
