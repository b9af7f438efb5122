"""Weights of loss terms beside another reconstruction loss than the published one.

A published weight balances its term against the published reconstruction loss. Beside another loss it keeps
that balance if it is multiplied by the ratio of what the two losses span, from the mean image of a data set,
which codes without any information give, to the true image, where both are zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional as F

import lordbench
from benchmarks.page import table
from lordbench.nn.losses import PerceptualLoss, pyramid
from lordbench.utils import seeds

IMAGES = 256


def weights(datasets: Sequence[str], size: int) -> str:
    """Return a table: the loss of the mean image by each reconstruction loss, and the ratios."""
    perceptual = PerceptualLoss()
    units, losses = ("squared error", "nats"), ("perceptual", "pyramid")
    header = ["data set", *units, *losses, *(f"{loss} / {unit}" for loss in losses for unit in units)]
    rows, ratios = [], []
    for name in datasets:
        images = lordbench.load_dataset(name, size)
        drawn = seeds.numpy_generator(0, "weights").permutation(len(images))[: 4 * IMAGES]
        pixels = torch.from_numpy(images.images[np.sort(drawn)]).float() / 255
        mean = pixels.mean(dim=0)
        target = pixels[:: max(1, len(pixels) // IMAGES)]
        output = mean.expand_as(target)
        with torch.no_grad():
            squared = float(F.mse_loss(output, target))
            shared = float(perceptual(output, target)), float(pyramid(output, target))
        # The negative log-likelihood of a Gaussian of unit variance, without its constant.
        nats = 0.5 * squared * mean.numel()
        ratios.append([loss / unit for loss in shared for unit in (squared, nats)])
        rows.append([name, *(f"{value:.3g}" for value in (squared, nats, *shared, *ratios[-1]))])
    means = np.exp(np.log(ratios).mean(axis=0))
    rows.append(["geometric mean", *[""] * 4, *(f"{value:.3g}" for value in means)])
    return table(header, rows)
