"""Time of evaluating three methods as a run does, compared with plain calls of the packages."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import lpips
import numpy as np
import torch
import torchvision
from scipy.linalg import sqrtm
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn import functional as F

from benchmarks.page import table
from lordbench.config import registry
from lordbench.data.images import Int64Array, UInt8Array
from lordbench.evaluation.measurement import MeasurementKey
from lordbench.evaluation.scoring import Scoring
from lordbench.evaluation.vgg16 import POOLED_LAYER
from lordbench.nn import weights
from lordbench.nn.features import IMAGENET_MEAN, IMAGENET_STD
from lordbench.utils import hardware
from lordbench.utils.hardware import resolve_device
from lordbench.utils.parallel import in_threads

METHODS = ("first", "second", "third")
SIZE, CLASSES, CONTENTS, CODE = 64, 48, 40, 128
HELD_OUT = 0.1
CHOSEN_ON = 0.2
"""Share of the training codes on which the linear probe's settings are chosen."""
STRENGTHS = [1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0]
BATCH = 50
"""pytorch-fid's own."""


class Subjects(NamedTuple):
    """The scored images, uint8 (N, 3, 64, 64) each; transfers and reconstructions by method."""

    truth: UInt8Array
    real: UInt8Array
    floors: dict[str, UInt8Array]
    transfers: dict[str, UInt8Array]
    reconstructions: dict[str, UInt8Array]


class ProbeData(NamedTuple):
    """Codes and labels that a probe is trained and tested on."""

    train: np.ndarray
    train_labels: Int64Array
    test: np.ndarray
    test_labels: Int64Array


Values = dict[str, float]


def evaluation(n: int) -> str:
    """Measure with `n` images and codes per method, and return the table."""
    subjects, probe_data = draw_subjects(n), draw_probe_data(n)
    parts: dict[str, tuple[Callable[[], Values], Callable[[], Values]]] = {
        "LPIPS": (partial(plain_lpips, subjects), partial(our_lpips, subjects)),
        "FD-VGG16": (partial(plain_frechet, subjects), partial(our_frechet, subjects)),
        "linear probe": (
            partial(plain_probe, probe_data, linear),
            partial(our_probe, probe_data, "probe_linear"),
        ),
        "MLP probe": (partial(plain_probe, probe_data, mlp), partial(our_probe, probe_data, "probe_mlp")),
    }
    plain_runs = {name: _timed(plain) for name, (plain, _) in parts.items()}
    hardware.keep_freed_memory()  # as a run does; only now, since it affects the whole process
    our_runs = {name: _timed(ours) for name, (_, ours) in parts.items()}
    rows = []
    for name in parts:
        (plain_seconds, plain_values), (seconds, values) = plain_runs[name], our_runs[name]
        assert plain_values.keys() == values.keys()
        gap = max(abs(plain_values[key] - values[key]) for key in values)
        rows.append(_row(name, plain_seconds, seconds, f"{gap:.1g}"))
    totals = (sum(seconds for seconds, _ in timed.values()) for timed in (plain_runs, our_runs))
    rows.append(_row("all", *totals, "–"))
    header = [f"{len(METHODS)} methods, {n:,} images each", "packages, s", "lordbench, s", "ratio",
              "greatest difference"]  # fmt: skip
    return table(header, rows)


def draw_subjects(n: int) -> Subjects:
    """Draw smooth noise for every set of images."""
    generator = torch.Generator().manual_seed(0)

    def draw() -> UInt8Array:
        coarse = torch.rand(n, 3, 8, 8, generator=generator)
        parts = [F.interpolate(part, (SIZE, SIZE), mode="bicubic").clamp(0, 1) for part in coarse.split(1000)]
        return torch.cat([(part * 255).round().to(torch.uint8) for part in parts]).numpy()

    return Subjects(
        draw(), draw(), {"copy": draw(), "random": draw()},
        {method: draw() for method in METHODS}, {method: draw() for method in METHODS},
    )  # fmt: skip


def draw_probe_data(n: int) -> dict[str, ProbeData]:
    """Draw codes of each method; each code reveals its own label only."""
    generator = np.random.default_rng(0)
    labels = {"class": generator.integers(CLASSES, size=n), "content": generator.integers(CONTENTS, size=n)}
    cut = round(n * (1 - HELD_OUT))
    probe_data = {}
    for method in METHODS:
        for code, own in labels.items():
            centres = generator.normal(size=(own.max() + 1, CODE))
            codes = (centres[own] + 3 * generator.normal(size=(n, CODE))).astype(np.float32)
            for label, wanted in labels.items():
                name = f"{method}: {label} from {code}"
                probe_data[name] = ProbeData(codes[:cut], wanted[:cut], codes[cut:], wanted[cut:])
    return probe_data


def plain_lpips(subjects: Subjects) -> Values:
    """Call the package for each method and subject."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    trunk = weights.load("alexnet")
    state = {key: trunk[f"features.{key.split('.', 1)[1]}"] for key in network.net.state_dict()}
    network.net.load_state_dict(state)
    values = {}
    with torch.no_grad():
        for method in METHODS:
            fakes = {"transfer": subjects.transfers[method], "recon.": subjects.reconstructions[method]}
            for subject, fake in (fakes | subjects.floors).items():
                distances = [
                    network(_floats(fake[part]) * 2 - 1, _floats(subjects.truth[part]) * 2 - 1).flatten()
                    for part in _batches(len(fake))
                ]
                values[f"{method}, {subject}"] = float(torch.cat(distances).double().mean())
    return values


def our_lpips(subjects: Subjects) -> Values:
    """Score as content transfer does."""
    scoring, groups = _scoring("lpips"), np.arange(len(subjects.truth))

    def scored(fakes: dict[str, UInt8Array]) -> Values:
        keyed = {MeasurementKey("content-transfer", subject, ""): fake for subject, fake in fakes.items()}
        return {row.subject: row.value or 0.0 for row in scoring.pairs(keyed, subjects.truth, groups, 0)}

    values = {}
    for method in METHODS:
        own = {"transfer": subjects.transfers[method], "recon.": subjects.reconstructions[method]}
        means = scored(own) | scoring.cache.get("floors", lambda: scored(subjects.floors))
        values |= {f"{method}, {subject}": value for subject, value in means.items()}
    return values


def plain_frechet(subjects: Subjects) -> Values:
    """Run torchvision's network over outputs and real images; the distance as pytorch-fid computes it."""
    network = torchvision.models.vgg16(weights=None).features
    trunk = weights.load("vgg16")
    network.load_state_dict({key.removeprefix("features."): w for key, w in trunk.items()}, assign=True)
    network = network[: POOLED_LAYER + 1].eval()
    mean, std = torch.tensor(IMAGENET_MEAN).view(3, 1, 1), torch.tensor(IMAGENET_STD).view(3, 1, 1)

    def statistics(images: UInt8Array) -> tuple[np.ndarray, np.ndarray]:
        with torch.no_grad():
            parts = [
                network((_floats(images[part]) - mean) / std).mean(dim=(2, 3))
                for part in _batches(len(images))
            ]
        features = torch.cat(parts).double().numpy()
        return features.mean(axis=0), np.cov(features, rowvar=False)

    def distance(x: tuple[np.ndarray, np.ndarray], y: tuple[np.ndarray, np.ndarray]) -> float:
        difference, root = x[0] - y[0], sqrtm(x[1] @ y[1]).real
        return float(difference @ difference + np.trace(x[1] + y[1] - 2 * root))

    return {
        method: distance(statistics(fake), statistics(subjects.real))
        for method, fake in subjects.transfers.items()
    }


def our_frechet(subjects: Subjects) -> Values:
    """Score as content transfer does."""
    scoring, key = _scoring("fd_vgg16"), MeasurementKey("content-transfer", "transfer", "encoded")
    return {
        method: next(iter(scoring.sets({key: fake}, subjects.real, "real"))).value or 0.0
        for method, fake in subjects.transfers.items()
    }


def linear() -> GridSearchCV:
    """The linear probe's settings and choice."""
    part = StratifiedShuffleSplit(1, test_size=CHOSEN_ON, random_state=0)
    return GridSearchCV(LogisticRegression(tol=1e-5, max_iter=500), {"C": STRENGTHS}, cv=part)


def mlp() -> MLPClassifier:
    """The MLP probe's network and number of steps."""
    epochs = 500 * 128 // 1700
    return MLPClassifier((128,), batch_size=128, learning_rate_init=1e-2, max_iter=epochs, random_state=0)


def plain_probe(probe_data: dict[str, ProbeData], make: Callable[[], BaseEstimator]) -> Values:
    """Fit scikit-learn's pipelines one after the other: accuracies."""
    values = {}
    for name, data in probe_data.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = make_pipeline(StandardScaler(), make()).fit(data.train, data.train_labels)
        values[name] = float(model.score(data.test, data.test_labels))
    return values


def our_probe(probe_data: dict[str, ProbeData], name: str) -> Values:
    """Fit the probe of this name, as leakage does: accuracies."""
    ((_, probe),) = _scoring(name).probes()

    def accuracy(data: ProbeData) -> float:
        predicted = probe.predict(data.train, data.train_labels, data.test, 0)
        return float(np.mean(predicted == data.test_labels))

    return dict(zip(probe_data, in_threads(accuracy, probe_data.values()), strict=True))


def _scoring(metric: str) -> Scoring:
    return Scoring(resolve_device("cpu"), {metric: registry.find("metrics", metric).load()})


def _floats(images: UInt8Array) -> Tensor:
    return torch.from_numpy(images).float() / 255


def _batches(n: int) -> Iterator[slice]:
    return (slice(start, start + BATCH) for start in range(0, n, BATCH))


def _timed(measure: Callable[[], Values]) -> tuple[float, Values]:
    began = time.perf_counter()
    values = measure()
    return time.perf_counter() - began, values


def _row(name: str, plain: float, ours: float, gap: str) -> list[str]:
    return [name, f"{plain:.1f}", f"{ours:.1f}", f"{plain / ours:.2f}", gap]
