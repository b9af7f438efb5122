"""lordbench: a benchmark suite for class/content disentanglement.

In Python: `run` trains and measures; `leaderboard`, `differences`, `figure`, `write_report` and
`load_results` show results; `load_method`, `fit_method`, `load_dataset` and `image_set` give trained methods
and images to work with. See docs/api.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lordbench.utils.lazy import lazy_names
from lordbench.utils.version import PROTOCOL_VERSION, __version__

if TYPE_CHECKING:
    from lordbench.api import fit_method, image_set, load_dataset, load_method, run
    from lordbench.report.notebook import differences, figure, leaderboard, load_results, write_report
else:
    # Reading results needs no torch, so those functions come first.
    __getattr__, __dir__ = lazy_names(__name__, "report.notebook", "api")

__all__ = [
    "PROTOCOL_VERSION",
    "__version__",
    "differences",
    "figure",
    "fit_method",
    "image_set",
    "leaderboard",
    "load_dataset",
    "load_method",
    "load_results",
    "run",
    "write_report",
]
