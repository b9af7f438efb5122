"""Pictures of experiments: which image is where, pixel for pixel; read back bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from lordbench.evaluation.grids import (
    Panel,
    Translation,
    panels_side_by_side,
    transfer_grid,
    translation_grids,
)
from lordbench.evaluation.pictures import CELL, CHUNK, GAP, LINE_HEIGHT, MARGIN, read_parts, scale

N, M, SIZE = 4, 3, 32
SIDE = SIZE * scale(SIZE)


def random_images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size=shape, dtype=np.uint8)


CONTENTS, CLASSES = random_images(N, 3, SIZE, SIZE), random_images(M, 3, SIZE, SIZE, seed=1)
OUTPUTS = random_images(M, N, 3, SIZE, SIZE, seed=2)


def offset(position: int) -> int:
    """Where a column or row of the grid begins; -1 is that of the source images."""
    if position < 0:
        return MARGIN + GAP
    return MARGIN + (SIDE + 2 * GAP) + MARGIN + GAP + position * (SIDE + GAP)


def cell(picture: np.ndarray, i: int, j: int, top: int = 0) -> np.ndarray:
    """The image shown in row i and column j, (3, S, S); checks that its pixels are repeated."""
    y, x = top + offset(i), offset(j)
    shown = picture[y : y + SIDE, x : x + SIDE].transpose(2, 0, 1)
    small = shown[:, :: scale(SIZE), :: scale(SIZE)]
    np.testing.assert_array_equal(shown, small.repeat(scale(SIZE), 1).repeat(scale(SIZE), 2))
    return small


def drawn(path, *images, **options) -> np.ndarray:
    transfer_grid(*images, path, **options)
    with Image.open(path) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image)


def test_each_cell_shows_its_output_and_the_edges_the_source_images(tmp_path):
    picture = drawn(tmp_path / "grid.png", CONTENTS, CLASSES, OUTPUTS)
    for i in range(M):
        np.testing.assert_array_equal(cell(picture, i, -1), CLASSES[i])
        for j in range(N):
            np.testing.assert_array_equal(cell(picture, -1, j), CONTENTS[j])
            np.testing.assert_array_equal(cell(picture, i, j), OUTPUTS[i, j])


def test_the_picture_is_as_large_as_its_cells(tmp_path):
    picture = drawn(tmp_path / "grid.png", CONTENTS, CLASSES, OUTPUTS)
    assert picture.shape == (offset(M) + MARGIN, offset(N) + MARGIN, 3)


def test_the_true_images_are_drawn_below_under_a_caption(tmp_path):
    truth = random_images(*OUTPUTS.shape, seed=3)
    picture = drawn(tmp_path / "grid.png", CONTENTS, CLASSES, OUTPUTS, title="lord[noise=1]", truth=truth)
    np.testing.assert_array_equal(cell(picture, 2, 3, top=LINE_HEIGHT), OUTPUTS[2, 3])
    second = 2 * LINE_HEIGHT + offset(M)
    np.testing.assert_array_equal(cell(picture, 2, 3, top=second), truth[2, 3])


def test_floats_are_clipped_and_rounded(tmp_path):
    outputs = OUTPUTS / 255
    outputs[0, 0, 0], outputs[0, 0, 1], outputs[0, 0, 2] = -0.5, 1.5, 0.5
    picture = drawn(tmp_path / "grid.png", CONTENTS / 255, CLASSES / 255, outputs)
    np.testing.assert_array_equal(cell(picture, 1, 1), OUTPUTS[1, 1])
    np.testing.assert_array_equal(cell(picture, 0, 0)[:, 0, 0], [0, 255, 128])


def test_grey_images_are_shown_grey(tmp_path):
    picture = drawn(tmp_path / "grid.png", CONTENTS[:, :1], CLASSES[:, :1], OUTPUTS[:, :, :1])
    np.testing.assert_array_equal(cell(picture, 1, 2), OUTPUTS[1, 2, :1].repeat(3, 0))


@pytest.mark.parametrize("size", [1, 16, 28, 32, 64, 96, 128, 256])
def test_small_images_are_enlarged_and_large_ones_are_not(size):
    assert size * scale(size) >= CELL
    assert scale(size) == 1 or size * (scale(size) - 1) < CELL


def test_a_long_title_widens_the_picture(tmp_path):
    narrow = drawn(tmp_path / "a.png", CONTENTS[:1], CLASSES[:1], OUTPUTS[:1, :1])
    wide = drawn(tmp_path / "b.png", CONTENTS[:1], CLASSES[:1], OUTPUTS[:1, :1], title="a long title " * 9)
    assert wide.shape[1] > narrow.shape[1]
    assert (wide[:, -MARGIN:] == 255).all()


@pytest.mark.parametrize("wrong", ["transposed", "too few", "other size"])
def test_shapes_that_do_not_fit_are_refused_and_nothing_is_written(tmp_path, wrong):
    classes = CLASSES[:, :, :16, :16] if wrong == "other size" else CLASSES
    outputs = {"transposed": OUTPUTS.swapaxes(0, 1), "too few": OUTPUTS[:2]}.get(wrong, OUTPUTS)
    with pytest.raises(ValueError, match="must be"):
        transfer_grid(CONTENTS, classes, outputs, tmp_path / "grid.png")
    assert not list(tmp_path.iterdir())


def test_translations_are_drawn_below_one_another_with_the_true_images_under_the_outputs(tmp_path):
    truth = random_images(N, 3, SIZE, SIZE, seed=3)
    first = Translation("lord", "first", CONTENTS, CLASSES, OUTPUTS, truth)
    translation_grids([first, first._replace(name="second", truth=None)], tmp_path / "translations.png")
    with Image.open(tmp_path / "translations.png") as image:
        picture = np.asarray(image)
    grid = (SIDE + 2 * GAP) + MARGIN + M * (SIDE + GAP) + GAP
    below = LINE_HEIGHT + grid + MARGIN + LINE_HEIGHT
    second = below + (SIDE + 2 * GAP) + MARGIN + LINE_HEIGHT
    for j in range(N):
        np.testing.assert_array_equal(cell(picture, 0, j, LINE_HEIGHT), OUTPUTS[0, j])
        np.testing.assert_array_equal(cell(picture, -1, j, below), truth[j])
        np.testing.assert_array_equal(cell(picture, 1, j, second), OUTPUTS[1, j])


class TestReadParts:
    @staticmethod
    def shown(images: np.ndarray) -> np.ndarray:
        """Images as read back, channels last."""
        return np.moveaxis(images, -3, -1)

    def test_a_grid_is_read_back_bit_for_bit(self, tmp_path):
        truth = random_images(*OUTPUTS.shape, seed=3)
        transfer_grid(CONTENTS, CLASSES, OUTPUTS, tmp_path / "grid.png", title="any", truth=truth)
        ((part, tiles),) = read_parts(tmp_path / "grid.png")
        assert part.title == ""
        np.testing.assert_array_equal(tiles["across"], self.shown(CONTENTS)[None])
        np.testing.assert_array_equal(tiles["down"], self.shown(CLASSES)[:, None])
        np.testing.assert_array_equal(tiles["outputs"], self.shown(OUTPUTS))
        np.testing.assert_array_equal(tiles["truth"], self.shown(truth))

    def test_each_translation_is_a_part(self, tmp_path):
        truth = random_images(N, 3, SIZE, SIZE, seed=3)
        first = Translation("lord", "first", CONTENTS, CLASSES, OUTPUTS, truth)
        second = first._replace(name="second", outputs=OUTPUTS[::-1], truth=None)
        translation_grids([first, second], tmp_path / "translations.png")
        (first_part, first_tiles), (second_part, second_tiles) = read_parts(tmp_path / "translations.png")
        assert (first_part.title, second_part.title) == ("first", "second")
        np.testing.assert_array_equal(first_tiles["truth"], self.shown(truth)[None])
        np.testing.assert_array_equal(second_tiles["outputs"], self.shown(OUTPUTS[::-1]))
        assert "truth" not in second_tiles

    def test_panels_have_named_columns(self, tmp_path):
        panels = [
            Panel("input", CLASSES[:, None], [""], "down"),
            Panel("output", OUTPUTS, list("abcd"), "outputs"),
        ]
        panels_side_by_side(panels, tmp_path / "panels.png", "title")
        ((part, tiles),) = read_parts(tmp_path / "panels.png")
        assert part.columns == tuple("abcd")
        np.testing.assert_array_equal(tiles["outputs"], self.shown(OUTPUTS))

    def test_a_picture_without_a_layout_has_no_parts(self, tmp_path):
        Image.new("RGB", (9, 9)).save(tmp_path / "plain.png")
        assert read_parts(tmp_path / "plain.png") == []

    @pytest.mark.parametrize(
        "layout",
        [
            "nonsense",
            '{"size": 32, "scale": 3, "step": 98, "parts": [{"title": "", "areas":'
            ' {"outputs": {"x": 0, "y": 0, "lines": 9, "columns": 9}}}]}',
            '{"size": 32, "scale": 3, "step": 98, "parts": [{"title": "", "areas":'
            ' {"outputs": {"x": -1, "y": 0, "lines": 1, "columns": 1}}}]}',
        ],
        ids=["no JSON", "beyond the picture", "before it"],
    )
    def test_a_layout_that_does_not_fit_is_refused(self, tmp_path, layout):
        text = PngInfo()
        text.add_text(CHUNK, layout)
        Image.new("RGB", (99, 99)).save(tmp_path / "wrong.png", pnginfo=text)
        with pytest.raises(ValueError, match="wrong"):
            read_parts(tmp_path / "wrong.png")

    def test_a_file_that_is_no_picture_is_refused(self, tmp_path):
        (tmp_path / "no.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
        with pytest.raises(ValueError, match="not a readable picture"):
            read_parts(tmp_path / "no.png")
