"""The two training phases of LORD."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lordbench import seeds
from lordbench.batches import Batch, ShuffledBatches
from lordbench.lord.latents import ClassCodes, ContentCodes
from lordbench.nn.reconstruction import ReconstructionLoss
from lordbench.row_adam import RowAdam
from lordbench.training import Context, Loss, Phase, Update, adam

if TYPE_CHECKING:
    from lordbench.lord.method import Lord

BETAS = (0.5, 0.999)
"""Adam's, in both of the authors' releases and both stages."""


def latent_optimization(model: Lord, context: Context, reconstruct: ReconstructionLoss) -> Phase:
    """Stage 1: codes and generator are learned together (paper, section 3.2).

    min over codes and generator of: reconstruction(G(class code, content code + noise), image) + decay
    times the content code's squared norm.
    """
    config = model.config
    networks: list[nn.Module] = [model.generator]
    for codes, encoder in (
        (model.class_codes, model.class_encoder),
        (model.content_codes, model.content_encoder),
    ):
        if codes.table is None:
            networks += [encoder, codes]
    optimizers: list[torch.optim.Optimizer] = [
        adam([(network, config.generator_rate) for network in networks], BETAS)
    ]
    tables = code_tables(model.class_codes, model.content_codes)
    if tables:
        optimizers.append(RowAdam(tables, config.latent_rate, BETAS))
    loss = latent_loss(model.generator, model.class_codes, model.content_codes, reconstruct)
    return _phase(model, context, "latent optimization", config.stage1_share, optimizers, loss)


def test_time_optimization(
    model: Lord,
    class_codes: ClassCodes,
    content_codes: ContentCodes,
    context: Context,
    reconstruct: ReconstructionLoss,
) -> Phase:
    """Stage 1 on unseen images: their codes are learned by the same objective, the generator stays.

    The way to infer codes that the paper compares its encoders with. `class_codes` and `content_codes` are
    tables for the unseen images, and their classes.
    """
    tables = code_tables(class_codes, content_codes)
    loss = latent_loss(model.generator, class_codes, content_codes, reconstruct)
    optimizer = RowAdam(tables, model.config.latent_rate, BETAS)
    n_images = tables[-1].num_embeddings
    return _phase(model, context, "test-time optimization", 1.0, [optimizer], loss, n_images)


def amortization(model: Lord, context: Context, reconstruct: ReconstructionLoss) -> Phase:
    """Stage 2: encoders learn to find the codes, while the generator goes on training (paper, section 3.3).

    The learned codes, without noise, are fixed targets. A code that stage 1 had amortized already has no
    target; its encoder goes on with the reconstruction alone.
    """
    config = model.config

    def loss(batch: Batch) -> dict[str, Tensor]:
        codes = model.encode(batch.images)
        terms = {"reconstruction": reconstruct(model.decode(codes), batch.images)}
        for name, code, learned in (
            ("class code", codes.class_code, model.class_codes),
            ("content code", codes.content_code, model.content_codes),
        ):
            if learned.table is not None:
                terms[name] = config.code_weight * F.mse_loss(code, learned(batch).detach())
        return terms

    networks = (model.class_encoder, model.content_encoder, model.generator)
    optimizer = adam([(network, config.encoder_rate) for network in networks], BETAS)
    return _phase(model, context, "amortization", 1 - config.stage1_share, [optimizer], loss)


def latent_loss(
    generator: nn.Module,
    class_codes: ClassCodes,
    content_codes: ContentCodes,
    reconstruct: ReconstructionLoss,
) -> Loss:
    """Objective of stage 1: reconstruction from both codes, and the content codes' regularizer."""

    def loss(batch: Batch) -> dict[str, Tensor]:
        content, terms = content_codes.regularized(batch)
        output = generator(class_codes(batch), content)
        return {"reconstruction": reconstruct(output, batch.images), **terms}

    return loss


def code_tables(class_codes: ClassCodes, content_codes: ContentCodes) -> list[nn.Embedding]:
    """The free codes among both kinds, those of classes first."""
    latent = [codes for codes in (class_codes, content_codes) if codes.table is not None]
    return [module for codes in latent for module in codes.modules() if isinstance(module, nn.Embedding)]


def _phase(
    model: Lord,
    context: Context,
    name: str,
    share: float,
    optimizers: list[torch.optim.Optimizer],
    loss: Loss,
    n_images: int | None = None,
) -> Phase:
    batches = ShuffledBatches(
        n_images or model.spec.n_images,
        context.budget.batch_size,
        seeds.derive(context.seed, name, "batches"),
    )
    steps = context.budget.steps(batches.batch_size, share)
    return Phase(name, steps, batches, [Update(optimizers, loss)], model.config.final_rate)
