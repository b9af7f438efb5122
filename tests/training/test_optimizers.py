"""RowAdam: the codes of dense Adam, at the cost of the rows of the batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lordbench.training.loop import cosine
from lordbench.training.optimizers import RowAdam

ROWS, SIZE, BATCH, STEPS, RATE = 40, 5, 6, 300, 3e-2
BETAS = [(0.5, 0.999), (0.9, 0.999), (0.0, 0.9), (0.9, 0.83)]


def draws(steps: int = STEPS) -> list[Tensor]:
    """Rows of each step; some come twice in a batch, some not for a long time."""
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(0, ROWS, (BATCH,), generator=generator) for _ in range(steps)]


def table(sparse: bool) -> nn.Embedding:
    codes = nn.Embedding(ROWS, SIZE, sparse=sparse).double()
    with torch.no_grad():
        codes.weight.copy_(torch.linspace(-1, 1, ROWS * SIZE).view(ROWS, SIZE).sin())
    return codes


def train(
    codes: nn.Embedding,
    optimizer: torch.optim.Optimizer,
    first: int = 0,
    last: int = STEPS,
    scale: float = 1.0,
) -> None:
    """Pull each row towards its own target, with a falling rate."""
    targets = torch.linspace(1, 3, ROWS * SIZE, dtype=torch.float64).view(ROWS, SIZE).cos()
    for step, rows in enumerate(draws()):
        if not first <= step < last:
            continue
        for group in optimizer.param_groups:
            group["lr"] = cosine(RATE, 1e-4, step / STEPS)
        optimizer.zero_grad(set_to_none=True)
        (scale * (codes(rows) - targets[rows]).square().mean()).backward()
        optimizer.step()


def dense(betas: tuple[float, float], scale: float = 1.0) -> Tensor:
    codes = table(sparse=False)
    train(codes, torch.optim.Adam(codes.parameters(), RATE, betas), scale=scale)
    return codes.weight.detach()


class TestEqualsDenseAdam:
    @pytest.mark.parametrize("betas", BETAS)
    # At the small scale gradients are about as large as Adam's epsilon.
    @pytest.mark.parametrize("scale", [1.0, 1e-6])
    def test_after_training(self, betas: tuple[float, float], scale: float) -> None:
        codes = table(sparse=True)
        optimizer = RowAdam([codes], RATE, betas)
        train(codes, optimizer, scale=scale)
        optimizer.finish()
        assert torch.allclose(codes.weight, dense(betas, scale), atol=1e-8)

    def test_whenever_a_row_is_looked_up(self) -> None:
        ours, theirs = table(sparse=True), table(sparse=False)
        train(ours, RowAdam([ours], RATE, BETAS[1]), last=200)
        train(theirs, torch.optim.Adam(theirs.parameters(), RATE, BETAS[1]), last=200)
        rows = torch.tensor([3, 3, 17, 0])
        assert torch.allclose(ours(rows), theirs(rows), atol=1e-8)

    def test_sparse_adam_differs(self) -> None:
        codes = table(sparse=True)
        train(codes, torch.optim.SparseAdam(codes.parameters(), RATE, BETAS[1]))
        assert (codes.weight - dense(BETAS[1])).abs().max() > 0.1

    def test_in_float32_to_rounding(self) -> None:
        codes = table(sparse=True).float()
        optimizer = RowAdam([codes], RATE, BETAS[0])
        train(codes, optimizer)
        optimizer.finish()
        assert torch.allclose(codes.weight.double(), dense(BETAS[0]), atol=1e-5)


def test_a_saved_state_resumes() -> None:
    whole = table(sparse=True)
    optimizer = RowAdam([whole], RATE, BETAS[0])
    train(whole, optimizer)
    first = table(sparse=True)
    broken = RowAdam([first], RATE, BETAS[0])
    train(first, broken, last=120)
    second = table(sparse=True)
    second.load_state_dict(first.state_dict())
    resumed = RowAdam([second], RATE, BETAS[0])
    resumed.load_state_dict(broken.state_dict())
    train(second, resumed, first=120)
    optimizer.finish()
    resumed.finish()
    assert torch.equal(whole.weight, second.weight)


def test_a_step_touches_the_rows_of_its_batch_only() -> None:
    codes = table(sparse=True)
    optimizer = RowAdam([codes], RATE, BETAS[0])
    train(codes, optimizer, last=50)
    before = codes.weight.detach().clone()
    train(codes, optimizer, first=50, last=51)
    moved = (codes.weight != before).any(dim=1).nonzero().flatten().tolist()
    assert moved == sorted(set(draws()[50].tolist()))


def test_dense_tables_are_refused() -> None:
    with pytest.raises(ValueError, match="sparse"):
        RowAdam([table(sparse=False)], RATE, BETAS[0])


def test_motion_that_would_never_fade_is_refused() -> None:
    with pytest.raises(ValueError, match="never fade"):
        RowAdam([table(sparse=True)], RATE, (0.9, 0.81))


def test_more_steps_than_the_list_of_rates_had_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lordbench.training.optimizers.FIRST_STEPS", 4)
    codes: Any = table(sparse=True)
    optimizer = RowAdam([codes], RATE, BETAS[1])
    train(codes, optimizer)
    optimizer.finish()
    assert torch.allclose(codes.weight, dense(BETAS[1]), atol=1e-8)


def test_a_finished_table_is_an_ordinary_one() -> None:
    codes = table(sparse=True)
    optimizer = RowAdam([codes], RATE, BETAS[0])
    train(codes, optimizer)
    optimizer.finish()
    assert not codes._forward_pre_hooks
    assert not optimizer.state
