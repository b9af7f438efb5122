"""The contract of a method, and its training: batches, optimizers, phases, budget, checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lordbench.utils.lazy import lazy_names

if TYPE_CHECKING:
    from lordbench.training.batches import Batch, Batches, GroupedBatches, ShuffledBatches, another_class
    from lordbench.training.checkpoints import CheckpointStore
    from lordbench.training.loop import Budget, Context, Loss, Phase, Reporter, Update
    from lordbench.training.method import Codes, Control, DataSpec, Method, MethodConfig
    from lordbench.training.optimizers import RowAdam, adam
    from lordbench.training.precision import Precision
    from lordbench.training.ranges import Choice, Range, ranges_of
else:
    __getattr__, __dir__ = lazy_names(
        __name__, "method", "loop", "batches", "optimizers", "precision", "checkpoints", "ranges"
    )

__all__ = [
    "Batch",
    "Batches",
    "Codes",
    "Control",
    "DataSpec",
    "GroupedBatches",
    "Method",
    "MethodConfig",
    "ShuffledBatches",
]
__all__ += ["Budget", "CheckpointStore", "Context", "Loss", "Phase", "Precision", "Reporter", "Update"]
__all__ += ["Choice", "Range", "RowAdam", "adam", "another_class", "ranges_of"]
