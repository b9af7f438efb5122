"""Linear probe: what a code reveals to a linear classifier."""

from typing import ClassVar

import torch
from torch import Tensor

from lordbench.evaluation.probes import HELD_OUT, Batch, BatchedProbe, Fitted, choose, take, texts

STRENGTHS = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)
"""scikit-learn's C, the inverse of the L2 penalty."""
CHOOSING, FITTING = 40, 60
"""Iterations while the penalty is chosen, and of the final fit, which begins at the weights found before."""


class LinearProbe(BatchedProbe):
    """Multinomial logistic regression on standardised codes; the penalty is chosen on held-out ones."""

    title: ClassVar[str] = "linear probe"
    source: ClassVar[str] = "Alain & Bengio 2016; as scikit-learn's LogisticRegression"

    def fit(self, batch: Batch) -> Fitted:
        strengths = torch.tensor(STRENGTHS, device=batch.codes.device).expand(*batch.labels.shape[:2], -1)
        weights = logistic(batch, batch.rest, strengths, CHOOSING)
        correct = scores(batch.codes, weights, batch.possible).argmax(dim=-1) == batch.labels[:, :, None]
        chosen, accuracy, at_edge = choose(correct, batch.held)
        start, strength = take(weights, chosen)[:, :, None], take(strengths, chosen)[..., None]
        final = logistic(batch, batch.all, strength, FITTING, start)
        predicted = scores(batch.test, final, batch.possible).argmax(dim=-1).squeeze(2)
        names = texts(chosen, [f"C = {strength:g}" for strength in STRENGTHS])
        return Fitted(predicted, accuracy, names, at_edge.tolist())

    def policy(self) -> str:
        strengths = ", ".join(f"{strength:g}" for strength in STRENGTHS)
        return (
            f"standardised codes; multinomial logistic regression, {FITTING} accelerated iterations at most; "
            f"C of {strengths}, chosen on held-out {HELD_OUT:.0%} of the other label's values, then fitted "
            "on all"
        )


def logistic(
    batch: Batch, used: Tensor, strengths: Tensor, iterations: int, start: Tensor | None = None
) -> Tensor:
    """Fit multinomial logistic regressions to the codes `used`, bool (B, N), of a batch.

    The Hessian of the log loss lies below half the codes' second moments (Böhning 1992), so a step with that
    matrix, factorised once, never overshoots. Steps are accelerated (Nesterov 1983), anew from where the
    momentum points uphill (O'Donoghue & Candès 2015).

    `strengths` are inverse L2 penalties, (B, L, S); biases are not penalised. Weights, as `start` and as
    returned, are (B, L, S, D + 1, K); the last row are the biases.
    """
    n_labels = batch.possible.shape[1]
    rows = used.any(dim=0)  # On a CPU, where a batch is one task, the others cost a third of the time.
    codes = with_ones(batch.codes[:, rows]) * used[:, rows, None]
    labels = torch.nn.functional.one_hot(batch.labels[:, :, rows], n_labels)
    target = labels.to(codes.dtype).transpose(1, 2)[:, :, :, None]
    penalty = torch.ones(codes.shape[2], device=codes.device)
    penalty[-1] = 1e-6
    penalty = penalty / strengths[..., None]
    bound = (codes.mT @ codes / 2)[:, None, None] + torch.diag_embed(penalty)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(bound))
    shape = (*strengths.shape, codes.shape[2], n_labels)
    weights = codes.new_zeros(shape) if start is None else start
    ahead, momentum = weights, codes.new_ones(*strengths.shape, 1, 1)
    for _ in range(iterations):
        # Codes that are not used are zero, and so is their part of the slope.
        error = scores_of(codes, ahead, batch.possible).softmax(dim=-1).sub_(target)
        slope = (codes.mT @ error.flatten(2)).unflatten(2, error.shape[2:]).permute(0, 2, 3, 1, 4)
        slope = slope + penalty[..., None] * ahead
        stepped = ahead - inverse @ slope
        uphill = (slope * (stepped - weights)).sum(dim=(-1, -2), keepdim=True) > 0
        momentum = torch.where(uphill, 1, momentum)
        following = (1 + (1 + 4 * momentum**2).sqrt()) / 2
        ahead = stepped + (momentum - 1) / following * (stepped - weights)
        weights, momentum = stepped, following
    return weights


def with_ones(codes: Tensor) -> Tensor:
    """Append a constant dimension to codes, (B, N, D)."""
    return torch.cat([codes, codes.new_ones(*codes.shape[:2], 1)], dim=2)


def scores(codes: Tensor, weights: Tensor, possible: Tensor) -> Tensor:
    """Scores of labels, (B, L, S, N, K), of codes, (B, N, D)."""
    return scores_of(with_ones(codes), weights, possible).permute(0, 2, 3, 1, 4)


def scores_of(codes: Tensor, weights: Tensor, possible: Tensor) -> Tensor:
    """Scores, (B, N, L, S, K), of codes with a constant dimension; minus infinity for missing labels."""
    flat = codes @ weights.permute(0, 3, 1, 2, 4).flatten(2)
    together = flat.unflatten(2, (*weights.shape[1:3], weights.shape[4]))
    return together if possible.all() else together.masked_fill(~possible[:, None, None, None], -torch.inf)
