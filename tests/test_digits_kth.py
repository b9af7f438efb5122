"""digits and kth: labels of class only, one grey channel, and a clear word on what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from lordbench.dataset import DatasetConfig
from lordbench.datasets.digits import Digits
from lordbench.datasets.kth import Kth, KthConfig
from lordbench.errors import MissingDataError


@pytest.fixture
def kth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LORDBENCH_HOME", str(tmp_path))
    return tmp_path / "data" / "kth"


def frame(path: Path, value: int, mode: str = "L", size: tuple[int, int] = (64, 64)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode == "L" else (value, value, value + 9)).save(path)


class TestDigits:
    def test_all_digits_come_in_grey_with_their_labels(self) -> None:
        digits = Digits(DatasetConfig()).load(32)
        assert digits.images.shape == (1797, 1, 32, 32)
        assert digits.class_names == tuple("0123456789")
        assert digits.contents is None
        assert np.array_equal(digits.classes, load_digits().target)

    def test_at_their_own_size_the_pixels_are_the_originals(self) -> None:
        digits = Digits(DatasetConfig()).load(8)
        assert np.abs(digits.images[:, 0] / 255 * 16 - load_digits().images).max() < 0.04


class TestKth:
    def test_frames_are_read_in_the_order_of_person_and_name(self, kth: Path) -> None:
        frame(kth / "handwaving" / "person02" / "d4" / "002.png", 20, size=(160, 120))
        frame(kth / "handwaving" / "person02" / "d4" / "001.jpg", 10)
        frame(kth / "handwaving" / "person01" / "d4" / "001.jpeg", 30, mode="RGB")
        frame(kth / "handwaving" / "person01" / "d1" / "001.png", 99)
        frame(kth / "boxing" / "person03" / "d4" / "001.png", 99)
        found = Kth(KthConfig()).load(32)
        assert Kth(KthConfig()).missing() == ""
        assert found.images.shape == (3, 1, 32, 32)
        assert found.class_names == ("person01", "person02")
        assert found.classes.tolist() == [0, 1, 1]
        assert found.contents is None
        assert np.abs(found.images.mean(axis=(1, 2, 3)) - [31, 10, 20]).max() <= 1.5

    def test_action_and_condition_can_be_chosen(self, kth: Path) -> None:
        for person in ("person01", "person02", "person03"):
            frame(kth / "boxing" / person / "d2" / "001.png", 50)
        assert Kth(KthConfig(action="boxing", condition="d2")).load(16).n_classes == 3

    def test_what_is_missing_is_said_with_place_and_source(self, kth: Path) -> None:
        data = Kth(KthConfig(condition="d3"))
        for part in (str(kth / "handwaving"), "<person>/d3", "csc.kth.se/cvap/actions"):
            assert part in data.missing()
        with pytest.raises(MissingDataError, match="handwaving"):
            data.load(64)
