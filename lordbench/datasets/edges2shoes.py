"""edges2shoes: photographs of shoes and their edges, from pix2pix (Isola et al., 2017)."""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from lordbench.data import Column, UInt8Array
from lordbench.datasets.published.dataset import Labels, PublishedDataset, combine, resized
from lordbench.datasets.published.decoding import decoded, n_chunks
from lordbench.datasets.published.source import OfficialFile, Source
from lordbench.datasets.published.store import Draft
from lordbench.utils.errors import UserError

SITE = "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/edges2shoes.tar.gz"
ARCHIVE = OfficialFile("edges2shoes.tar.gz", url=SITE)
SPLITS = ("train", "val")  # in the order of TRAIN and TEST: the held-out part is called val
PATTERN = r"(\d+)_AB\.jpg"
SIDE = 256
DOMAINS = ("edge", "shoe")  # the left and the right half of every file
WHITE, LEAST_WHITE = 224, 0.7  # levels of the paper, and its share of a drawing
MOST_COLOUR = 4  # mean difference of a drawing's channels, in levels: JPEG leaves a little
LIMIT = 4 << 20  # bytes of the largest file that is read; official ones have tens of thousands


class Edges2shoes(PublishedDataset):
    """Class = domain (edge or shoe), content = the pair. RGB, from 256 x 256 pixels.

    The column `split` of the store is the official split; pairs are in the order train, val, number.
    """

    summary: ClassVar[str] = "Edges2Shoes; class = domain (edge / shoe), content = the pair (50,025)"
    name: ClassVar[str] = "edges2shoes"
    official: ClassVar[tuple[OfficialFile, ...]] = (ARCHIVE,)
    site: ClassVar[str] = SITE
    n_images: ClassVar[int] = len(DOMAINS) * (49_825 + 200)

    def draft(self, source: Source) -> Draft:
        """Read `edges2shoes/{train,val}/*_AB.jpg`, 512 x 256 pixels: the edges left, the shoe right."""
        members = source.members(ARCHIVE)
        by_split = [members.matching((f"edges2shoes/{split}", split), PATTERN) for split in SPLITS]
        if not all(by_split):
            raise source.not_found("edges2shoes/train/*_AB.jpg or edges2shoes/val/*_AB.jpg")
        names = [name for of_split in by_split for name in of_split.values()]
        pairs = [f"{split} {key}" for split, keys in zip(SPLITS, by_split, strict=True) for key in keys]
        pair, domain = (grid.ravel() for grid in np.indices((len(names), len(DOMAINS)), dtype=np.int64))
        split = (pair >= len(by_split[0])).astype(np.int64)
        columns = {"split": Column(split, SPLITS), "domain": Column(domain, DOMAINS)}
        columns["pair"] = Column(pair, tuple(pairs))
        size = self.config.resolution
        halve = partial(_halves, size=size)
        files = decoded(members, names, LIMIT, (2 * SIDE, SIDE), halve, source.workers)
        rows_of = np.arange(len(pair)).reshape(-1, len(DOMAINS))
        blocks = ((rows_of[places].reshape(-1), images) for places, images in files)
        return Draft(columns, (3, size, size), blocks, n_chunks(len(names), (2 * SIDE, SIDE)))

    def labels(self, columns: dict[str, Column]) -> Labels:
        """Class = domain, content = pair; the official split holds out the pairs of `val`."""
        domain, pair = combine([columns["domain"]]), combine([columns["pair"]])
        attributes = {name: columns[name] for name in ("domain", "pair")}
        return Labels(domain, pair, columns["split"].values, attributes)


def _halves(names: Sequence[str], images: UInt8Array, size: int) -> UInt8Array:
    """Split images, (n, 3, 256, 512), into alternating left and right halves, (2 n, 3, size, size)."""
    halves = np.stack([images[..., :SIDE], images[..., SIDE:]], axis=1)
    drawings = _are_drawings(halves)
    if (drawings[:, 1] & ~drawings[:, 0]).mean() > 0.5:
        raise UserError(
            f"{names[0]}: the edges are on the right, in the official files on the left",
            "The halves of this copy are swapped. Get the official files from their owners.",
        )
    return resized(halves.reshape(-1, *halves.shape[2:]), size)


def _are_drawings(images: UInt8Array) -> npt.NDArray[np.bool_]:
    """Say which images, (..., 3, S, S), are drawings of lines, colourless and mostly white: bool, (...)."""
    pixels = images[..., ::4, ::4].astype(np.int16)
    colour = np.ptp(pixels, axis=-3).mean(axis=(-2, -1))
    white = (pixels > WHITE).all(axis=-3).mean(axis=(-2, -1))
    drawings: npt.NDArray[np.bool_] = (colour < MOST_COLOUR) & (white > LEAST_WHITE)
    return drawings
