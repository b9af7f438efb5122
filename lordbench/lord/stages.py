"""The two training phases of LORD."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lordbench import seeds
from lordbench.batches import Batch, ShuffledBatches
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

    def loss(batch: Batch) -> dict[str, Tensor]:
        content, terms = model.content_codes.regularized(batch)
        output = model.generator(model.class_codes(batch), content)
        return {"reconstruction": reconstruct(output, batch.images), **terms}

    networks: list[nn.Module] = [model.generator]
    tables: list[nn.Embedding] = []
    for codes, encoder in (
        (model.class_codes, model.class_encoder),
        (model.content_codes, model.content_encoder),
    ):
        if codes.table is None:
            networks += [encoder, codes]
        else:
            tables += [module for module in codes.modules() if isinstance(module, nn.Embedding)]
    optimizers: list[torch.optim.Optimizer] = [
        adam([(network, config.generator_rate) for network in networks], BETAS)
    ]
    if tables:
        optimizers.append(RowAdam(tables, config.latent_rate, BETAS))
    return _phase(model, context, "latent optimization", config.stage1_share, optimizers, loss)


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


def _phase(
    model: Lord,
    context: Context,
    name: str,
    share: float,
    optimizers: list[torch.optim.Optimizer],
    loss: Loss,
) -> Phase:
    batches = ShuffledBatches(
        model.spec.n_images, context.budget.batch_size, seeds.derive(context.seed, name, "batches")
    )
    steps = context.budget.steps(batches.batch_size, share)
    return Phase(name, steps, batches, [Update(optimizers, loss)], model.config.final_rate)
