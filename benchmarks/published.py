"""Training as in the authors' releases, the reference of the benchmarks.

Float32 in NCHW; nearest-neighbour upsampling, then a convolution; AdaIN by automatic differentiation; dense
Adam over every code, without a fused kernel; gradients for VGG16's frozen weights as well; a DataLoader with
one worker over an array in memory, whose batches are copied as float32.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, RandomSampler

from lordbench.data.images import ImageSet, Int64Array, UInt8Array
from lordbench.nn.features import vgg16_features
from lordbench.nn.layers import UpsampledConv2d
from lordbench.training.batches import Batch


@contextlib.contextmanager
def published_style() -> Iterator[None]:
    """Build and train every method in this context in the published style."""
    with contextlib.ExitStack() as patches:
        for name, plain in (
            ("lordbench.nn.layers.UpsampledConv2d.forward", _two_steps),
            ("lordbench.nn.networks.adain", _adain),
            ("lordbench.lord.code_table", dense_table),
            ("lordbench.lord.RowAdam", dense_adam),
            ("lordbench.lord.adam", _adam),
            ("lordbench.nn.methods.adam", _adam),
            ("lordbench.training.loop.DeviceImages", _Loader),
            ("lordbench.nn.losses.vgg16_features", _trainable_vgg16),
        ):
            patches.enter_context(mock.patch(name, plain))
        yield


def _two_steps(layer: UpsampledConv2d, x: Tensor) -> Tensor:
    return F.conv2d(F.interpolate(x, scale_factor=2.0), layer.weight, layer.bias, padding=1)


def _adain(x: Tensor, offset: Tensor, scale: Tensor, epsilon: float = 1e-5) -> Tensor:
    # The generator makes its first map channels last.
    x = x.contiguous()
    variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
    return (x - mean) / (variance + epsilon).sqrt() * scale + offset


def dense_table(rows: int, size: int) -> nn.Embedding:
    """Return a table of codes with a dense gradient."""
    return nn.Embedding(rows, size)


def dense_adam(
    tables: Sequence[nn.Embedding], rate: float, betas: tuple[float, float]
) -> torch.optim.Optimizer:
    """Return Adam over all rows of the tables."""
    return torch.optim.Adam([table.weight for table in tables], rate, betas)


def _adam(rates: Sequence[tuple[nn.Module, float]], betas: tuple[float, float]) -> torch.optim.Optimizer:
    groups = [{"params": list(module.parameters()), "lr": rate} for module, rate in rates]
    return torch.optim.Adam(groups, betas=betas)


def _trainable_vgg16() -> nn.Sequential:
    return vgg16_features().requires_grad_(True)


class _Array(Dataset[tuple[int, Tensor]]):
    def __init__(self, images: UInt8Array) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> tuple[int, Tensor]:
        return i, torch.from_numpy(self.images[i].astype(np.float32) / 255)


class _Loader:
    """Stands in for `DeviceImages`; returns random images for any index, since it is only timed."""

    def __init__(self, images: ImageSet, device: torch.device) -> None:
        self.host, self.device = images.images, device
        self.classes = torch.from_numpy(images.classes).to(device)
        self.loaded: Iterator[Any] | None = None

    def request(self, index: Int64Array) -> Callable[[torch.Generator], Batch]:
        return lambda generator: self._batch(index, generator)

    def _batch(self, index: Int64Array, generator: torch.Generator) -> Batch:
        if self.loaded is None:
            data = _Array(self.host)
            sampler = RandomSampler(data, replacement=True, num_samples=1 << 40)
            self.loaded = iter(DataLoader(data, len(index), sampler=sampler, num_workers=1))
        _, images = next(self.loaded)
        where = torch.from_numpy(index).to(self.device)
        return Batch(where, images.to(self.device), self.classes[where], generator)
