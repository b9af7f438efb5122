"""The latent codes of stage 1: where they come from, and how content codes are regularized."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lordbench.batches import Batch
from lordbench.lord.config import LordConfig
from lordbench.method import DataSpec

INITIAL_RANGE = 0.05
"""Codes start uniform in (-0.05, 0.05), as in both of the authors' releases."""


class ClassCodes(nn.Module):
    """Class codes of a batch: one learned code per class, or (ablation) an encoder's code per image."""

    def __init__(self, config: LordConfig, spec: DataSpec, encoder: nn.Module) -> None:
        super().__init__()
        self.table: nn.Embedding | None = None
        if config.class_code == "latent":
            self.table = code_table(spec.n_classes, config.class_size)
        # Kept out of this module's own state: it is the method's class encoder, saved there.
        self._encoder = [encoder]

    def forward(self, batch: Batch) -> Tensor:
        """Codes float32 (N, class size)."""
        code: Tensor = self._encoder[0](batch.images) if self.table is None else self.table(batch.classes)
        return code


class ContentCodes(nn.Module):
    """Content codes of a batch: one learned code per image, or (ablation) an encoder's."""

    def __init__(self, config: LordConfig, spec: DataSpec, encoder: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.table: nn.Embedding | None = None
        self.log_variance: nn.Module | None = None
        self._encoder = [encoder]
        if config.content_code == "latent":
            self.table = code_table(spec.n_images, config.content_size)
        if config.regularizer == "kl":
            latent = config.content_code == "latent"
            self.log_variance = (
                code_table(spec.n_images, config.content_size)
                if latent
                else config.encoder(spec, config.content_size)
            )

    def forward(self, batch: Batch) -> Tensor:
        """Clean codes float32 (N, content size)."""
        code: Tensor = self._encoder[0](batch.images) if self.table is None else self.table(batch.index)
        return code

    def regularized(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Codes to generate from, float32 (N, content size), and the loss terms that go with them."""
        mean, config = self(batch), self.config
        if config.regularizer == "none":
            return mean, {}
        noise = torch.randn(mean.shape, generator=batch.generator, device=mean.device)
        if self.log_variance is None:
            # Fixed variance: to be heard over the noise a code must grow, and the decay charges for that.
            return mean + config.noise * noise, {"decay": config.decay * mean.square().sum(dim=1).mean()}
        log_variance = self.log_variance(batch.images if self.table is None else batch.index)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean()
        return mean + (0.5 * log_variance).exp() * noise, {"kl": config.kl_weight * divergence}


def code_table(rows: int, size: int) -> nn.Embedding:
    """Make a table of free codes, float32 (rows, size), for RowAdam."""
    table = nn.Embedding(rows, size, sparse=True)
    nn.init.uniform_(table.weight, -INITIAL_RANGE, INITIAL_RANGE)
    return table
