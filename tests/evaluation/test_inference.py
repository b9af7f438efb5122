"""Inference: what is scored are numbers."""

import numpy as np
import pytest
import torch
from helpers import CPU, halves
from torch import Tensor

from lordbench.config import registry
from lordbench.evaluation import inference
from lordbench.training import Codes, DataSpec, Method
from lordbench.utils.errors import TrainingDivergedError

DATA = halves()


@pytest.fixture
def method() -> Method:
    kind = registry.find("methods", "mlvae").load()
    return kind(kind.Config(width=8, reconstruction="published"), DataSpec.of(DATA)).eval()


def test_images_that_are_not_finite_are_not_black(method: Method, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = inference.encode(method, DATA.images[:4], CPU)

    def decode(codes: Codes) -> Tensor:
        return torch.full((len(codes), 3, 16, 16), np.nan)

    monkeypatch.setattr(method, "decode", decode)
    with pytest.raises(TrainingDivergedError, match="the images of the trained method hold NaN"):
        inference.decode(method, codes)


def test_codes_that_are_not_finite_are_refused(method: Method, monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(images: Tensor) -> Codes:
        return Codes(torch.zeros(len(images), 2), torch.full((len(images), 2), np.inf))

    monkeypatch.setattr(method, "encode", encode)
    with pytest.raises(TrainingDivergedError, match="the codes of the trained method hold NaN"):
        inference.encode(method, DATA.images[:4], CPU)
