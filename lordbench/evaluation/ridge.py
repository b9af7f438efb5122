"""Ridge regression from codes onto many targets at once: labels as one-hot columns, and numbers."""

from collections.abc import Sequence

import numpy as np
from sklearn.kernel_approximation import Nystroem

from lordbench.data.images import Int64Array
from lordbench.evaluation.metric import Float32Array, Float64Array
from lordbench.evaluation.probes import HELD_OUT, held_out, standardise
from lordbench.utils import seeds
from lordbench.utils.parallel import one_thread

PENALTIES = tuple(10.0**power for power in range(-1, 5))
FEATURES, WIDTH = 200, 0.3
"""Number of kernel features, and the factor of the squared distance, divided by the number of dimensions."""
POLICY = (
    f"ridge regression on standardised codes and {FEATURES} features of a Gaussian kernel (Nyström, "
    f"w = {WIDTH:g}); penalty of {PENALTIES[0]:g} to {PENALTIES[-1]:g}, "
    f"chosen on {HELD_OUT:.0%} of the groups"
)


class Ridge:
    """Least squares with a penalty; the matrix is decomposed once for all targets and penalties."""

    def __init__(self, features: Float64Array) -> None:
        """Take features, (N, F)."""
        self.mean = features.mean(axis=0)
        self.features = features - self.mean
        self.values, self.vectors = np.linalg.eigh(self.features.T @ self.features)

    def predict(self, target: Float64Array, features: Float64Array, penalty: float) -> Float64Array:
        """Fit a target, (N, K), and predict it for other features, (M, F): (M, K)."""
        mean = target.mean(axis=0)
        along = self.vectors.T @ (self.features.T @ (target - mean))
        solution = self.vectors @ (along / (self.values.clip(min=0) + penalty)[:, None])
        predicted: Float64Array = (features - self.mean) @ solution + mean
        return predicted


def predict(
    train: Float32Array, targets: Sequence[Float64Array], groups: Int64Array, test: Float32Array, seed: int
) -> list[Float64Array]:
    """Predict several targets, each with a penalty of its own.

    Args:
        train: codes, (N, D).
        targets: (N, K) each.
        groups: int64 (N,): values of another label, held out whole to choose the penalties.
        test: other codes, (M, D).
        seed: of all draws.

    Returns:
        Predictions, float64 (M, K) each.
    """
    held = held_out(groups, groups, seeds.numpy_generator(seed, "held out"))
    rest = ~held | held.all()
    with one_thread():
        own, other = standardise(train, test)
        # Where codes repeat, the kernel's matrix is singular: in float32 its rounding would become features.
        near, far = _features(own.astype(np.float64), other.astype(np.float64), seed % 2**32)
        trial, final = Ridge(near[rest]), Ridge(near)
        predictions = []
        for target in targets:
            errors = [
                np.square(trial.predict(target[rest], near[held], penalty) - target[held]).sum()
                for penalty in PENALTIES
            ]
            predictions.append(final.predict(target, far, PENALTIES[int(np.argmin(errors))]))
    return predictions


def _features(train: Float64Array, test: Float64Array, state: int) -> tuple[Float64Array, Float64Array]:
    """Append kernel features to standardised codes, (N, D) and (M, D), with as large a variance in total."""
    n_varying = max(1, int((train != 0).any(axis=0).sum()))
    kernel = Nystroem(
        gamma=WIDTH / n_varying, n_components=min(FEATURES, len(train)), random_state=state
    ).fit(train)
    own, other = kernel.transform(train), kernel.transform(test)
    scale = np.sqrt(n_varying / max(own.var(axis=0).sum(), 1e-12))
    near, far = (
        np.concatenate([codes, scale * features], axis=1) for codes, features in ((train, own), (test, other))
    )
    return near, far
