"""Optimizers: fused Adam for networks, and RowAdam for tables of latent codes."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

EPSILON = 1e-8
FADED = 2.0**-30
"""Share of its speed below which a row counts as at rest."""
BLOCK = 512
"""Rows that `finish` updates at a time: it holds their values of every missed step."""
FIRST_STEPS = 1024


class RowAdam(torch.optim.Optimizer):
    """Adam (Kingma & Ba 2015) on embedding tables, equal to dense Adam up to rounding.

    Dense Adam moves every row at every step: rows without a gradient move by their decaying moments. That
    motion has a closed form, so a row's missed steps are applied when it is next looked up. The cost of a
    step does not depend on the size of the table. An optimizer that skips the other rows, such as
    SparseAdam, gives different codes: without the decay, the second moment of a row seen once in K steps is
    up to K times as large, and its steps are shorter.

    Tables, which need `sparse=True`, are brought up to date when they are called. Read their `weight` only
    after `finish`. The learning rate may change between steps.
    """

    def __init__(self, tables: Sequence[nn.Embedding], rate: float, betas: tuple[float, float]) -> None:
        super().__init__([table.weight for table in tables], {"lr": rate, "betas": betas})
        # The denominator decays as well, with the root of the second moment.
        fading = betas[0] / math.sqrt(betas[1])
        if not 0 <= fading < 1:
            raise ValueError(f"betas of {betas}: the motion of a row would never fade")
        self.horizon = max(1, math.ceil(math.log(FADED) / math.log(fading))) if fading else 1
        if not all(table.sparse for table in tables):
            raise ValueError("RowAdam needs tables with sparse=True")
        self.hooks = [table.register_forward_pre_hook(self._before_lookup) for table in tables]

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Move the rows that have a gradient; `closure` is not supported."""
        assert closure is None
        for group in self.param_groups:
            first, second = group["betas"]
            for table in group["params"]:
                state = self._state(table)
                step = int(state["step"]) + 1
                state["step"].fill_(step)
                if step >= len(state["rates"]):
                    state["rates"] = torch.cat([state["rates"], torch.zeros_like(state["rates"])])
                state["rates"][step] = group["lr"]
                if table.grad is None:
                    continue
                rows, values = _summed(table.grad)
                mean = state["exp_avg"][rows].lerp_(values, 1 - first)
                square = state["exp_avg_sq"][rows].mul_(second).addcmul_(values, values, value=1 - second)
                root = (square / (1 - second**step)).sqrt_().add_(EPSILON)
                # Where a row is repeated, the same values are written again.
                table[rows] -= group["lr"] / (1 - first**step) * mean / root
                state["exp_avg"][rows], state["exp_avg_sq"][rows] = mean, square
                state["seen"][rows] = step

    @torch.no_grad()
    def finish(self) -> None:
        """Bring all rows up to date after training, and release tables and moments."""
        for table in list(self.state):
            for rows in torch.arange(len(table), device=table.device).split(BLOCK):
                self._catch_up(table, rows)
        for hook in self.hooks:
            hook.remove()
        self.state.clear()

    @torch.no_grad()
    def _before_lookup(self, table: nn.Module, arguments: tuple[Any, ...]) -> None:
        assert isinstance(table, nn.Embedding)
        if table.weight in self.state:
            self._catch_up(table.weight, arguments[0].reshape(-1))

    def _catch_up(self, table: Tensor, rows: Tensor) -> None:
        """Apply the missed steps of rows, int64 (B,), which may repeat."""
        state = self._state(table)
        first, second = self.param_groups[0]["betas"]
        seen, mean, square = (state[name][rows] for name in ("seen", "exp_avg", "exp_avg_sq"))
        missed = state["step"] - seen
        # (missed steps, rows); the first follows the last step applied.
        ago = torch.arange(1, self.horizon + 1, device=seen.device, dtype=seen.dtype)[:, None]
        step = (seen + ago).clamp(max=len(state["rates"]) - 1)
        rate = torch.where(ago <= missed, state["rates"][step.long()], 0)
        strength = rate * first**ago / (1 - first**step)
        spread = (second**ago / (1 - second**step)).sqrt()
        root = square.sqrt()
        # Not on a GPU, where it would force a synchronization.
        if table.device.type == "cpu":
            longest = int(missed.max()) if len(missed) else 0
            strength, spread = strength[:longest], spread[:longest]
        table[rows] -= (strength[..., None] * mean / (spread[..., None] * root + EPSILON)).sum(dim=0)
        state["exp_avg"][rows] = mean * (first ** missed[:, None])
        state["exp_avg_sq"][rows] = square * (second ** missed[:, None])
        state["seen"][rows] = seen + missed

    def _state(self, table: Tensor) -> dict[str, Tensor]:
        """State of a table, in the table's dtype, to which loading a state converts all of it but `step`."""
        state: dict[str, Tensor] = self.state[table]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(table), torch.zeros_like(table)
            # Last step applied to each row; whole numbers are exact up to 2 ** 24.
            state["seen"] = table.new_zeros(len(table))
            state["rates"] = table.new_zeros(FIRST_STEPS)
        return state


def _summed(grad: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of a sparse gradient, int64 (B,), which may repeat, and the sum over equal rows of each, (B, D).

    `coalesce` would give each row once, but a GPU would have to wait until the number of rows is known.
    """
    rows, values = grad._indices()[0], grad._values()
    first = (rows[:, None] == rows).int().argmax(dim=1)
    return rows, torch.zeros_like(values).index_add_(0, first, values)[first]


def adam(rates: Sequence[tuple[nn.Module, float]], betas: tuple[float, float]) -> torch.optim.Adam:
    """Return a fused Adam over modules, each with its learning rate."""
    groups = [{"params": list(module.parameters()), "lr": rate} for module, rate in rates]
    return torch.optim.Adam(groups, betas=betas, fused=True)
