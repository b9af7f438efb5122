"""Small videos and archives in KTH's formats, for the tests of kth."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
import pytest
from commandline import Run
from preparing import write_zip

from lordbench.config.registry import make_dataset

HEADER = """
This database contains sequences of six classes of actions performed by
25 subjects in four different conditions (see below).
Contact: Ivan Laptev (laptev@nada.kth.se)

Training:   person11, 12, 13, 14, 15, 16, 17, 18
Validation: person19, 20, 21, 23, 24, 25, 01, 04
Test:       person22, 02, 03, 05, 06, 07, 08, 09, 10\x20


"""
# One person of each official part; ranges with gaps, an overlap, out of order, of three and of four.
RANGES = {
    "person01_handwaving_d4": "1-3, 5-6, 8-9, 10-11",
    "person02_handwaving_d4": "2-4, 4-6",
    "person11_handwaving_d4": "1-2, 9-10, 5-6",
    "person11_handwaving_d1": "1-4",
    "person01_boxing_d2": "1-3, 4-6, 7-8",
    "person22_boxing_d2": "3-5",
}
SEQUENCES = {
    "person01_handwaving_d4": {1: 1, 2: 1, 3: 1, 5: 2, 6: 2, 8: 3, 9: 3, 10: 4, 11: 4},
    "person02_handwaving_d4": {2: 1, 3: 1, 4: 1, 5: 2, 6: 2},
    "person11_handwaving_d4": {1: 1, 2: 1, 5: 3, 6: 3, 9: 2, 10: 2},
    "person11_handwaving_d1": {1: 1, 2: 1, 3: 1, 4: 1},
    "person01_boxing_d2": {1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 2, 7: 3, 8: 3},
    "person22_boxing_d2": {3: 1, 4: 1, 5: 1},
}
LENGTH = 12
CODECS = (("mjpeg", "yuvj420p"), ("rawvideo", "yuv420p"), ("rawvideo", "gray"), ("mpeg4", "yuv420p"))


def shade(video: str, number: int) -> int:
    """The grey of a frame, which no other frame of all videos has."""
    return 12 + 18 * list(RANGES).index(video) + 10 * number


def avi(shades: Iterable[int], codec: int = 0, size: tuple[int, int] = (160, 120)) -> bytes:
    """A video of plain frames; the rightmost tenth of each is black."""
    name, layout = CODECS[codec]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="avi") as container:
        stream = container.add_stream(name, rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, layout
        for value in shades:
            pixels = np.full(size[::-1], value, np.uint8)
            pixels[:, -size[0] // 10 :] = 0
            frame = av.VideoFrame.from_ndarray(pixels, format="gray").reformat(format=layout)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()


def listing(ranges: dict[str, str]) -> bytes:
    lines = [f"{video}\t\tframes\t{text}" for video, text in ranges.items()]
    lines.insert(2, "\nperson13_handwaving_d3\t*missing*")
    lines[0] = lines[0].replace("\t\t", "    \t")
    return (HEADER + "\n".join(lines) + "\n").encode()


VIDEOS = {
    f"{video}_uncomp.avi": avi((shade(video, i) for i in range(1, LENGTH + 1)), k % len(CODECS))
    for k, video in enumerate(RANGES)
}


def of(action: str) -> list[tuple[str, bytes]]:
    return [(name, content) for name, content in VIDEOS.items() if action in name]


def write_archives(folder: Path) -> Path:
    """The archives, flat as the official ones, with their members in another order than by name."""
    folder.mkdir()
    for action in ("handwaving", "boxing"):
        write_zip(folder / f"{action}.zip", of(action)[::-1])
    (folder / "00sequences.txt").write_bytes(listing(RANGES))
    return folder


def prepare(run: Run, path: Path, *more: str) -> int:
    return run("data", "prepare", "kth", "--from", str(path), "--no-verify", *more)


def refused(run: Run, path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What is said of files that cannot be prepared; nothing may be left of them."""
    assert prepare(run, path) == 2
    assert make_dataset("kth", {}).missing()
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said
