"""How class and content are made of the label columns of a prepared set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lordbench.images import Column, Int64Array


def combine(columns: Sequence[Column]) -> tuple[Int64Array, tuple[str, ...]]:
    """Make one label of several: ids int64 (N,) and the name of each id, such as `car 3 lighting 5`.

    Ids follow the order of the values, the first column counting most; only combinations that occur get one.
    """
    table = np.stack([column.values for column in columns], axis=1)
    present, ids = np.unique(table, axis=0, return_inverse=True)
    names = [
        " ".join(
            str(value) if column.names is None else column.names[value]
            for column, value in zip(columns, values, strict=True)
        )
        for values in present.tolist()
    ]
    return ids.reshape(-1).astype(np.int64), tuple(names)
