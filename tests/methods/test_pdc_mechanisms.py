"""Distance correlation as the penalty: its value on known cases, and its place in LORD's first stage."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from mechanisms import CONTENT, batch, build, learning
from torch import Tensor

from lordbench.nn.dependence import centred_distances, distance_correlation
from lordbench.nn.losses import pyramid
from lordbench.training import Batch
from lordbench.training.optimizers import RowAdam


def correlation(first: Tensor, second: Tensor) -> float:
    value: float = distance_correlation(first, second).item()
    return value


def stage_1(method: Any, of: Batch) -> dict[str, Tensor]:
    terms: dict[str, Tensor] = method.latent_loss(method.class_codes, method.content_codes, pyramid)(of)
    return terms


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class TestDistanceCorrelation:
    def test_it_is_the_value_computed_by_hand(self) -> None:
        # Distances of 0, 1, 2, 3 on a line: rows sum to 6, 4, 4, 6, all to 20, so that a pair is centred by
        # -(row sum + column sum) / 2 + 20 / 6.
        line = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
        third = 1 / 3
        by_hand = torch.tensor(
            [
                [0, -2 * third, third, third],
                [-2 * third, 0, third, third],
                [third, third, 0, -2 * third],
                [third, third, -2 * third, 0],
            ]
        )
        assert torch.allclose(centred_distances(line), by_hand, atol=1e-6)
        # Two groups of two: 0 within, 1 across. Centred: -2/3 within, 1/3 across, the same.
        groups = torch.tensor([[0.0], [0.0], [1.0], [1.0]])
        assert correlation(line, groups) == pytest.approx(1)
        # The groups cross those of the line: -2/3 at (0, 2) and (1, 3). Six pairs' products are
        # 2 (-2/9) for each grouping and 2 (1/9); sum -6/9 of squares 12/9.
        crossed = torch.tensor([[0.0], [1.0], [0.0], [1.0]])
        assert correlation(line, crossed) == pytest.approx(-0.5)

    def test_of_a_sample_with_itself_moved_scaled_and_turned_it_is_one(self) -> None:
        sample = normal(20, 3)
        turned = torch.linalg.qr(normal(3, 3, seed=1))[0]
        assert correlation(sample, 5 * sample @ turned + 2) == pytest.approx(1, abs=1e-5)

    def test_independent_samples_have_none_on_average_whatever_their_lengths(self) -> None:
        values = [correlation(normal(16, 64, seed=i), normal(16, 32, seed=1000 + i)) for i in range(200)]
        mean = sum(values) / len(values)
        assert abs(mean) < 4 * math.sqrt(0.01 / len(values))
        assert min(values) < 0 < max(values)

    def test_it_sees_dependence_without_correlation(self) -> None:
        sample = normal(300, 1)
        square = sample.square()
        assert abs(torch.corrcoef(torch.cat([sample, square], 1).T)[0, 1]) < 0.2
        assert correlation(sample, square) > 0.15

    def test_its_gradient_is_exact(self) -> None:
        samples = normal(6, 2).double().requires_grad_(), normal(6, 3, seed=1).double().requires_grad_()
        assert torch.autograd.gradcheck(distance_correlation, samples)

    def test_without_meaning_it_is_zero_and_so_is_its_gradient(self) -> None:
        sample = normal(3, 2).requires_grad_()
        equal = torch.zeros(6, 2, requires_grad=True)
        for first, second in ((sample, normal(3, 1)), (equal, normal(6, 1))):
            value = distance_correlation(first, second)
            value.backward()
            assert value.item() == 0
            assert not first.grad.any()


class TestPenalty:
    def test_it_takes_the_place_of_noise_and_decay(self) -> None:
        method = build("pdc", dependence=0.5)
        terms = stage_1(method, batch())
        assert set(terms) == {"reconstruction", "distance correlation"}
        contents = method.content_codes.table.weight[batch().index]
        classes = method.class_codes.table.weight[batch().classes]
        output = method.generator(classes, contents)
        assert terms["reconstruction"].item() == pytest.approx(pyramid(output, batch().images).item())
        expected = 0.5 * correlation(contents, classes)
        assert terms["distance correlation"].item() == pytest.approx(expected, abs=1e-6)

    def test_both_codes_learn_from_it(self) -> None:
        method = build("pdc", dependence=1.0)
        term = stage_1(method, batch())["distance correlation"]
        assert learning(method, term) == {"class_codes", "content_codes"}

    def test_minimising_it_makes_codes_independent(self) -> None:
        method, everything = build("pdc", dependence=1.0), batch(*range(16))
        classes, contents = method.class_codes.table.weight, method.content_codes.table.weight
        with torch.no_grad():
            contents.copy_(0.3 * contents + classes[everything.classes, :CONTENT])
        before = stage_1(method, everything)["distance correlation"].item()
        optimizer = RowAdam([method.class_codes.table, method.content_codes.table], 2e-3, (0.5, 0.999))
        for _ in range(50):
            optimizer.zero_grad(set_to_none=True)
            stage_1(method, everything)["distance correlation"].backward()
            optimizer.step()
        assert before > 0.5
        assert correlation(contents.detach(), classes.detach()[everything.classes]) < 0.1

    def test_lords_regularizers_can_be_added(self) -> None:
        """Noise is no part of the codes that must be independent."""
        method = build("pdc", regularizer="noise", dependence=1.0)
        terms = stage_1(method, batch())
        assert set(terms) == {"reconstruction", "decay", "distance correlation"}
        contents = method.content_codes.table.weight[batch().index]
        classes = method.class_codes.table.weight[batch().classes]
        assert terms["distance correlation"].item() == pytest.approx(correlation(contents, classes), abs=1e-6)

    def test_codes_fitted_to_unseen_images_are_kept_independent_too(self) -> None:
        method, unseen = build("pdc", dependence=1.0), build("pdc")
        for table in (unseen.class_codes.table, unseen.content_codes.table):
            torch.nn.init.normal_(table.weight, generator=torch.Generator().manual_seed(0))
        terms = method.latent_loss(unseen.class_codes, unseen.content_codes, pyramid)(batch())
        contents = unseen.content_codes.table.weight[batch().index]
        classes = unseen.class_codes.table.weight[batch().classes]
        assert terms["distance correlation"].item() == pytest.approx(correlation(contents, classes), abs=1e-6)
        for term in terms.values():
            assert learning(unseen, term) == {"class_codes", "content_codes"}
