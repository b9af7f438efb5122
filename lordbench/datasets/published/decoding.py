"""Decodes many small JPEGs on several cores, as a stream in the order of the files."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from simplejpeg import decode_jpeg, decode_jpeg_header

from lordbench.data.images import Int64Array, UInt8Array
from lordbench.datasets.published.archives import Member, Members, damaged
from lordbench.utils.errors import UserError

T = TypeVar("T")
Cut = Callable[[Sequence[str], UInt8Array], T]
"""Makes something of some files at once: their names, and their pixels, uint8 (n, 3, H, W)."""
CHUNK = 16 << 20
"""Bytes of pixels that a process decodes at a time: small enough to hold several, large enough for handing
over to cost little."""
AHEAD = 3
"""Chunks under way for each process."""


def n_chunks(n: int, size: tuple[int, int]) -> int:
    """How many times `decoded` gives something for `n` pictures of a width and height."""
    return -(-n // _at_a_time(size))


def decoded(
    members: Members,
    names: Sequence[str],
    limit: int,
    size: tuple[int, int],
    cut: Cut[T],
    workers: int,
) -> Iterator[tuple[Int64Array, T]]:
    """Decode JPEGs, some at a time: their places in `names`, int64 (n,), and what `cut` makes of them.

    Args:
        members: where the files are.
        names: of the files.
        limit: bytes of the largest file that is read.
        size: width and height that every file must have; anything else is refused before it is unpacked.
        cut: what to do with the pictures; goes to other processes, and so does what it returns.
        workers: processes; 1 decodes in this one.

    Raises:
        UserError: a file cannot be read, or has another size; names it.
    """
    place = {name: i for i, name in enumerate(names)}
    chunks = members.chunks(names, limit, _at_a_time(size))
    for some, made in _decoded(chunks, members.place, size, cut, workers):
        yield np.array([place[name] for name in some], dtype=np.int64), made


def _decoded(
    chunks: Iterable[Iterable[Member]], place: Path, size: tuple[int, int], cut: Cut[T], workers: int
) -> Iterator[tuple[list[str], T]]:
    if workers == 1:
        for chunk in chunks:
            yield _decode_chunk(chunk, place, size, cut)
        return
    # Not forked: this process may have threads, whose locks a fork would copy as they are.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _begin)
    under_way: deque[Future[tuple[list[str], T]]] = deque()
    try:
        for chunk in chunks:
            under_way.append(pool.submit(_decode_chunk, chunk, place, size, cut))
            if len(under_way) > AHEAD * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    except BrokenProcessPool as error:
        raise UserError(
            f"{place}: a process that decodes it was killed, perhaps for want of memory",
            "Run the same command again with fewer --workers.",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _at_a_time(size: tuple[int, int]) -> int:
    width, height = size
    return max(1, CHUNK // (3 * width * height))


def _begin() -> None:
    """Leave Ctrl-C to the parent, and the other cores to the other processes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


def _decode_chunk(
    chunk: Iterable[Member], place: Path, size: tuple[int, int], cut: Cut[T]
) -> tuple[list[str], T]:
    names, pictures = [], []
    for name, content in chunk:
        names.append(name)
        pictures.append(_pixels(content, place, name, size))
    # Stacked as decoded, with a pixel's channels side by side, and only seen in another order.
    return names, cut(names, np.moveaxis(np.stack(pictures), -1, 1))


def _pixels(content: bytes, place: Path, name: str, size: tuple[int, int]) -> UInt8Array:
    """Decode one JPEG: uint8, (H, W, 3)."""
    try:
        height, width, *_ = decode_jpeg_header(content)
        if (width, height) != size:
            raise ValueError(f"it has {(width, height)} pixels, not {size}")
        # Neither of the decoder's shortcuts: pixels are those that other programs see.
        pixels: UInt8Array = decode_jpeg(content, "RGB", fastdct=False, fastupsample=False)
        return pixels
    except Exception as error:
        # Decoders raise nearly anything on a damaged file.
        raise damaged(place / name, error) from error
