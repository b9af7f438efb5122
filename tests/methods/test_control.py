"""Controls: their codes and outputs are what they are known to be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from helpers import CPU, halves

from lordbench.config import registry
from lordbench.config.controls import CONTROLS, LEAKS, OUTPUTS, expanded
from lordbench.data.pairs import draw_pairs
from lordbench.data.splits import Split, split
from lordbench.evaluation import inference
from lordbench.evaluation.transfers import exchanged
from lordbench.runner.plan import Request, make_plan
from lordbench.training import DataSpec
from lordbench.utils.errors import UserError

SIZES = {"image_size": 32, "budget.images": 64}


@pytest.fixture(scope="module")
def parts() -> Split:
    return split(halves(n_classes=12, n_contents=16), "samples", seed=0)


def revealed(parts: Split, **settings: Any) -> Any:
    kind = registry.find("methods", "control").load()
    method = kind(kind.Config(**settings), DataSpec.of(parts.train))
    method.reveal(parts)
    return method


def transfers(parts: Split, **settings: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Outputs for pairs of held-out images, their true images, and images A and B."""
    method, test = revealed(parts, **settings), parts.test
    pool = method.images
    from lordbench.data import join

    pairs = draw_pairs(test, join(parts.train, test), 20, np.random.default_rng(0))
    codes = inference.encode(method, test.images, CPU)
    outputs = inference.decode(method, exchanged(codes, pairs.content, pairs.class_))
    return outputs, pool[pairs.truth], test.images[pairs.content], test.images[pairs.class_]


class TestOutputs:
    def test_the_oracle_decodes_to_the_true_image(self, parts: Split) -> None:
        outputs, truth, *_ = transfers(parts)
        np.testing.assert_array_equal(outputs, truth)

    def test_it_does_so_from_spread_codes_that_carry_the_class(self, parts: Split) -> None:
        outputs, truth, *_ = transfers(parts, form="spread", leak=0.5)
        np.testing.assert_array_equal(outputs, truth)

    def test_copies_are_images_a_and_b(self, parts: Split) -> None:
        outputs, _, a, _ = transfers(parts, output="copy-a")
        np.testing.assert_array_equal(outputs, a)
        outputs, _, _, b = transfers(parts, output="copy-b")
        np.testing.assert_array_equal(outputs, b)

    @pytest.mark.parametrize(("output", "low", "high"), [("blurred", 0.002, 0.1), ("noisy", 0.02, 0.05)])
    def test_degraded_ones_are_near_the_true_image(
        self, parts: Split, output: str, low: float, high: float
    ) -> None:
        outputs, truth, *_ = transfers(parts, output=output)
        assert low < np.abs(outputs.astype(float) - truth).mean() / 255 < high

    def test_the_wrong_view_has_the_class_and_another_content(self, parts: Split) -> None:
        outputs, truth, *_ = transfers(parts, output="wrong-view")
        index = {image.tobytes(): i for i, image in enumerate(revealed(parts).images)}
        method = revealed(parts)
        shown, wanted = ([index[image.tobytes()] for image in images] for images in (outputs, truth))
        np.testing.assert_array_equal(method.classes[shown], method.classes[wanted])
        assert (method.contents[shown] != method.contents[wanted]).all()

    def test_the_constant_one_ignores_its_input(self, parts: Split) -> None:
        outputs, *_ = transfers(parts, output="constant")
        assert (outputs == outputs[:1]).all()
        np.testing.assert_allclose(outputs[0], parts.train.images.mean(axis=0), atol=1)

    def test_the_class_mean_is_that_of_the_training_images(self, parts: Split) -> None:
        method = revealed(parts, output="class-mean")
        codes = inference.encode(method, parts.test.images[:1], CPU)
        own = parts.train.images[parts.train.classes == parts.test.classes[0]]
        np.testing.assert_allclose(inference.decode(method, codes)[0], own.mean(axis=0), atol=1)


class TestLeaks:
    @pytest.mark.parametrize("form", ["linear", "curved"])
    def test_the_known_share_of_images_carries_the_class(self, parts: Split, form: str) -> None:
        method = revealed(parts, form=form, leak=0.25)
        block, vectors = method.content_codes[:, 32:], method.of_class[method.classes]
        carries = np.isclose(np.abs((block * vectors).sum(axis=1)), (vectors**2).sum(axis=1), rtol=1e-4)
        assert abs(carries.mean() - 0.25) < 0.1
        signs = np.sign((block * vectors).sum(axis=1))[carries]
        assert (signs > 0).all() == (form == "linear")

    def test_without_leak_the_class_is_in_no_content_code(self, parts: Split) -> None:
        method = revealed(parts)
        same = method.contents[:, None] == method.contents
        codes = method.content_codes[:, :32]
        np.testing.assert_array_equal((codes[:, None] == codes).all(axis=2), same)

    def test_codes_do_not_depend_on_the_batch(self, parts: Split) -> None:
        method = revealed(parts, form="spread", leak=0.5)
        images = inference.to_float(parts.test.images, CPU)
        together, alone = method.encode(images), method.encode(images[3:4])
        assert torch.equal(together.content_code[3:4], alone.content_code)


class TestRequests:
    def test_controls_names_them_all(self) -> None:
        assert expanded(["lord", "controls"]) == ["lord", *CONTROLS]
        plan = make_plan(Request(["controls"], "toycars", "smoke", ["reconstruction"], overrides=SIZES))
        assert len(plan.cells) == len(CONTROLS) == len(LEAKS) + len(OUTPUTS) - 1

    def test_without_content_labels_an_oracle_is_refused_and_others_are_named(self) -> None:
        request = Request(["controls"], "digits", "smoke", ["reconstruction"], overrides=SIZES)
        with pytest.raises(UserError, match="contents are not labelled") as error:
            make_plan(request)
        assert "control[output=copy-b]" in error.value.hint
        assert make_plan(Request(["control[output=copy-b]"], "digits", "smoke", overrides=SIZES)).cells
