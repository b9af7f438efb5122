"""Transfer grids: which image stands where, and pixel for pixel."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from lordbench.evaluation.grids import Panel, Translation, side_by_side, transfer_grid, translation_sheet
from lordbench.evaluation.pictures import CELL, CHUNK, GAP, LINE_HEIGHT, MARGIN, read_parts, scale

N, M, SIZE = 4, 3, 32
SIDE = SIZE * scale(SIZE)


def random_images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size=shape, dtype=np.uint8)


CONTENTS, CLASSES = random_images(N, 3, SIZE, SIZE), random_images(M, 3, SIZE, SIZE, seed=1)
OUTPUTS = random_images(M, N, 3, SIZE, SIZE, seed=2)


def place(position: int) -> int:
    """Where a column or line of the grid begins; -1 is that of the given images."""
    if position < 0:
        return MARGIN + GAP
    return MARGIN + (SIDE + 2 * GAP) + MARGIN + GAP + position * (SIDE + GAP)


def cell(sheet: np.ndarray, i: int, j: int, top: int = 0) -> np.ndarray:
    """The image shown in line i and column j, (3, S, S); checks that its pixels are repeated."""
    y, x = top + place(i), place(j)
    shown = sheet[y : y + SIDE, x : x + SIDE].transpose(2, 0, 1)
    small = shown[:, :: scale(SIZE), :: scale(SIZE)]
    np.testing.assert_array_equal(shown, small.repeat(scale(SIZE), 1).repeat(scale(SIZE), 2))
    return small


def drawn(path, *images, **options) -> np.ndarray:
    transfer_grid(*images, path, **options)
    with Image.open(path) as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")
        return np.asarray(picture)


def test_each_cell_shows_its_output_and_the_edges_what_was_given(tmp_path):
    sheet = drawn(tmp_path / "grid.png", CONTENTS, CLASSES, OUTPUTS)
    for i in range(M):
        np.testing.assert_array_equal(cell(sheet, i, -1), CLASSES[i])
        for j in range(N):
            np.testing.assert_array_equal(cell(sheet, -1, j), CONTENTS[j])
            np.testing.assert_array_equal(cell(sheet, i, j), OUTPUTS[i, j])


def test_the_picture_is_as_large_as_its_cells(tmp_path):
    sheet = drawn(tmp_path / "grid.png", CONTENTS, CLASSES, OUTPUTS)
    assert sheet.shape == (place(M) + MARGIN, place(N) + MARGIN, 3)


def test_truth_stands_below_under_its_title(tmp_path):
    truth = random_images(*OUTPUTS.shape, seed=3)
    sheet = drawn(tmp_path / "grid.png", CONTENTS, CLASSES, OUTPUTS, title="lord[noise=1]", truth=truth)
    np.testing.assert_array_equal(cell(sheet, 2, 3, top=LINE_HEIGHT), OUTPUTS[2, 3])
    second = 2 * LINE_HEIGHT + place(M)
    np.testing.assert_array_equal(cell(sheet, 2, 3, top=second), truth[2, 3])


def test_floats_are_clipped_and_rounded(tmp_path):
    outputs = OUTPUTS / 255
    outputs[0, 0, 0], outputs[0, 0, 1], outputs[0, 0, 2] = -0.5, 1.5, 0.5
    sheet = drawn(tmp_path / "grid.png", CONTENTS / 255, CLASSES / 255, outputs)
    np.testing.assert_array_equal(cell(sheet, 1, 1), OUTPUTS[1, 1])
    np.testing.assert_array_equal(cell(sheet, 0, 0)[:, 0, 0], [0, 255, 128])


def test_grey_images_are_shown_grey(tmp_path):
    sheet = drawn(tmp_path / "grid.png", CONTENTS[:, :1], CLASSES[:, :1], OUTPUTS[:, :, :1])
    np.testing.assert_array_equal(cell(sheet, 1, 2), OUTPUTS[1, 2, :1].repeat(3, 0))


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


def test_translations_stand_below_one_another_with_the_true_images_under_the_outputs(tmp_path):
    truth = random_images(N, 3, SIZE, SIZE, seed=3)
    one = Translation("lord", "one", CONTENTS, CLASSES, OUTPUTS, truth)
    translation_sheet([one, one._replace(name="other", truth=None)], tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as picture:
        sheet = np.asarray(picture)
    grid = (SIDE + 2 * GAP) + MARGIN + M * (SIDE + GAP) + GAP
    below = LINE_HEIGHT + grid + MARGIN + LINE_HEIGHT
    second = below + (SIDE + 2 * GAP) + MARGIN + LINE_HEIGHT
    for j in range(N):
        np.testing.assert_array_equal(cell(sheet, 0, j, LINE_HEIGHT), OUTPUTS[0, j])
        np.testing.assert_array_equal(cell(sheet, -1, j, below), truth[j])
        np.testing.assert_array_equal(cell(sheet, 1, j, second), OUTPUTS[1, j])


class TestPicturesSayWhereTheirImagesAre:
    """What a page of all methods is made of."""

    @staticmethod
    def shown(images: np.ndarray) -> np.ndarray:
        """As read back: channels last."""
        return np.moveaxis(images, -3, -1)

    def test_a_grid_is_read_back_to_the_last_bit(self, tmp_path):
        truth = random_images(*OUTPUTS.shape, seed=3)
        transfer_grid(CONTENTS, CLASSES, OUTPUTS, tmp_path / "grid.png", title="any", truth=truth)
        ((part, found),) = read_parts(tmp_path / "grid.png")
        assert part.title == ""
        np.testing.assert_array_equal(found["across"], self.shown(CONTENTS)[None])
        np.testing.assert_array_equal(found["down"], self.shown(CLASSES)[:, None])
        np.testing.assert_array_equal(found["outputs"], self.shown(OUTPUTS))
        np.testing.assert_array_equal(found["truth"], self.shown(truth))

    def test_translations_are_parts_of_their_own(self, tmp_path):
        truth = random_images(N, 3, SIZE, SIZE, seed=3)
        one = Translation("lord", "one", CONTENTS, CLASSES, OUTPUTS, truth)
        other = one._replace(name="other", outputs=OUTPUTS[::-1], truth=None)
        translation_sheet([one, other], tmp_path / "sheet.png")
        (first, its), (second, others) = read_parts(tmp_path / "sheet.png")
        assert (first.title, second.title) == ("one", "other")
        np.testing.assert_array_equal(its["truth"], self.shown(truth)[None])
        np.testing.assert_array_equal(others["outputs"], self.shown(OUTPUTS[::-1]))
        assert "truth" not in others

    def test_panels_name_their_columns(self, tmp_path):
        panels = [
            Panel("input", CLASSES[:, None], [""], "down"),
            Panel("output", OUTPUTS, list("abcd"), "outputs"),
        ]
        side_by_side(panels, tmp_path / "panels.png", "title")
        ((part, found),) = read_parts(tmp_path / "panels.png")
        assert part.columns == tuple("abcd")
        np.testing.assert_array_equal(found["outputs"], self.shown(OUTPUTS))

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

    def test_what_is_no_picture_is_refused(self, tmp_path):
        (tmp_path / "no.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
        with pytest.raises(ValueError, match="not a readable picture"):
            read_parts(tmp_path / "no.png")
