"""Reconstruction: its floor, and trainings whose outputs do not depend on the image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import CPU, cars
from torch import Tensor

from lordbench.config import registry
from lordbench.data import UInt8Array
from lordbench.data.splits import split
from lordbench.evaluation import EvaluationConfig, Measurement, Scoring, Trained
from lordbench.evaluation.collapse import best_single_image, has_collapsed, l1, mean_image
from lordbench.evaluation.inference import to_float
from lordbench.experiments.reconstruction import Reconstruction
from lordbench.training import Codes, Context, DataSpec, Method

DATA = cars()
CUT = split(DATA, "samples", seed=0)


class Pixels(Method):
    """Its content codes are the pixels, mixed with those of one image: with share 1, it has collapsed."""

    def __init__(self, share: float, image: UInt8Array) -> None:
        super().__init__(self.Config(), DataSpec.of(CUT.train))
        self.share, self.image = share, to_float(image[None], CPU)

    def fit(self, train: object, context: Context) -> None:
        """Learn nothing."""

    def encode(self, images: Tensor) -> Codes:
        mixed = self.share * self.image + (1 - self.share) * images
        return Codes(torch.zeros(len(images), 1), mixed.flatten(1))

    def decode(self, codes: Codes) -> Tensor:
        return codes.content_code.reshape(-1, *self.image.shape[1:])


def run(share: float, image: UInt8Array) -> dict[tuple[str, str], Measurement]:
    metrics = {metric: registry.find("metrics", metric).load() for metric in ("l1", "ssim")}
    trained = Trained(
        label="pixels", method=Pixels(share, image).eval(), split=CUT, device=CPU, seed=0,
        sizes=EvaluationConfig(pairs=10), batch_size=16, scoring=Scoring(CPU, metrics), folder=Path(),
    )  # fmt: skip
    return {(row.subject, row.metric): row for row in Reconstruction().run(trained)}


def single_images() -> dict[str, UInt8Array]:
    """Images that a collapsed method may give for all: the best are the mean (L2) and the median (L1)."""
    images = CUT.train.images
    return {
        "mean": mean_image(images),
        "median": np.rint(np.median(images, axis=0)).astype(np.uint8),
        "one of them": images[0],
        "grey": np.full_like(images[0], 128),
    }


def test_the_floor_is_the_mean_training_image() -> None:
    rows = run(0.0, CUT.train.images[0])
    mean = np.rint(CUT.train.images.mean(axis=0))
    expected = np.abs(CUT.test.images - mean).mean() / 255
    assert rows["mean", "l1"].value == pytest.approx(expected, abs=1e-6)
    assert rows["mean", "l1"].codes == ""
    assert rows["reconstruction", "l1"].value == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", single_images())
def test_one_image_for_all_is_a_collapse(name: str) -> None:
    rows = run(1.0, single_images()[name])
    collapsed = rows["reconstruction", "collapsed"]
    assert collapsed.value == 1
    assert collapsed.higher_is_better is None
    median = np.floor(np.median(CUT.train.images, axis=0))
    expected = np.abs(CUT.test.images - median).mean() / 255
    for value in (rows["reconstruction", "l1"].value, expected):
        assert f"{value:.4f}" in collapsed.note


@pytest.mark.parametrize(("share", "collapsed"), [(0.0, 0), (0.5, 0), (0.7, 0), (0.98, 1)])
def test_what_depends_on_the_image_is_none(share: float, collapsed: int) -> None:
    """Outputs that are 70 % the same image are poor, but still show which image they are of."""
    row = run(share, single_images()["median"])["reconstruction", "collapsed"]
    assert (row.value, bool(row.note)) == (collapsed, bool(collapsed))


def test_means_and_distances_by_hand() -> None:
    images = np.random.default_rng(0).integers(0, 256, size=(2500, 1, 4, 4), dtype=np.uint8)
    assert np.array_equal(mean_image(images), np.rint(images.mean(axis=0)))
    expected = np.abs(images.astype(float) - images[::-1]).mean() / 255
    assert l1(images, images[::-1]) == pytest.approx(expected)
    assert has_collapsed(0.1, 0.1)
    assert has_collapsed(0.096, 0.1)
    assert not has_collapsed(0.094, 0.1)


def test_the_best_single_image_of_many_is_of_all_of_them() -> None:
    """The first thousands may be of one class."""
    images = np.repeat(np.array([0, 200], np.uint8), [1500, 2000])[:, None, None, None]
    assert best_single_image(images).item() == 200
