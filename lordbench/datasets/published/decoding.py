"""Decodes many small JPEGs on several cores, as a stream in the order of the files."""

import io
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from lordbench.data.images import Int64Array, UInt8Array
from lordbench.datasets.published.archives import Chunk, Members, damaged, other_version
from lordbench.utils.errors import UserError

T = TypeVar("T")
Size = tuple[int, int]  # width and height in pixels
Transform = Callable[[Sequence[str], UInt8Array], T]
"""Computes something from some files at once: their names, and their pixels, uint8 (n, 3, H, W)."""
CHUNK = (
    16 << 20
)  # bytes of pixels that a process decodes at a time: several fit in memory, sending costs little
AHEAD = 3  # chunks queued for each process


def n_chunks(n: int, size: Size) -> int:
    """Return the number of chunks that `decoded` yields for `n` images of a width and height."""
    return -(-n // _chunk_length(size))


def decoded(
    members: Members, names: Sequence[str], limit: int, size: Size, transform: Transform[T], workers: int
) -> Iterator[tuple[Int64Array, T]]:
    """Decode JPEGs in chunks: their positions in `names`, int64 (n,), and the result of `transform`.

    Files of more than `limit` bytes, or of another width and height, are refused before they are decoded.
    `transform` and its result are sent between processes; a single worker is this process. UserError names a
    file that cannot be read.
    """
    position = {name: i for i, name in enumerate(names)}
    decode: Callable[[Chunk], tuple[list[str], T]]
    decode = partial(_decode_chunk, path=members.path, size=size, transform=transform)
    chunks = members.chunks(names, limit, _chunk_length(size))
    results = map(decode, chunks) if workers == 1 else _in_processes(decode, chunks, members.path, workers)
    for chunk_names, result in results:
        yield np.array([position[name] for name in chunk_names], dtype=np.int64), result


def _in_processes(
    decode: Callable[[Chunk], T], chunks: Iterable[Chunk], path: Path, workers: int
) -> Iterator[T]:
    # Not forked: this process may have threads, whose locks a fork would copy in their current state.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start_worker)
    queue: deque[Future[T]] = deque()
    try:
        for chunk in chunks:
            queue.append(pool.submit(decode, chunk))
            if len(queue) > AHEAD * workers:
                yield queue.popleft().result()
        while queue:
            yield queue.popleft().result()
    except BrokenProcessPool as error:
        raise UserError(
            f"{path}: a process that decodes it was killed, perhaps for lack of memory",
            "Run the same command again with fewer --workers.",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _chunk_length(size: Size) -> int:
    width, height = size
    return max(1, CHUNK // (3 * width * height))


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, and the other cores to the other processes."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


def _decode_chunk(chunk: Chunk, path: Path, size: Size, transform: Transform[T]) -> tuple[list[str], T]:
    names, images = [], []
    for name, content in chunk():
        names.append(name)
        images.append(_pixels(content, path / name, size))
    # Stacked as decoded, with a pixel's channels side by side; the transposed array is a view.
    return names, transform(names, np.moveaxis(np.stack(images), -1, 1))


def _pixels(content: bytes, path: Path, size: Size) -> UInt8Array:
    """Decode one JPEG: uint8, (H, W, 3)."""
    try:
        return _decode_jpeg(content, path, size)
    except UserError:
        raise
    except Exception as error:
        # Decoders raise nearly any exception on a damaged file.
        raise damaged(path, error) from error


def _decode_jpeg(content: bytes, path: Path, size: Size) -> UInt8Array:
    """Decode with simplejpeg where it is installed, else with Pillow: the same pixels at half the speed."""
    try:
        from simplejpeg import decode_jpeg, decode_jpeg_header
    except ImportError:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
            require_size(image.size, size, path)
            return np.asarray(image.convert("RGB"))
    height, width, *_ = decode_jpeg_header(content)
    require_size((width, height), size, path)
    # Without the decoder's shortcuts, which would give other pixels than Pillow.
    pixels: UInt8Array = decode_jpeg(content, "RGB", fastdct=False, fastupsample=False)
    return pixels


def require_size(actual: Size, size: Size, path: Path) -> None:
    """Raise UserError for an image of another width and height than the official ones."""
    if actual != size:
        (width, height), (official_width, official_height) = actual, size
        problem = (
            f"it has {width} x {height} pixels, the official images {official_width} x {official_height}"
        )
        raise other_version(path, problem)
