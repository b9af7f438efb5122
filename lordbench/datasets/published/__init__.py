"""Published data sets, prepared once: from their official files to a memory-mapped store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lordbench.utils.lazy import lazy_names

if TYPE_CHECKING:
    from lordbench.datasets.published.dataset import (
        Labels,
        PublishedConfig,
        PublishedDataset,
        combine,
        resized,
    )
    from lordbench.datasets.published.decoding import decoded, n_chunks
    from lordbench.datasets.published.source import OfficialFile, Source
    from lordbench.datasets.published.store import Draft
else:
    __getattr__, __dir__ = lazy_names(__name__, "dataset", "source", "store", "decoding")

__all__ = [
    "Draft",
    "Labels",
    "OfficialFile",
    "PublishedConfig",
    "PublishedDataset",
    "Source",
    "combine",
    "decoded",
    "n_chunks",
    "resized",
]
