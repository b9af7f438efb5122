"""Probes: they predict what codes reveal, are at chance otherwise, and accept odd codes without warnings."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import special
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lordbench.evaluation.metric import Prediction, Probe, ProbeTask
from lordbench.evaluation.probes import choose, collate, held_out, standardise

NAMES = ("probe_linear", "probe_kernel", "probe_mlp")
CPU = torch.device("cpu")


@pytest.fixture(params=NAMES)
def probe(request: pytest.FixtureRequest, metric_class: Callable[[str], type]) -> Probe:
    return metric_class(request.param)()


def clusters(n: int, n_labels: int, spread: float, seed: int = 0, size: int = 32) -> tuple:
    """Codes float32 (n, size) around one centre a label, and int64 labels (n,)."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, n_labels, n)
    centres = np.random.default_rng(99).normal(size=(n_labels, size))
    return (centres[labels] + spread * generator.normal(size=(n, size))).astype(np.float32), labels


def accuracy(probe: Probe, train: tuple, test: tuple, seed: int = 0) -> float:
    return float(np.mean(probe.predict(*train, test[0], seed) == test[1]))


def fit_predict(probe: Probe, train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> Prediction:
    """The prediction of one task with one labelling, and no other label."""
    return probe.predict_all([ProbeTask(train, labels[None], None, test, 0)], CPU)[0][0]


def fit_logistic(
    metric_class: Callable[[str], type], codes: np.ndarray, labels: np.ndarray, strength: float, n: int
) -> np.ndarray:
    """Weights and biases, (D + 1, K), after n iterations of the linear probe on standardised codes."""
    module = sys.modules[metric_class("probe_linear").__module__]
    batch = collate([ProbeTask(codes, labels[None], None, codes[:1], 0)], CPU)
    weights = module.logistic(batch, batch.all, torch.full((1, 1), strength), n)
    return weights[0, 0].double().numpy()


def objective(weights: np.ndarray, codes: np.ndarray, labels: np.ndarray, strength: float) -> float:
    """Log loss of a code with its share of the penalty, in nats."""
    scores = codes.astype(np.float64) @ weights[:-1] + weights[-1]
    losses = special.logsumexp(scores, axis=1) - scores[np.arange(len(codes)), labels]
    return float(losses.mean() + np.square(weights[:-1]).sum() / (2 * strength * len(codes)))


def odd_codes(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Standardised codes float32 (400, 16) on which steps are easily too long, and labels int64 (400,)."""
    generator = np.random.default_rng(0)
    codes, labels = clusters(400, 6, 1.0, size=16)
    if kind == "heavy tails":
        codes *= np.exp(3 * generator.normal(size=codes.shape))
    elif kind == "outlier":
        codes[0] *= 1e4
    elif kind == "rare values":
        codes = (codes > 2.5).astype(np.float32)
    elif kind == "copies":
        codes = codes[:, :2] @ generator.normal(size=(2, 16)).astype(np.float32)
    elif kind == "separate":
        codes, labels = clusters(400, 6, 1e-3, size=16)
    elif kind == "constant":
        codes[:] = 1
    return standardise(codes, codes)[0], labels


class TestAccuracy:
    def test_separate_clusters_are_predicted(self, probe: Probe) -> None:
        assert accuracy(probe, clusters(400, 8, 0.3), clusters(200, 8, 0.3, seed=1)) > 0.99

    def test_codes_without_the_label_give_chance(self, probe: Probe) -> None:
        generator = np.random.default_rng(0)
        codes, labels = generator.normal(size=(1200, 32)).astype(np.float32), generator.integers(0, 4, 1200)
        value = accuracy(probe, (codes[:800], labels[:800]), (codes[800:], labels[800:]))
        assert abs(value - 0.25) < 0.1  # four standard errors

    def test_all_but_the_linear_one_predict_what_no_line_separates(
        self, metric_class: Callable[[str], type]
    ) -> None:
        codes = np.random.default_rng(0).uniform(-1, 1, size=(1200, 2)).astype(np.float32)
        labels = (codes[:, 0] * codes[:, 1] > 0).astype(np.int64)
        linear, kernel, mlp = (
            accuracy(metric_class(name)(), (codes[:800], labels[:800]), (codes[800:], labels[800:]))
            for name in NAMES
        )
        assert linear < 0.65
        assert kernel > 0.9
        assert mlp > 0.9

    def test_the_mlp_is_as_good_as_scikit_learns(self, metric_class: Callable[[str], type]) -> None:
        """The same hidden layer; other random numbers, batches, decay and schedule."""
        (train, labels), (test, truth) = clusters(600, 8, 1.2), clusters(2000, 8, 1.2, seed=1)
        ours = fit_predict(metric_class("probe_mlp")(), train, labels, test).labels
        network = MLPClassifier((128,), batch_size=128, random_state=0, max_iter=64)
        with warnings.catch_warnings(action="ignore"):
            theirs = make_pipeline(StandardScaler(), network).fit(train, labels).predict(test)
        assert np.mean(ours == theirs) > 0.9
        assert np.mean(ours == truth) > np.mean(theirs == truth) - 0.02

    def test_the_linear_one_is_scikit_learns_logistic_regression(
        self, metric_class: Callable[[str], type]
    ) -> None:
        (train, labels), (test, _) = clusters(300, 5, 2.0), clusters(500, 5, 2.0, seed=1)
        ours = fit_predict(metric_class("probe_linear")(), train, labels, test)
        strength = float(ours.chosen.removeprefix("C = "))
        regression = LogisticRegression(C=strength, tol=1e-7, max_iter=2000)
        reference = make_pipeline(StandardScaler(), regression).fit(train, labels)
        assert np.mean(ours.labels == reference.predict(test)) > 0.99

    @pytest.mark.parametrize("strength", [1e-2, 1.0, 100.0])
    def test_the_linear_one_is_near_the_optimum_where_labels_are_many_and_hard_to_tell(
        self, metric_class: Callable[[str], type], strength: float
    ) -> None:
        """There the last steps are the hardest, and what a probe has not learned looks like less leakage."""
        train, labels = clusters(1000, 40, 2.0, size=48)
        train = standardise(train, train)[0]
        regression = LogisticRegression(C=strength, tol=1e-8, max_iter=5000).fit(train, labels)
        theirs = np.vstack([regression.coef_.T, regression.intercept_])
        start, best = (objective(weights, train, labels, strength) for weights in (theirs * 0, theirs))
        for iterations, reached in ((12, 0.95), (40, 0.999)):
            found = fit_logistic(metric_class, train, labels, strength, iterations)
            assert start - objective(found, train, labels, strength) > reached * (start - best)

    @pytest.mark.parametrize(
        "kind", ["heavy tails", "outlier", "rare values", "copies", "separate", "constant"]
    )
    def test_the_linear_one_only_gets_better_whatever_the_codes_are(
        self, metric_class: Callable[[str], type], kind: str
    ) -> None:
        train, labels = odd_codes(kind)
        for strength in (1e-3, 1.0, 100.0):
            path = [
                objective(fit_logistic(metric_class, train, labels, strength, n), train, labels, strength)
                for n in (0, 3, 12, 40)
            ]
            assert np.all(np.diff(path) <= 1e-5), (strength, path)

    def test_the_kernel_one_is_scikit_learns_kernel_ridge(self, metric_class: Callable[[str], type]) -> None:
        (train, labels), (test, _) = clusters(300, 5, 2.0), clusters(500, 5, 2.0, seed=1)
        ours = fit_predict(metric_class("probe_kernel")(), train, labels, test)
        width, penalty = (float(part.split()[1]) for part in ours.chosen.split(", "))
        scaler = StandardScaler().fit(train)
        ridge = KernelRidge(alpha=penalty, kernel="rbf", gamma=width / train.shape[1])
        target = np.eye(5)[labels]
        ridge.fit(scaler.transform(train), target - target.mean(axis=0))
        assert np.mean(ours.labels == ridge.predict(scaler.transform(test)).argmax(axis=1)) > 0.99

    def test_units_of_the_codes_do_not_matter(self, probe: Probe) -> None:
        (train, labels), (test, _) = clusters(300, 5, 1.0), clusters(100, 5, 1.0, seed=1)
        scale = np.exp(np.random.default_rng(3).normal(size=32) * 5).astype(np.float32)
        plain = probe.predict(train, labels, test, 0)
        scaled = probe.predict(train * scale + 1, labels, test * scale + 1, 0)
        assert np.mean(plain == scaled) > 0.95


class TestOddCodes:
    @pytest.fixture(autouse=True)
    def _silent(self, recwarn: pytest.WarningsRecorder, capfd: pytest.CaptureFixture[str]):
        yield
        assert not recwarn.list
        assert capfd.readouterr() == ("", "")

    def test_a_label_missing_in_training_is_never_predicted(self, probe: Probe) -> None:
        train, labels = clusters(200, 5, 0.3)
        kept = labels != 2
        predicted = probe.predict(train[kept], labels[kept], clusters(100, 5, 0.3, seed=1)[0], 0)
        assert predicted.dtype == np.int64
        assert set(predicted) == {0, 1, 3, 4}

    def test_dimensions_without_variance_are_ignored(self, probe: Probe) -> None:
        (train, labels), test = clusters(200, 4, 0.3), clusters(100, 4, 0.3, seed=1)
        train[:, :3] = (0.0, 1.0, 1e6)
        train[::2, 2] += 1e-2  # lost in rounding
        assert accuracy(probe, (train, labels), test) > 0.95

    def test_constant_codes_still_give_a_prediction(self, probe: Probe) -> None:
        labels = np.arange(40) % 4
        assert set(
            probe.predict(np.ones((40, 8), np.float32), labels, np.ones((5, 8), np.float32), 0)
        ) <= set(range(4))

    def test_labels_with_one_code(self, probe: Probe) -> None:
        train, labels = clusters(100, 4, 0.1)
        labels[:3] = (10, 11, 12)
        assert len(probe.predict(train, labels, train, 0)) == 100

    def test_every_label_with_one_code(self, probe: Probe) -> None:
        codes = np.eye(12, dtype=np.float32)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert len(probe.predict(codes, np.arange(12), codes, 0)) == 12

    def test_a_single_label_is_predicted(self, probe: Probe) -> None:
        codes = np.ones((5, 3), np.float32)
        np.testing.assert_array_equal(probe.predict(codes, np.full(5, 7), codes[:2], 0), [7, 7])

    def test_two_labels(self, probe: Probe) -> None:
        assert accuracy(probe, clusters(200, 2, 0.3), clusters(100, 2, 0.3, seed=1)) > 0.99

    def test_more_labels_than_held_out_codes(self, probe: Probe) -> None:
        assert accuracy(probe, clusters(160, 40, 0.1), clusters(80, 40, 0.1, seed=1)) > 0.8


class TestRepeatability:
    def test_equal_seeds_agree_whatever_the_global_generator(self, probe: Probe) -> None:
        (train, labels), (test, _) = clusters(300, 10, 3.0), clusters(300, 10, 3.0, seed=1)
        np.random.seed(0)  # noqa: NPY002
        state = np.random.get_state()[1].copy()  # noqa: NPY002
        first = probe.predict(train, labels, test, seed=2**62)
        assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002
        np.random.seed(1)  # noqa: NPY002
        np.testing.assert_array_equal(first, probe.predict(train, labels, test, seed=2**62))

    def test_the_policy_names_the_scaling(self, probe: Probe) -> None:
        assert "standardised" in probe.policy()

    def test_tasks_fitted_together_are_predicted_as_they_are_alone(self, probe: Probe) -> None:
        """As on a GPU: tasks of several sizes and numbers of labels are padded."""
        tasks = []
        for seed, (n, n_labels) in enumerate([(200, 4), (150, 6), (310, 3)]):
            (codes, labels), (test, _) = clusters(n, n_labels, 1.5, seed), clusters(n // 2, n_labels, 1.5, 9)
            rows = np.stack([labels, np.random.default_rng(seed).permutation(labels)])
            tasks.append(ProbeTask(codes, rows, np.arange(n) % 7, test, seed))
        together = probe._fit(tasks, CPU)  # type: ignore[attr-defined]
        for task, own in zip(tasks, together, strict=True):
            for row, alone in zip(own, probe.predict_all([task], CPU)[0], strict=True):
                assert np.mean(row.labels == alone.labels) > 0.95  # sums are rounded in another order
                assert row.accuracy == pytest.approx(alone.accuracy, abs=0.03)


class TestChoiceOfSettings:
    def test_values_of_the_other_label_are_held_out_whole(self) -> None:
        groups = np.repeat(np.arange(12), 5)
        mask = held_out(np.arange(60) % 5, groups, np.random.default_rng(0))
        assert len(set(groups[mask])) == 4
        assert not set(groups[mask]) & set(groups[~mask])

    def test_without_another_label_codes_are_held_out_evenly_over_the_labels(self) -> None:
        labels = np.arange(60) % 5
        for groups in (None, np.zeros(60, dtype=np.int64)):
            mask = held_out(labels, groups, np.random.default_rng(0))
            np.testing.assert_array_equal(np.bincount(labels[mask]), [4] * 5)

    def test_the_accuracy_by_which_probes_are_compared_is_of_codes_that_were_not_fitted(
        self, probe: Probe
    ) -> None:
        """As many dimensions as codes: labels drawn at random can be learned by heart, not predicted."""
        generator = np.random.default_rng(0)
        codes = generator.normal(size=(120, 100)).astype(np.float32)
        accuracy = fit_predict(probe, codes, generator.integers(0, 2, 120), codes).accuracy
        assert accuracy is not None
        assert accuracy < 0.75

    def test_codes_that_were_held_out_are_fitted_in_the_end(self, probe: Probe) -> None:
        """Twelve clusters, one for each value of the other label, of which four are held out at first."""
        groups, labels = np.repeat(np.arange(12), 20), np.repeat(np.arange(12) % 2, 20)
        centres = np.random.default_rng(0).normal(size=(12, 32))
        codes = centres[groups] + 0.05 * np.random.default_rng(1).normal(size=(240, 32))
        task = ProbeTask(codes.astype(np.float32), labels[None], groups, centres.astype(np.float32), 0)
        predicted = probe.predict_all([task], CPU)[0][0].labels
        np.testing.assert_array_equal(predicted, np.arange(12) % 2)

    def correct(self, *accuracies: float) -> torch.Tensor:
        """Answers of settings with these accuracies on 400 codes, (1, 1, S, 400)."""
        return (torch.arange(400) < 400 * torch.tensor(accuracies)[:, None])[None, None]

    @pytest.mark.parametrize(
        ("accuracies", "expected", "edge"),
        [
            ((0.1, 0.5, 0.2, 0.1, 0.1), 1, False),
            ((0.1, 0.2, 0.3, 0.4, 0.6), 4, True),
            ((1.0, 1.0, 1.0, 1.0, 1.0), 2, False),  # the middle, where all are as good
            ((0.11, 0.1, 0.1, 0.1, 0.1), 2, False),  # 0.11 is within a standard error, 0.016
        ],
    )
    def test_the_best_is_chosen_and_near_ties_go_to_the_middle(
        self, accuracies: tuple[float, ...], expected: int, edge: bool
    ) -> None:
        chosen, accuracy, at_edge = choose(self.correct(*accuracies), torch.ones(1, 400, dtype=torch.bool))
        assert (int(chosen), bool(at_edge)) == (expected, edge)
        assert float(accuracy) == pytest.approx(accuracies[expected], abs=0.003)


def test_standardised_codes_have_zero_mean_and_unit_deviation() -> None:
    codes = np.random.default_rng(0).normal(5, 3, size=(500, 4)).astype(np.float32)
    train, test = standardise(codes, codes[:10])
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(train.std(axis=0), 1, atol=1e-6)
    np.testing.assert_array_equal(train[:10], test)
