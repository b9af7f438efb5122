"""lordbench: a benchmark suite for class/content disentanglement.

In Python: `run`, `load_results`, `load_method`, `fit_method`, `load_dataset`, `image_set`; see docs/api.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lordbench.utils.lazy import lazy_names
from lordbench.utils.version import PROTOCOL_VERSION, __version__

if TYPE_CHECKING:
    from lordbench.api import fit_method, image_set, load_dataset, load_method, load_results, run
else:
    __getattr__, __dir__ = lazy_names(__name__, "api")

__all__ = [
    "PROTOCOL_VERSION",
    "__version__",
    "fit_method",
    "image_set",
    "load_dataset",
    "load_method",
    "load_results",
    "run",
]
