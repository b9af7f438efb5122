"""Probes of papers: they learn what they can, and are used on request only."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import CPU

from lordbench.config import registry
from lordbench.evaluation import probe_networks
from lordbench.evaluation.metric import ProbeTask

NAMES = ("probe_dcodr", "probe_overlord")


def codes(n: int = 260) -> tuple[np.ndarray, np.ndarray]:
    """Two dimensions whose signs decide the label together, so that no linear reader predicts it."""
    values = np.random.default_rng(0).standard_normal((n, 2)).astype(np.float32)
    return values, (values[:, 0] * values[:, 1] > 0).astype(np.int64) * 7


@pytest.mark.parametrize("name", NAMES)
def test_it_predicts_what_is_not_linear_and_nothing_of_shuffled_labels(name: str) -> None:
    values, labels = codes()
    shuffled = np.random.default_rng(1).permutation(labels[:200])
    task = ProbeTask(values[:200], np.stack([labels[:200], shuffled]), None, values[200:], 0)
    ((right, chance),) = registry.find("metrics", name).load()().predict_all([task], CPU)
    assert (right.labels == labels[200:]).mean() > 0.85
    assert (chance.labels == labels[200:]).mean() < 0.65
    assert right.accuracy is None  # so it takes no part in the best probe


@pytest.mark.parametrize("name", NAMES)
def test_it_leaves_global_randomness_alone_and_repeats_itself(name: str) -> None:
    values, labels = codes(40)
    probe = registry.find("metrics", name).load()()
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    first = probe.predict(values, labels, values, seed=1)
    assert torch.equal(before, torch.random.get_rng_state())
    assert np.array_equal(first, probe.predict(values, labels, values, seed=1))


def test_their_sizes_are_the_published_ones() -> None:
    dcodr, overlord = (registry.find("metrics", name).load()().network(10, 5) for name in NAMES)
    widths = [
        [layer.out_features for layer in network if isinstance(layer, torch.nn.Linear)]
        for network in (dcodr, overlord)
    ]
    assert widths == [[128] * 6 + [5], [256, 256, 5]]


def test_no_batch_holds_a_single_code() -> None:
    batches = probe_networks._batches(np.arange(129))
    assert [len(batch) for batch in batches] == [129]
    assert [len(batch) for batch in probe_networks._batches(np.arange(200))] == [128, 72]


def test_a_run_uses_them_on_request() -> None:
    from lordbench.runner.run_cell import WorkerState

    state = WorkerState.__new__(WorkerState)
    state.device, state.scorings = "cpu", {}
    assert not set(NAMES) & state.scoring([]).kinds.keys()
    assert "probe_dcodr" in state.scoring(["probe_dcodr"]).kinds
