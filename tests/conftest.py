"""Fixtures that several test files share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lordbench import components, weights
from lordbench.errors import MissingWeightsError


@pytest.fixture(scope="session")
def real_weights() -> dict[str, Path]:
    """The files of AlexNet's and VGG16's weights, fetched once into the user's own cache."""
    try:
        return {name: weights.ensure(name) for name in ("alexnet", "vgg16")}
    except MissingWeightsError as error:
        pytest.skip(error.message)


@pytest.fixture(scope="session")
def metric_class() -> Callable[[str], type]:
    """Load the class in `metrics/NAME.py`, the way a run does: `metric_class("ssim")`."""
    return lambda name: components.find("metrics", name).load()
