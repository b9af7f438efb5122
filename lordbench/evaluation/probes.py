"""Parts of probes: standardised codes, codes held out for choosing settings, and a perceptron in NumPy."""

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import numpy as np

from lordbench.data.images import Int64Array
from lordbench.data.splits import stratified
from lordbench.evaluation.metric import Float32Array, Prediction, Probe
from lordbench.utils.parallel import one_thread

HELD_OUT = 0.2
"""Share of each label's training codes on which a probe's settings are chosen."""
BETAS, EPSILON = (0.9, 0.999), 1e-8
"""Adam's (Kingma & Ba 2015)."""


class Fitted(NamedTuple):
    """A fitted classifier: labels, int64 (M,), of standardised codes, (M, D); its settings, for the row."""

    predict: Callable[[Float32Array], Int64Array]
    chosen: str


class StandardisedProbe(Probe):
    """A probe on standardised codes; a subclass adds the classifier.

    Labels that do not occur in training are never predicted.
    """

    higher_is_better: ClassVar[bool] = True
    thread_safe: ClassVar[bool] = True

    def predict(
        self, train_codes: Float32Array, train_labels: Int64Array, test_codes: Float32Array, seed: int
    ) -> Int64Array:
        return self.fit_predict(train_codes, train_labels, test_codes, seed).labels

    def fit_predict(
        self, train_codes: Float32Array, train_labels: Int64Array, test_codes: Float32Array, seed: int
    ) -> Prediction:
        present = np.unique(train_labels)
        if len(present) == 1:
            return Prediction(np.full(len(test_codes), present[0], dtype=np.int64), "")
        train, test = standardise(train_codes, test_codes)
        with one_thread():
            fitted = self.fit(train, train_labels, seed)
            return Prediction(fitted.predict(test), fitted.chosen)

    @abstractmethod
    def fit(self, codes: Float32Array, labels: Int64Array, seed: int) -> Fitted:
        """Choose settings and fit, on standardised codes, (N, D), of two labels or more, int64 (N,).

        The test codes are not passed in, so no choice can depend on them.
        """


def held_out(labels: Int64Array, generator: np.random.Generator) -> tuple[Int64Array, Int64Array]:
    """Split training codes, by index, within each label: to fit on, and to choose settings on.

    Where every label has a single code, none can be held out: both parts are all codes.
    """
    rest, held = stratified(labels, HELD_OUT, generator)
    return rest, held if len(held) else rest


def standardise(train: Float32Array, test: Float32Array) -> tuple[Float32Array, Float32Array]:
    """Scale codes, (N, D) and (M, D), to zero mean and unit deviation over the training codes.

    A dimension that does not vary in training becomes zero in both.
    """
    mean = train.mean(axis=0, dtype=np.float64)
    deviation = train.std(axis=0, dtype=np.float64)
    # Values that are equal but for rounding must not be blown up to unit deviation.
    varies = deviation > 1e-6 * np.abs(mean)
    scale = np.where(varies, 1 / np.where(varies, deviation, 1), 0)
    return ((train - mean) * scale).astype(np.float32), ((test - mean) * scale).astype(np.float32)


class Perceptron:
    """A classifier with one hidden layer of ReLUs, trained by Adam on the mean cross-entropy.

    The same as scikit-learn's MLPClassifier for three labels or more (with two labels that one has a single
    output). Weights and biases start uniform within sqrt(6 / (inputs + outputs)) of zero (Glorot & Bengio
    2010). The penalty is `decay` / 2 times the squared norm of the weights, divided by the batch size. The
    generator draws the initial weights and the order of codes in every epoch.
    """

    def __init__(
        self, inputs: int, hidden: int, labels: int, decay: float, rate: float, generator: np.random.Generator
    ) -> None:
        self.decay, self.rate, self.generator = decay, rate, generator
        self.weights = []
        for rows, columns in ((inputs, hidden), (hidden, labels)):
            bound = np.sqrt(6 / (rows + columns))
            for shape in ((rows, columns), (columns,)):
                self.weights.append(generator.uniform(-bound, bound, shape).astype(np.float32))
        self.means = [np.zeros_like(weight) for weight in self.weights]
        self.squares = [np.zeros_like(weight) for weight in self.weights]
        self.steps = 0

    def epoch(self, codes: Float32Array, labels: Int64Array, batch_size: int) -> None:
        """Train on every code, (N, inputs) with labels (N,) from 0, once, in random order."""
        order = self.generator.permutation(len(codes))
        for start in range(0, len(codes), batch_size):
            batch = order[start : start + batch_size]
            self.step(codes[batch], labels[batch])

    def step(self, codes: Float32Array, labels: Int64Array) -> None:
        self.steps += 1
        first, second = BETAS
        rate = self.rate * np.sqrt(1 - second**self.steps) / (1 - first**self.steps)
        gradients = self._gradients(codes, labels)
        state = zip(self.weights, self.means, self.squares, gradients, strict=True)
        for weight, mean, square, gradient in state:
            mean += (1 - first) * (gradient - mean)
            square += (1 - second) * (np.square(gradient) - square)
            weight -= np.float32(rate) * mean / (np.sqrt(square) + np.float32(EPSILON))

    def likelihoods(self, codes: Float32Array) -> Float32Array:
        """Likelihood of each label, float32 (N, labels), for codes (N, inputs)."""
        return self._forward(codes)[1]

    def predict(self, codes: Float32Array) -> Int64Array:
        """The most likely label of codes, (N, inputs): int64 (N,)."""
        labels: Int64Array = self.likelihoods(codes).argmax(axis=1)
        return labels

    def _forward(self, codes: Float32Array) -> tuple[Float32Array, Float32Array]:
        into_hidden, hidden_bias, into_labels, label_bias = self.weights
        hidden = np.maximum(codes @ into_hidden + hidden_bias, 0)
        scores = hidden @ into_labels + label_bias
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return hidden, scores / scores.sum(axis=1, keepdims=True)

    def _gradients(self, codes: Float32Array, labels: Int64Array) -> list[Float32Array]:
        """Gradients of cross-entropy and penalty, in the order of `weights`."""
        n = np.float32(len(codes))
        into_hidden, _, into_labels, _ = self.weights
        hidden, error = self._forward(codes)
        error[np.arange(len(codes)), labels] -= 1
        error /= n
        hidden_error = error @ into_labels.T
        hidden_error *= hidden > 0
        decay = np.float32(self.decay) / n
        return [
            codes.T @ hidden_error + decay * into_hidden,
            hidden_error.sum(axis=0),
            hidden.T @ error + decay * into_labels,
            error.sum(axis=0),
        ]
