"""Decodes AVI videos from memory, with PyAV."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lordbench.data.images import Int64Array, UInt8Array
from lordbench.datasets.published.archives import damaged
from lordbench.datasets.published.decoding import require_size
from lordbench.utils.errors import UserError

if TYPE_CHECKING:
    import av


def frames(content: bytes, path: Path, size: tuple[int, int], numbers: Int64Array) -> UInt8Array:
    """Decode frames of an AVI video: their luma, black 0 to white 255; uint8, (n, 1, height, width).

    `numbers`, int64 (n,), are increasing, at least one, and counted from 1. Videos of another width and
    height than `size` are refused before they are decoded. UserError names a video that cannot be used.
    """
    wanted, last = set(numbers.tolist()), int(numbers[-1])
    images: list[UInt8Array] = []
    try:
        for number, frame in enumerate(_decoded(content, path, size), 1):
            if number in wanted:
                images.append(np.asarray(frame.to_ndarray(format="gray"), np.uint8))
            if number == last:
                return np.stack(images)[:, None]
        raise EOFError(f"it ends before frame {last}, which is needed")
    except UserError:
        raise
    except Exception as error:
        # PyAV has an exception for each of FFmpeg's errors; some do not derive from Python's.
        raise damaged(path, error) from error


def _decoded(content: bytes, path: Path, size: tuple[int, int]) -> Iterator[av.VideoFrame]:
    import av

    # An explicit format: FFmpeg would also accept playlists, which name further files.
    with av.open(io.BytesIO(content), "r", format="avi") as container:
        if not container.streams.video:
            raise ValueError("it contains no video")
        stream = container.streams.video[0]
        require_size((stream.width, stream.height), size, path)
        for packet in container.demux(stream):
            # Some decoders silently complete a truncated frame.
            if packet.is_corrupt:
                raise EOFError("it ends within a frame")
            for frame in packet.decode():
                require_size((frame.width, frame.height), size, path)
                yield frame
