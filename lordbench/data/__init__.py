"""Images with their labels, data sets, splits, and pairs of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lordbench.utils.lazy import lazy_names

if TYPE_CHECKING:
    from lordbench.data.dataset import Dataset, DatasetConfig
    from lordbench.data.images import (
        TEST,
        TRAIN,
        UNUSED,
        Column,
        ImageSet,
        Int64Array,
        UInt8Array,
        fingerprint,
        flattened,
        join,
        number_labels,
    )
    from lordbench.data.pairs import Pairs, draw_pairs, true_images
    from lordbench.data.splits import Split, SplitName
else:
    __getattr__, __dir__ = lazy_names(__name__, "images", "dataset", "splits", "pairs")

__all__ = [
    "TEST",
    "TRAIN",
    "UNUSED",
    "Column",
    "Dataset",
    "DatasetConfig",
    "ImageSet",
    "Int64Array",
    "Pairs",
    "Split",
    "SplitName",
    "UInt8Array",
    "draw_pairs",
    "fingerprint",
    "flattened",
    "join",
    "number_labels",
    "true_images",
]
