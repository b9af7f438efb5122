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
Cut = Callable[[Image.Image], UInt8Array]
"""Turns the picture of one file, in mode RGB, into the images that it holds: uint8, (n, C, S, S)."""


def decoded(
    members: Iterable[Member], place: Path, size: tuple[int, int], cut: Cut, workers: int
) -> Iterator[tuple[str, UInt8Array]]:
    """Decode JPEGs: the name of each, and its images.

    Args:
        members: name and content of each file.
        place: where they come from, for errors.
        size: width and height that every file must have; anything else is refused before it is unpacked.
        cut: what to do with each picture; must be importable, since it goes to other processes.
        workers: processes; 1 decodes in this one.

    Raises:
        UserError: a file cannot be read, or has another size; names it.
    """
    chunks = _chunked(members)
    if workers == 1:
        for chunk in chunks:
            yield from _decode_chunk(chunk, place, size, cut)
        return
    # Not forked: this process may have threads, whose locks a fork would copy as they are.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, signal.signal, (signal.SIGINT, signal.SIG_IGN))
    under_way: deque[Future[Iterable[tuple[str, UInt8Array]]]] = deque()
    try:
        for chunk in chunks:
            under_way.append(pool.submit(_decode_chunk, chunk, place, size, cut))
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
    chunk: list[Member], place: Path, size: tuple[int, int], cut: Cut
) -> Iterable[tuple[str, UInt8Array]]:
    return [(name, _cut(content, place / name, size, cut)) for name, content in chunk]


def _cut(content: bytes, where: Path, size: tuple[int, int], cut: Cut) -> UInt8Array:
    """Decode one JPEG and cut it: uint8, (n, C, S, S)."""
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as picture:
            if picture.size != size:
                raise ValueError(f"it has {picture.size} pixels, not {size}")
            # Converting a picture to its own mode would copy it.
            colour = picture if picture.mode == "RGB" else picture.convert("RGB")
            # Contiguous, so that it goes between processes as one piece.
            return np.ascontiguousarray(cut(colour))
    except Exception as error:
        # Decoders raise nearly anything on a damaged file.
        raise damaged(where, error) from error
