"""KTH's `00sequences.txt`: which frames of each video show the action.

A line such as `person01_boxing_d1  frames  1-95, 96-185` gives the sequences of a video: the first and the
last frame of each, counted from 1. `person13_handclapping_d3  *missing*` says that there is no such video.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from lordbench import files
from lordbench.images import Int64Array
from lordbench.prepared.members import damaged

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
