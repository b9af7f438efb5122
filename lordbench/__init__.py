"""lordbench: a benchmark suite for class/content disentanglement.

In Python: `run`, `load_results`, `load_method`, `fit_method`, `load_dataset`, `image_set`; see docs/api.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lordbench.utils.version import PROTOCOL_VERSION, __version__

if TYPE_CHECKING:
    from lordbench.api import fit_method, image_set, load_dataset, load_method, load_results, run

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


def __getattr__(name: str) -> Any:
    # Not before it is asked for: the API needs torch, and `lordbench --help` should not wait for it.
    if name in __all__:
        from lordbench import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
