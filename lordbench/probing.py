"""What probes share: scaling of codes, and the one thread they run on."""

from __future__ import annotations

import contextlib

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

Codes = npt.NDArray[np.float32]


def standardise(train: Codes, test: Codes) -> tuple[Codes, Codes]:
    """Bring codes, (N, D) and (M, D), to zero mean and unit deviation over the training codes: float32.

    A dimension that does not vary in training tells nothing; it becomes zero in both.
    """
    mean = train.mean(axis=0, dtype=np.float64)
    deviation = train.std(axis=0, dtype=np.float64)
    # Values that are equal but for rounding must not be blown up to unit deviation.
    varies = deviation > 1e-6 * np.abs(mean)
    scale = np.where(varies, 1 / np.where(varies, deviation, 1), 0)
    return ((train - mean) * scale).astype(np.float32), ((test - mean) * scale).astype(np.float32)


def one_thread() -> contextlib.AbstractContextManager[object]:
    """Keep linear algebra on one thread.

    On matrices as small as these, threads can cost a hundred times what they save, and the order of their
    sums depends on the machine.
    """
    limits: contextlib.AbstractContextManager[object] = threadpool_limits(1)
    return limits
