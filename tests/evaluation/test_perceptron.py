"""The perceptron: it takes scikit-learn's steps, and its gradients are those of its loss."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from lordbench.evaluation.probes import Perceptron


def data(n: int = 90, size: int = 6, n_labels: int = 4) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.normal(size=(n, size)).astype(np.float32), generator.permutation(np.arange(n) % n_labels)


@pytest.mark.parametrize("decay", [0.0, 1.0])
@pytest.mark.parametrize("n_labels", [4, 30])
def test_steps_are_those_of_scikit_learn(decay: float, n_labels: int) -> None:
    codes, labels = data(n_labels=n_labels)
    reference = MLPClassifier(
        (12,), alpha=decay, batch_size=40, learning_rate_init=3e-3, shuffle=False, random_state=0
    )
    reference.partial_fit(codes, labels, classes=np.arange(n_labels))
    ours = Perceptron(6, 12, n_labels, decay, 3e-3, np.random.default_rng(0))
    # Adam's state after that first epoch is copied, so that all later epochs must agree.
    ours.weights = [
        values.astype(np.float32).copy()
        for pair in zip(reference.coefs_, reference.intercepts_, strict=True)
        for values in pair
    ]
    optimizer = reference._optimizer
    ours.steps = optimizer.t
    for moments, reference_moments in ((ours.means, optimizer.ms), (ours.squares, optimizer.vs)):
        # scikit-learn's order: weights, then biases
        moments[:] = [reference_moments[i].astype(np.float32).copy() for i in (0, 2, 1, 3)]
    for _ in range(20):
        reference.partial_fit(codes, labels)
        for start in range(0, len(codes), 40):
            ours.step(codes[start : start + 40], labels[start : start + 40])
    np.testing.assert_allclose(ours.likelihoods(codes), reference.predict_proba(codes), atol=1e-4)
    np.testing.assert_array_equal(ours.predict(codes), reference.predict(codes))


def test_it_starts_as_scikit_learns_does() -> None:
    ours = Perceptron(50, 200, 30, 0.0, 1e-3, np.random.default_rng(0))
    for i, (inputs, outputs) in ((0, (50, 200)), (2, (200, 30))):
        bound = (6 / (inputs + outputs)) ** 0.5
        for weight in ours.weights[i : i + 2]:
            assert 0.8 * bound < np.abs(weight).max() <= bound
        assert ours.weights[i].std() == pytest.approx(bound / 3**0.5, rel=0.05)


def test_an_epoch_sees_every_code_once_in_random_order(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, labels = data()
    seen: list[np.ndarray] = []
    monkeypatch.setattr(Perceptron, "step", lambda self, batch, _: seen.append(batch[:, 0]))
    model = Perceptron(6, 12, 4, 0.0, 1e-3, np.random.default_rng(0))
    for _ in range(2):
        model.epoch(codes, labels, 40)
    assert [len(batch) for batch in seen] == [40, 40, 10] * 2
    first, second = np.concatenate(seen[:3]), np.concatenate(seen[3:])
    assert sorted(first) == sorted(second) == sorted(codes[:, 0])
    assert not np.array_equal(first, second)


def test_likelihoods_of_large_scores_are_finite() -> None:
    codes, _ = data()
    model = Perceptron(6, 12, 4, 0.0, 1e-3, np.random.default_rng(0))
    likelihoods = model.likelihoods(codes * 1e6)
    assert np.isfinite(likelihoods).all()
    np.testing.assert_allclose(likelihoods.sum(axis=1), 1, rtol=1e-5)
