"""Critical-difference diagrams: mean ranks over blocks, bars, and what cannot be ranked."""

from __future__ import annotations

import pandas as pd
import pytest
from synthetic import cell, measured

from lordbench.report.figures import ranks
from lordbench.utils.errors import UserError


def rows(n_seeds: int = 3) -> pd.DataFrame:
    values = {"lord": 0.1, "drnet": 0.2, "mlvae": 0.3}
    return pd.concat(
        [cell(measured(value, None), method=name, seed=seed) for name, value in values.items()
         for seed in range(n_seeds)],
        ignore_index=True,
    )  # fmt: skip


def test_methods_stand_at_their_mean_ranks() -> None:
    drawn = ranks(rows())
    (ax,) = drawn.figure.axes
    at = {
        line.get_label(): line.get_xdata()[0] for line in ax.lines if line.get_marker() not in ("None", "|")
    }
    assert at == {"lord": 1, "drnet": 2, "mlvae": 3}
    assert "lord 1.00, drnet 2.00, mlvae 3.00" in drawn.words
    # Three methods in three blocks: CD = 2.343 sqrt(3 * 4 / 18).
    assert "CD 1.91" in drawn.words
    assert "Not significantly different: lord and drnet; drnet and mlvae." in drawn.words


def test_one_block_has_no_critical_difference() -> None:
    with pytest.raises(UserError, match="not 1") as caught:
        ranks(rows(1))
    assert "--seeds" in caught.value.hint


def test_one_method_has_no_rank() -> None:
    with pytest.raises(UserError, match="two methods"):
        ranks(rows().query("method == 'lord'"))
