"""Methods that compare images: what is paired with what while they train, also in parts of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import context
from mechanisms import DATA, build

from lordbench.training import Batch, Budget
from lordbench.training.batches import another_class
from lordbench.utils.errors import UserError

FEW = DATA.subset(np.array([0, 1, 2, 3, 4, 5, 8]))
"""Four images of a class, two of another, one of a third."""
COMPARE_CLASSES = ("drnet", "cyclevae", "mathieu", "gzsnet", "szabo")
GROUPED = ("mlvae", "gvae", "dcodr")
PAIRED = (*COMPARE_CLASSES, *GROUPED, "adagvae")


def seen(name: str, accumulate: int, **settings: Any) -> list[Batch]:
    """The parts of batches that a training computes its losses from."""
    method, parts = build(name, FEW, **settings), []
    real = method.loss

    def loss(batch: Batch, *rest: Any) -> Any:
        parts.append(batch)
        return real(batch, *rest)

    method.loss = loss
    run = context(64)
    run.budget = Budget(64, 8, accumulate)
    method.fit(FEW, run)
    return parts


@pytest.mark.parametrize("accumulate", [1, 2, 8])
@pytest.mark.parametrize("name", PAIRED)
def test_pairs_are_two_images_of_one_class(name: str, accumulate: int) -> None:
    settings = {"per_class": 2} if name in GROUPED else {}
    parts = seen(name, accumulate, **settings)
    for part in parts:
        classes, index = part.classes.view(-1, 2), part.index.view(-1, 2)
        assert (classes[:, 0] == classes[:, 1]).all()
        assert (index[:, 0] != index[:, 1]).all()
        assert 6 not in index.tolist()
    counts = np.bincount(np.concatenate([part.classes.numpy() for part in parts]))
    # In proportion to the images, of which each leads a pair in an epoch.
    assert counts[0] > counts[1]


@pytest.mark.parametrize("accumulate", [1, 2, 8])
@pytest.mark.parametrize("name", COMPARE_CLASSES)
def test_what_is_called_another_class_is_one(name: str, accumulate: int) -> None:
    comparable = []
    for part in seen(name, accumulate):
        classes = part.classes[::2]
        assert len(classes) >= 2
        other, exists = another_class(classes)
        assert (classes[other] != classes)[exists].all()
        comparable.append(exists.any().item())
    assert np.mean(comparable) >= 0.5


@pytest.mark.parametrize("final", [None, 3e-5])
@pytest.mark.parametrize("name", PAIRED)
def test_rates_fall_to_the_final_one_if_there_is_one(
    name: str, final: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, run, phases = build(name, final_rate=final), context(64), []
    monkeypatch.setattr(run, "run", lambda module, images, given: phases.extend(given))
    method.fit(DATA, run)
    assert [phase.final_rate for phase in phases] == [final]


@pytest.mark.parametrize("name", PAIRED)
def test_classes_of_one_image_each_are_refused(name: str) -> None:
    single = DATA.subset(np.array([0, 4, 8, 12]))
    with pytest.raises(UserError, match="two training images or more: none has"):
        build(name, single).fit(single, context(64))


@pytest.mark.parametrize("name", ["lord", "overlord", "pdc"])
def test_methods_without_pairs_take_single_images(name: str) -> None:
    single = DATA.subset(np.array([0, 4, 8, 12]))
    build(name, single).fit(single, context(32))
