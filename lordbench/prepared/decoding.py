"""Decodes many small JPEGs on several cores, as a stream in the order of the files."""

from __future__ import annotations

import io
import itertools
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from lordbench.images import UInt8Array
from lordbench.prepared.members import Member, damaged

CHUNK = 64
"""Files that go to a process at a time: few enough to hold little, enough for handing over to cost little."""
AHEAD = 3
"""Chunks under way for each process."""
Decode = Callable[[UInt8Array], UInt8Array]
"""Turns the pixels of one file, (3, H, W), into the images that it holds, (n, C, S, S)."""


def decoded(
    members: Iterable[Member], place: Path, size: tuple[int, int], decode: Decode, workers: int
) -> Iterator[tuple[str, UInt8Array]]:
    """Decode JPEGs: the name of each, and its images.

    Args:
        members: name and content of each file.
        place: where they come from, for errors.
        size: width and height that every file must have; anything else is refused before it is unpacked.
        decode: what to do with the pixels; must be importable, since it goes to other processes.
        workers: processes; 1 decodes in this one.

    Raises:
        UserError: a file cannot be read, or has another size; names it.
    """
    chunks = _chunked(members)
    if workers == 1:
        for chunk in chunks:
            yield from _decode_chunk(chunk, place, size, decode)
        return
    # Not forked: this process may have threads, whose locks a fork would copy as they are.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, signal.signal, (signal.SIGINT, signal.SIG_IGN))
    under_way: deque[Future[list[tuple[str, UInt8Array]]]] = deque()
    try:
        for chunk in chunks:
            under_way.append(pool.submit(_decode_chunk, chunk, place, size, decode))
            if len(under_way) > AHEAD * workers:
                yield from under_way.popleft().result()
        while under_way:
            yield from under_way.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _chunked(members: Iterable[Member]) -> Iterator[list[Member]]:
    stream = iter(members)
    while chunk := list(itertools.islice(stream, CHUNK)):
        yield chunk


def _decode_chunk(
    chunk: list[Member], place: Path, size: tuple[int, int], decode: Decode
) -> list[tuple[str, UInt8Array]]:
    return [(name, decode(_pixels(content, place / name, size))) for name, content in chunk]


def _pixels(content: bytes, where: Path, size: tuple[int, int]) -> UInt8Array:
    """Decode one JPEG to RGB: uint8, (3, H, W)."""
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
            if image.size != size:
                raise ValueError(f"it has {image.size} pixels, not {size}")
            return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    except Exception as error:
        # Decoders raise nearly anything on a damaged file.
        raise damaged(where, error) from error
