"""False positives and power of the marks over seeds, by simulation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from benchmarks.page import table
from lordbench.evaluation.statistics import pooled_error, student_test

SEEDS = 3, 6, 10
METHODS = 4
EFFECT = 2.0
"""True difference of the power, in standard deviations of the trainings of a pair."""
Values = npt.NDArray[np.float64]
ERRORS = {
    "normal": (1.0, 1),
    "heavy tails (t, 3 degrees)": (1.0, 1),
    "one method 5 x noisier: two others": (5.0, 1),
    "one method 5 x noisier: it and another": (5.0, METHODS - 1),
}
"""By the name of a kind of errors: noise of the last method, and which one the first is compared with."""


def intervals(trials: int) -> str:
    """Return a table: how often two of four methods differ significantly, if they are equal and if not."""
    header = ["errors", "seeds", *(f"{name}: {what}" for what in ("equal", "different") for name in RULES)]
    rows = []
    for kind, (noise, pair) in ERRORS.items():
        for n_seeds in SEEDS:
            generator = np.random.default_rng(n_seeds)
            shape = trials, METHODS, n_seeds
            if kind.startswith("heavy"):
                errors = generator.standard_t(3, size=shape) / np.sqrt(3)
            else:
                errors = generator.normal(size=shape)
            errors[:, -1] *= noise
            values = errors + 3 * generator.normal(size=(trials, 1, n_seeds))
            effect = EFFECT * np.sqrt((1 + (noise**2 if pair == METHODS - 1 else 1)) / 2)
            shares = []
            for shift in (0.0, effect):
                values[:, 0] += shift
                shares += [np.mean([rule(trial, pair) for trial in values]) for rule in RULES.values()]
            rows.append([kind, str(n_seeds), *(f"{100 * share:.1f} %" for share in shares)])
    return table(header, rows)


def overlap(values: Values, pair: int) -> bool:
    """Whether the intervals of two methods do not overlap: the former mark."""
    n_seeds = values.shape[1]
    reach = special.stdtrit(n_seeds - 1, 0.975) * values.std(axis=1, ddof=1) / np.sqrt(n_seeds)
    return bool(abs(values[0].mean() - values[pair].mean()) > reach[0] + reach[pair])


def paired(values: Values, pair: int) -> bool:
    """Whether a paired t test is significant: the former table of differences."""
    return student_test(values[0] - values[pair]).p < 0.05


def pooled(values: Values, pair: int) -> bool:
    """Whether the test with pooled error is significant: the mark."""
    error = pooled_error(values)
    return (
        student_test(values[0] - values[pair], error if error and {0, pair} <= error.methods else None).p
        < 0.05
    )


RULES = {"overlap": overlap, "paired t": paired, "pooled error": pooled}
