"""Kernel probe: what a code reveals to a smooth non-linear classifier."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from lordbench.evaluation.probes import HELD_OUT, Batch, BatchedProbe, Fitted, choose
from lordbench.utils import seeds

WIDTHS = (0.03, 0.1, 0.3, 1.0, 3.0)
"""Factors of the squared distance, divided by the number of dimensions that vary."""
PENALTIES, PENALTY = (1e-3, 1e-2, 0.1, 1.0, 10.0), 0.1
"""The width is chosen with the penalty in the middle, then the penalty with that width."""
MOST = 2000
"""Training codes are drawn at random above this number: the cost grows with its third power."""


class KernelProbe(BatchedProbe):
    """Regularised least squares onto one-hot labels with a Gaussian kernel (Rifkin et al. 2003).

    Its accuracy is about that of a support vector machine, at the cost of a linear system.
    """

    title: ClassVar[str] = "kernel probe"
    source: ClassVar[str] = "Rifkin, Yeo & Poggio 2003; as scikit-learn's KernelRidge"

    def fit(self, batch: Batch) -> Fitted:
        parts = [self._fit_one(batch, b) for b in range(len(batch.codes))]
        predicted, accuracy, chosen, at_edge = zip(*parts, strict=True)
        return Fitted(torch.stack(predicted), torch.stack(accuracy), list(chosen), list(at_edge))

    def _fit_one(self, batch: Batch, b: int) -> tuple[Tensor, Tensor, list[str], list[bool]]:
        """Fit one task; the systems are large enough to be solved one by one."""
        n_labels = int(batch.possible[b].sum())
        sample = _sample(batch.all[b], batch.seeds[b])
        rest, held = sample[batch.rest[b][sample]], batch.held[b].nonzero().squeeze(1)
        target = torch.nn.functional.one_hot(batch.labels[b], n_labels).to(batch.codes.dtype)
        codes, labels = batch.codes[b], batch.labels[b]
        near, far = distances(codes[rest], codes[rest]), distances(codes[held], codes[rest])

        def correct(width: float, penalties: Sequence[float]) -> Tensor:
            """Which held-out codes are predicted: bool (L, settings, M)."""
            found = predict(near, target[:, rest], far, width, penalties)
            return torch.stack(found, dim=1) == labels[:, None, held]

        counted = torch.ones(1, len(held), dtype=torch.bool, device=codes.device)
        by_width = torch.cat([correct(width, [PENALTY]) for width in WIDTHS], dim=1)
        chosen, _, too_wide = choose(by_width[None], counted)
        widths = [WIDTHS[i] for i in chosen[0].tolist()]
        at_width = {width: correct(width, PENALTIES) for width in set(widths)}
        by_penalty = torch.stack([at_width[width][row] for row, width in enumerate(widths)])
        chosen, accuracy, too_strong = choose(by_penalty[None], counted)
        settings = list(zip(widths, [PENALTIES[i] for i in chosen[0].tolist()], strict=True))

        near, far = distances(codes[sample], codes[sample]), distances(batch.test[b], codes[sample])
        found = {
            (width, penalty): predict(near, target[:, sample], far, width, [penalty])[0]
            for width, penalty in set(settings)
        }
        predicted = torch.stack([found[setting][row] for row, setting in enumerate(settings)])
        names = [f"width {width:g}, penalty {penalty:g}" for width, penalty in settings]
        return predicted, accuracy[0], names, (too_wide | too_strong)[0].tolist()

    def policy(self) -> str:
        widths, penalties = (", ".join(f"{value:g}" for value in values) for values in (WIDTHS, PENALTIES))
        return (
            f"standardised codes, {MOST:,} at most; least squares onto one-hot labels, kernel "
            f"exp(-w d²/D), w of {widths}, penalty of {penalties}, chosen on held-out "
            f"{HELD_OUT:.0%} of the other label's values, then fitted on all"
        )


def predict(
    near: Tensor, target: Tensor, far: Tensor, width: float, penalties: Sequence[float]
) -> list[Tensor]:
    """Predict labels, int64 (L, M), by kernel ridge regression with each penalty.

    `near` are squared distances of N codes, (N, N), `far` of M others from them, (M, N); the targets,
    (L, N, K), are centred.
    """
    centred = (target - target.mean(dim=1, keepdim=True)).transpose(0, 1).flatten(1)
    near, far = (near * -width).exp_(), (far * -width).exp_()
    predicted, added = [], 0.0
    for penalty in penalties:
        near.diagonal().add_(penalty - added)
        added = penalty
        found = far @ torch.cholesky_solve(centred, torch.linalg.cholesky(near))
        best = found.unflatten(1, (target.shape[0], target.shape[2])).argmax(dim=-1)
        predicted.append(best.T)
    return predicted


def distances(a: Tensor, b: Tensor) -> Tensor:
    """Squared distances of codes, (N, D) and (M, D), for each dimension that varies: (N, M)."""
    n_varying = max(1, int((b != 0).any(dim=0).sum()))
    squares = (a @ b.T).mul_(-2).add_((a * a).sum(dim=1)[:, None]).add_((b * b).sum(dim=1))
    return squares.clamp_(min=0).div_(n_varying)


def _sample(available: Tensor, seed: int) -> Tensor:
    """Draw the codes that are used, as sorted indices."""
    index = available.nonzero().squeeze(1).cpu()
    order = seeds.numpy_generator(seed, "probe_kernel").permutation(len(index))[:MOST]
    return index[torch.from_numpy(order).sort().values].to(available.device)
