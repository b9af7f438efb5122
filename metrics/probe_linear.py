"""Linear probe: what a code reveals to a linear classifier."""

from typing import ClassVar

import torch
from torch import Tensor

from lordbench.evaluation.probes import HELD_OUT, Batch, BatchedProbe, Fitted, choose, take, texts

STRENGTHS = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)
"""scikit-learn's C, the inverse of the L2 penalty."""
CHOOSING, FITTING = 12, 20
"""Most iterations for each C while it is chosen, and of the final fit; each begins at the weights before."""
TOLERANCE = 5e-5
"""Nats for a code: iterations end where another one is expected to gain less."""
TINY = 1e-30
"""Least divisor: nothing is left to do where a slope is zero."""


class LinearProbe(BatchedProbe):
    """Multinomial logistic regression on standardised codes; the penalty is chosen on held-out ones."""

    title: ClassVar[str] = "linear probe"
    source: ClassVar[str] = "Alain & Bengio 2016; as scikit-learn's LogisticRegression"

    def fit(self, batch: Batch) -> Fitted:
        strengths = torch.tensor(STRENGTHS, device=batch.codes.device).expand(*batch.labels.shape[:2], -1)
        path: list[Tensor] = []
        for strength in strengths.unbind(dim=2):
            path.append(logistic(batch, batch.rest, strength, CHOOSING, path[-1] if path else None))
        likeliest = [scores(batch.codes, weights, batch.possible).argmax(dim=-1) for weights in path]
        correct = torch.stack(likeliest, dim=2) == batch.labels[:, :, None]
        chosen, accuracy, at_edge = choose(correct, batch.held)
        start, strength = take(torch.stack(path, dim=2), chosen), take(strengths, chosen)
        final = logistic(batch, batch.all, strength, FITTING, start)
        predicted = scores(batch.test, final, batch.possible).argmax(dim=-1)
        names = texts(chosen, [f"C = {strength:g}" for strength in STRENGTHS])
        return Fitted(predicted, accuracy, names, at_edge.tolist())

    def policy(self) -> str:
        strengths = ", ".join(f"{strength:g}" for strength in STRENGTHS)
        return (
            f"standardised codes; multinomial logistic regression, {FITTING} conjugate gradients at most; "
            f"C of {strengths}, chosen on held-out {HELD_OUT:.0%} of the other label's values, then fitted "
            "on all"
        )


def logistic(
    batch: Batch, used: Tensor, strength: Tensor, iterations: int, start: Tensor | None = None
) -> Tensor:
    """Fit multinomial logistic regressions to the codes `used`, bool (B, N), of a batch.

    Conjugate gradients (Polak & Ribière 1969), begun anew where they would lead uphill, with a step of
    Newton's method along each direction. They are preconditioned by what the Hessian's block of a label is
    where all labels are equally likely. Scores are linear in weights, so an iteration costs two products.

    `strength` is the inverse L2 penalty, (B, L); biases are not penalised. Weights, as `start` and as
    returned, are (B, L, D + 1, K); the last row are the biases.
    """
    n_labels = batch.possible.shape[1]
    rows = used.any(dim=0)  # On a CPU, where a batch is one task, the others cost a third of the time.
    # Codes that are not used are zero, and so is their part of every sum.
    codes = with_ones(batch.codes[:, rows]) * used[:, rows, None]
    labels = torch.nn.functional.one_hot(batch.labels[:, :, rows], n_labels).to(codes.dtype)
    penalty = torch.ones(codes.shape[2], device=codes.device)
    penalty[-1] = 1e-6
    penalty = (penalty / strength[..., None])[..., None]
    likely = 1 / batch.possible.sum(dim=1)[:, None, None, None]
    hessian = (codes.mT @ codes)[:, None] * likely + torch.diag_embed(penalty.squeeze(-1))
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
    observed = codes.mT[:, None] @ labels
    weights = torch.zeros_like(observed) if start is None else start
    logits = products(codes, weights).masked_fill_(~batch.possible[:, None, None], -torch.inf)
    direction, before = torch.zeros_like(weights), torch.zeros_like(weights)
    previous = codes.new_ones(1)
    enough = 2 * TOLERANCE * used.sum(dim=1)[:, None, None, None]  # Newton's method gains half of a decrease.
    for _ in range(iterations):
        probability = logits.softmax(dim=-1)
        expected = (codes.mT @ probability.flatten(2)).unflatten(2, (-1, n_labels)).transpose(1, 2)
        slope = expected - observed + penalty * weights
        scaled = inverse @ slope
        decrease = dot(slope, scaled)
        if (decrease < enough).all():
            break
        turned = ((decrease - dot(before, scaled)) / previous).clamp_(min=0) * direction - scaled
        direction = torch.where(dot(slope, turned) < 0, turned, -scaled)
        change = products(codes, direction)
        weighted = probability.mul_(change)
        mean = weighted.sum(dim=-1)
        # Rounded, the variance of equal changes may be less than nothing.
        variance = (weighted.mul_(change).sum(dim=-1) - mean.square()).sum(dim=1).clamp_(min=0)
        curvature = variance[..., None, None] + dot(penalty * direction, direction)
        step = -dot(slope, direction) / curvature.clamp_(min=TINY)
        weights = weights + step * direction
        logits.addcmul_(step.transpose(1, 2), change)
        before, previous = slope, decrease.clamp_(min=TINY)
    return weights


def with_ones(codes: Tensor) -> Tensor:
    """Append a constant dimension to codes, (B, N, D)."""
    return torch.cat([codes, codes.new_ones(*codes.shape[:2], 1)], dim=2)


def scores(codes: Tensor, weights: Tensor, possible: Tensor) -> Tensor:
    """Scores, (B, L, N, K), of codes, (B, N, D); minus infinity for labels that a task does not have."""
    of_all = products(with_ones(codes), weights).transpose(1, 2)
    return of_all.masked_fill(~possible[:, None, None], -torch.inf)


def products(codes: Tensor, weights: Tensor) -> Tensor:
    """Codes with a constant dimension, (B, N, D + 1), by weights: (B, N, L, K)."""
    wide = codes @ weights.transpose(1, 2).flatten(2)
    return wide.view(*wide.shape[:2], weights.shape[1], weights.shape[3])


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner products of weights: (B, L, 1, 1)."""
    return (a * b).sum(dim=(-1, -2), keepdim=True)
