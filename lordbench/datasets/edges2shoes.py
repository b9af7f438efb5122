"""edges2shoes: shoes and their edges, from the archive of pix2pix (Isola et al., 2017)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import ClassVar

import numpy as np
from PIL import Image

from lordbench.images import UInt8Array
from lordbench.prepared.dataset import Labels, PreparedDataset
from lordbench.prepared.decoding import decoded
from lordbench.prepared.labels import Column, combine
from lordbench.prepared.resizing import resized_picture
from lordbench.prepared.source import OfficialFile, Source
from lordbench.prepared.store import Draft

ARCHIVE = OfficialFile("edges2shoes.tar.gz")
SPLITS = ("train", "val")
PATTERN = r"(\d+)_AB\.jpg"
SIDE = 256
DOMAINS = ("edge", "shoe")
"""The left and the right half of every file."""
LIMIT = 4 << 20
"""Bytes of the largest file that is read; an official one has some tens of thousands."""


class Edges2shoes(PreparedDataset):
    """Class = domain (edge or shoe), content = the pair. RGB, from 256 x 256 pixels.

    The column `split` of the store keeps the official split; pairs are in the order train, val, number.
    """

    summary: ClassVar[str] = "Edges2Shoes; class = domain (edge / shoe), content = the pair (50,025)"
    name: ClassVar[str] = "edges2shoes"
    official: ClassVar[tuple[OfficialFile, ...]] = (ARCHIVE,)
    site: ClassVar[str] = "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/edges2shoes.tar.gz"
    n_images: ClassVar[int] = len(DOMAINS) * (49_825 + 200)

    def draft(self, source: Source) -> Draft:
        """Read `edges2shoes/{train,val}/*_AB.jpg`, 512 x 256 pixels: the edges left, the shoe right."""
        members = source.members(ARCHIVE)
        found = [members.matching((f"edges2shoes/{split}", split), PATTERN) for split in SPLITS]
        if not all(found):
            raise source.lacking("edges2shoes/train/*_AB.jpg or edges2shoes/val/*_AB.jpg")
        names = [name for of_split in found for name in of_split.values()]
        pairs = [f"{split} {key}" for split, keys in zip(SPLITS, found, strict=True) for key in keys]
        split = np.repeat(np.arange(len(SPLITS), dtype=np.int64), [len(keys) for keys in found])
        n = len(names)
        columns = {
            "split": Column(np.repeat(split, len(DOMAINS)), SPLITS),
            "domain": Column(np.tile(np.arange(len(DOMAINS), dtype=np.int64), n), DOMAINS),
            "pair": Column(np.repeat(np.arange(n, dtype=np.int64), len(DOMAINS)), tuple(pairs)),
        }
        row = {name: i * len(DOMAINS) for i, name in enumerate(names)}
        size = self.config.resolution

        def blocks() -> Iterator[tuple[int, UInt8Array]]:
            stream = members.read(names, LIMIT)
            halves = decoded(
                stream, members.place, (2 * SIDE, SIDE), partial(_halves, size=size), source.workers
            )
            for name, images in halves:
                yield row[name], images

        return Draft(columns, (3, size, size), blocks(), n)

    def labels(self, columns: dict[str, Column]) -> Labels:
        """Class = domain, content = pair."""
        return Labels(combine([columns["domain"]]), combine([columns["pair"]]))


def _halves(picture: Image.Image, size: int) -> UInt8Array:
    """Cut a file in two: uint8, (2, 3, size, size)."""
    return np.stack([resized_picture(picture.crop((left, 0, left + SIDE, SIDE)), size) for left in (0, SIDE)])
