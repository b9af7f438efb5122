"""The columns of a results CSV brought to their types: what others wrote may hold anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from lordbench.results.row import ColumnType


def typed(values: pd.Series[Any], kind: ColumnType) -> pd.Series[Any]:
    """Bring a column to its type.

    Args:
        values: as `row.read_csv` reads them.
        kind: as `row.column_types` calls it. Numbers are finite, or NaN for what there is not; whole numbers
            have 64 bits; truth values may be missing, text may not.

    Raises:
        ValueError: some values are of another type.
    """
    return CHECKS[kind](values)


def _text(values: pd.Series[Any]) -> pd.Series[Any]:
    if values.isna().any():
        raise ValueError("a line is cut short")
    return values


def _whole_numbers(values: pd.Series[Any]) -> pd.Series[Any]:
    numbers = pd.to_numeric(values)
    if len(numbers) and numbers.dtype != "int64":
        raise ValueError("not all are whole numbers of 64 bits")
    return numbers


def _numbers(values: pd.Series[Any]) -> pd.Series[Any]:
    numbers = pd.to_numeric(values)
    if numbers.dtype == bool or np.isinf(numbers.to_numpy("float64")).any():
        raise ValueError("not all are finite numbers")
    return numbers


def _truth_values(values: pd.Series[Any]) -> pd.Series[Any]:
    if not values.dropna().isin([True, False]).all():
        raise ValueError("neither True nor False nor empty")
    return values


CHECKS: dict[ColumnType, Callable[[pd.Series[Any]], pd.Series[Any]]] = {
    "text": _text,
    "whole number": _whole_numbers,
    "number": _numbers,
    "truth value": _truth_values,
}
