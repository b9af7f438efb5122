"""Kernel probe: what a code reveals to a smooth non-linear classifier."""

from collections.abc import Sequence
from functools import cache
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

        @cache
        def correct(width: float, penalty: float) -> Tensor:
            found = solve(torch.exp(-width * near), target[:, rest], penalty)
            return (torch.exp(-width * far) @ found).argmax(dim=-1) == labels[:, held]

        def best(grid: Sequence[Tensor]) -> tuple[list[int], Tensor, Tensor]:
            setting, accuracy, at_edge = choose(torch.stack(list(grid), dim=1)[None], counted)
            return setting[0].tolist(), accuracy[0], at_edge[0]

        counted = torch.ones(1, len(held), dtype=torch.bool, device=codes.device)
        widths, _, too_wide = best([correct(width, PENALTY) for width in WIDTHS])
        by_width = {w: [correct(WIDTHS[w], penalty) for penalty in PENALTIES] for w in set(widths)}
        penalties, accuracy, too_strong = best(
            [
                torch.stack([by_width[w][i][row] for row, w in enumerate(widths)])
                for i in range(len(PENALTIES))
            ]
        )
        near, far = distances(codes[sample], codes[sample]), distances(batch.test[b], codes[sample])
        predicted, names = [], []
        for row, (w, i) in enumerate(zip(widths, penalties, strict=True)):
            found = solve(torch.exp(-WIDTHS[w] * near), target[row : row + 1, sample], PENALTIES[i])
            predicted.append((torch.exp(-WIDTHS[w] * far) @ found[0]).argmax(dim=-1))
            names.append(f"width {WIDTHS[w]:g}, penalty {PENALTIES[i]:g}")
        return torch.stack(predicted), accuracy, names, (too_wide | too_strong).tolist()

    def policy(self) -> str:
        widths, penalties = (", ".join(f"{value:g}" for value in values) for values in (WIDTHS, PENALTIES))
        return (
            f"standardised codes, {MOST:,} at most; least squares onto one-hot labels, kernel "
            f"exp(-w d²/D), w of {widths}, penalty of {penalties}, chosen on held-out "
            f"{HELD_OUT:.0%} of the other label's values, then fitted on all"
        )


def solve(kernel: Tensor, target: Tensor, penalty: float) -> Tensor:
    """Coefficients, (L, N, K), of kernel ridge regression, (N, N), onto targets, (L, N, K), centred."""
    system = kernel.clone()
    system.diagonal().add_(penalty)
    centred = target - target.mean(dim=1, keepdim=True)
    flat = centred.transpose(0, 1).flatten(1)
    solution = torch.cholesky_solve(flat, torch.linalg.cholesky(system))
    return solution.unflatten(1, (target.shape[0], target.shape[2])).transpose(0, 1)


def distances(a: Tensor, b: Tensor) -> Tensor:
    """Squared distances of codes, (N, D) and (M, D), for each dimension that varies: (N, M)."""
    n_varying = max(1, int((b != 0).any(dim=0).sum()))
    squares = (a * a).sum(dim=1)[:, None] + (b * b).sum(dim=1) - 2 * a @ b.T
    return squares.clamp_(min=0) / n_varying


def _sample(available: Tensor, seed: int) -> Tensor:
    """Draw the codes that are used, as sorted indices."""
    index = available.nonzero().squeeze(1).cpu()
    order = seeds.numpy_generator(seed, "probe_kernel").permutation(len(index))[:MOST]
    return index[torch.from_numpy(order).sort().values].to(available.device)
