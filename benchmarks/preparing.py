"""Preparing a CelebA of synthetic JPEGs: the whole command against plain Pillow in one process."""

from __future__ import annotations

import io
import multiprocessing
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.page import table

PEOPLE, DISTINCT = 10_177, 256
WIDTH, HEIGHT, LEFT, TOP, CROP, SIZE = 178, 218, 25, 45, 128, 64
QUALITY = 90
"""With it a file has about 13 kB; an official one has about 7."""
KIB_PER_MIB = 1024


def preparing(folder: Path, n: int) -> str:
    """Measure, and give the table.

    Args:
        folder: for the archive and both results: about 40 kB an image.
        n: images.
    """
    write_archive(folder, n)
    plain = _plain(folder)
    seconds, peak = _command(folder)
    same = np.array_equal(
        np.load(folder / "plain.npy", mmap_mode="r"),
        np.load(next((folder / "home" / "prepared").glob("celeba-*")) / "images.npy", mmap_mode="r"),
    )
    rows = [
        ["Pillow, one process", f"{plain:.1f}", f"{n / plain:,.0f}", "1.00", "–"],
        ["`data prepare`, whole command", f"{seconds:.1f}", f"{n / seconds:,.0f}", f"{plain / seconds:.2f}",
         f"{peak:,.0f}"],
    ]  # fmt: skip
    header = [f"{n:,} JPEGs of 178 x 218", "seconds", "images/s", "ratio", "peak memory, MiB"]
    verdict = "The pixels are the same." if same else "The pixels DIFFER."
    return f"{table(header, rows)}\n\n{verdict}"


def write_archive(folder: Path, n: int) -> None:
    """Write CelebA's archive and list of identities: smooth noise, DISTINCT pictures over and over."""
    rng = np.random.default_rng(0)
    pictures = [_jpeg(rng) for _ in range(DISTINCT)]
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        for i in range(n):
            archive.writestr(f"img_align_celeba/{i + 1:06d}.jpg", pictures[i % DISTINCT])
    lines = "".join(f"{i + 1:06d}.jpg {i % PEOPLE + 1}\n" for i in range(n))
    (folder / "identity_CelebA.txt").write_text(lines, encoding="ascii")


def _jpeg(rng: np.random.Generator) -> bytes:
    pixels = np.full((HEIGHT, WIDTH, 3), 128.0)
    for cells, strength in ((4, 1.2), (16, 0.7), (60, 0.28)):
        coarse = Image.fromarray(rng.integers(256, size=(cells, cells, 3), dtype=np.uint8))
        pixels += strength * (np.asarray(coarse.resize((WIDTH, HEIGHT)), np.float64) - 128)
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _plain(folder: Path) -> float:
    """Seconds that a plain loop takes, its start not counted."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(plain_loop, (folder,))


def plain_loop(folder: Path) -> float:
    """Read, decode, crop, resize and keep every image, one after the other: the seconds it takes."""
    began = time.perf_counter()
    with zipfile.ZipFile(folder / "img_align_celeba.zip") as archive:
        names = sorted(archive.namelist())
        images = np.lib.format.open_memmap(folder / "plain.npy", "w+", np.uint8, (len(names), 3, SIZE, SIZE))
        for i, name in enumerate(names):
            with Image.open(io.BytesIO(archive.read(name))) as picture:
                face = picture.convert("RGB").crop((LEFT, TOP, LEFT + CROP, TOP + CROP))
                small = face.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
                images[i] = np.asarray(small).transpose(2, 0, 1)
        images.flush()
    return time.perf_counter() - began


def _command(folder: Path) -> tuple[float, float]:
    """Run the command: seconds from start to end, and the peak of its processes' memory in MiB."""
    began = time.perf_counter()
    arguments = ["data", "prepare", "celeba", "--from", str(folder), "--no-verify"]
    process = subprocess.Popen(
        [sys.executable, "-m", "lordbench", *arguments],
        env=os.environ | {"LORDBENCH_HOME": str(folder / "home")},
    )
    peaks = [0.0]
    watcher = threading.Thread(target=_watch, args=(process, peaks))
    watcher.start()
    status = process.wait()
    seconds = time.perf_counter() - began
    watcher.join()
    if status:
        raise RuntimeError(f"lordbench {' '.join(arguments)} ended with status {status}")
    return seconds, peaks[0]


def _watch(process: subprocess.Popen[bytes], peaks: list[float]) -> None:
    """Keep the highest sum of the processes' proportional memory; pages shared by two count once."""
    while process.poll() is None:
        peaks[0] = max(peaks[0], sum(_memory(pid) for pid in _family(process.pid)))
        time.sleep(0.25)


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            # A thread that ended meanwhile.
            continue
        for child in children:
            yield from _family(int(child))


def _memory(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / KIB_PER_MIB
    except OSError:
        # A process that ended meanwhile.
        pass
    return 0.0
