"""Template of a data set: discs and squares in six colours (the class) at different places (the content).

A folder of images needs no plug-in: see `lordbench run --dataset folder:PATH --pattern ...`.
"""

from typing import ClassVar

import numpy as np
from pydantic import Field

from lordbench.data import Dataset, DatasetConfig, ImageSet, fingerprint
from lordbench.utils.progress import Track, untracked

VERSION = "mine-1"
"""Part of the fingerprint, which identifies the data in results: raise it when pixels or labels change."""
COLOURS = ((230, 60, 50), (60, 170, 70), (60, 90, 220), (230, 190, 50), (170, 70, 190), (60, 190, 200))


class MineConfig(DatasetConfig):
    """Settings; `--dataset "FILE.py[places=8]"` changes one.

    Attributes:
        places: number of places that a figure can be at.
    """

    places: int = Field(12, ge=2, le=100)


class Mine(Dataset):
    """One class per file. The file name is the name of the data set; the class name does not matter."""

    summary: ClassVar[str] = "discs and squares in six colours; class = figure and colour, content = place"
    Config = MineConfig
    config: MineConfig

    def missing(self) -> str:
        """Say which files must be put where before `load` can work; empty when nothing is missing."""
        return ""

    def load(self, size: int, track: Track[int] = untracked) -> ImageSet:
        """Load the images at `size` x `size` pixels. `track` shows a progress bar if that takes long."""
        figures = [(shape, colour) for shape in ("disc", "square") for colour in range(len(COLOURS))]
        places = range(self.config.places)
        y, x = (np.mgrid[:size, :size] + 0.5) / size
        # uint8, (N, C, S, S), with C of 1 or 3.
        images = np.full((len(figures) * len(places), 3, size, size), 255, np.uint8)
        for n in track(range(len(images)), "drawing figures", len(images)):
            figure, place = divmod(n, len(places))
            angle = 2 * np.pi * place / len(places)
            dx, dy = np.abs(x - 0.5 - 0.25 * np.cos(angle)), np.abs(y - 0.5 - 0.25 * np.sin(angle))
            shape, colour = figures[figure]
            inside = dx**2 + dy**2 < 0.03 if shape == "disc" else np.maximum(dx, dy) < 0.15
            images[n][:, inside] = np.array(COLOURS[colour], np.uint8)[:, None]
        # Labels are int64 (N,), numbered from 0. If the content is not labelled, contents and content_names
        # are None; everything that needs no true image is still measured.
        classes = np.repeat(np.arange(len(figures)), len(places))
        contents = np.tile(np.arange(len(places)), len(figures))
        return ImageSet(
            name="mine",
            images=images,
            classes=classes,
            contents=contents,
            class_names=tuple(f"{shape} {colour}" for shape, colour in figures),
            content_names=tuple(f"place {place}" for place in places),
            fingerprint=fingerprint(images, classes, contents, VERSION),
        )
