"""toycars: the labels say what the pixels show, the same bytes come out everywhere, the cache heals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lordbench.data.images import ImageSet
from lordbench.datasets.rendered.cars import build, design
from lordbench.datasets.rendered.raycast import View
from lordbench.datasets.rendered.solids import box
from lordbench.datasets.toycars import ToyCars, ToyCarsConfig
from lordbench.utils.errors import UserError
from lordbench.utils.progress import Track


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LORDBENCH_HOME", str(tmp_path))
    return tmp_path


def small(n_cars: int = 4, azimuths: int = 4, elevations: int = 2, size: int = 32) -> ImageSet:
    return ToyCars(ToyCarsConfig(n_cars=n_cars, azimuths=azimuths, elevations=elevations)).load(size)


def counting(rendered: list[int]) -> Track[int]:
    def track(items, description, total):
        for item in items:
            rendered.append(item)
            yield item

    return track


class TestLabelsSayWhatThePixelsShow:
    def test_every_car_is_there_from_every_side_once(self) -> None:
        cars = small(n_cars=3)
        assert cars.images.shape == (24, 3, 32, 32)
        pairs = set(zip(cars.classes.tolist(), cars.contents.tolist(), strict=True))
        assert pairs == {(car, view) for car in range(3) for view in range(8)}
        assert cars.content_names[0] == "az000-el10"
        assert cars.content_names[-1] == "az270-el30"

    def test_azimuth_and_elevation_are_attributes(self) -> None:
        cars = small(n_cars=2)
        index = int(np.flatnonzero(cars.contents == 5)[0])
        azimuth, elevation = (cars.attributes[name] for name in ("azimuth", "elevation"))
        assert azimuth.name(int(azimuth.values[index])) == "azimuth 90"
        assert elevation.name(int(elevation.values[index])) == "elevation 30"
        assert azimuth.steps(np.array([0, 0, 1]), np.array([3, 2, 1])).tolist() == [1, 2, 0]

    def test_an_image_is_its_car_drawn_in_its_view(self) -> None:
        cars = small()
        index = int(np.flatnonzero((cars.classes == 2) & (cars.contents == 5))[0])
        assert cars.content_names[5] == "az090-el30"
        assert np.array_equal(cars.images[index], build(design(2)).draw(View(90, 30), 32))

    def test_no_two_of_the_default_images_at_one_height_are_alike(self) -> None:
        view = View(30, 20)
        seen = {build(design(i)).draw(view, 32).tobytes() for i in range(40)}
        assert len(seen) == 40
        turned = {build(design(0)).draw(View(30 * a, 20), 32).tobytes() for a in range(12)}
        assert len(turned) == 12

    def test_front_has_pale_lamps_and_the_rear_red_ones(self) -> None:
        blue = build(design(1))
        front, rear = (blue.draw(View(azimuth, 20), 64).astype(int) for azimuth in (0, 180))

        def red(image: np.ndarray) -> int:
            return int(((image[0] > 150) & (image[1] < 80) & (image[2] < 80)).sum())

        def pale_yellow(image: np.ndarray) -> int:
            return int(((image[0] > 220) & (image[1] > 200) & (image[2] < 200)).sum())

        assert red(rear) >= 5
        assert red(front) == 0
        assert pale_yellow(front) >= 5
        assert pale_yellow(rear) == 0

    def test_both_the_car_and_the_view_change_many_pixels(self) -> None:
        cars = small(n_cars=6, azimuths=6, elevations=2)
        x = cars.images.reshape(6, 12, -1).astype(float) / 255
        other_car = np.abs(x[:, None] - x[None]).mean(axis=(2, 3))[~np.eye(6, dtype=bool)]
        other_view = np.abs(x[:, :, None] - x[:, None]).mean(axis=(0, 3))[~np.eye(12, dtype=bool)]
        assert 0.05 < other_car.mean() < 0.2
        assert 0.05 < other_view.mean() < 0.2

    def test_no_car_leaves_the_picture(self) -> None:
        ground = build(design(0)).draw(View(0, 10), 64)[:, :1, :1].astype(int)
        for car in (3, 5, 8, 25, 38):
            scene = build(design(car))
            for azimuth in (0, 60, 90, 330):
                for elevation in (10, 40):
                    image = scene.draw(View(azimuth, elevation), 64)
                    border = np.concatenate([image[:, [0, -1]], image[:, :, [0, -1]].swapaxes(1, 2)], axis=2)
                    # The faint end of the largest cars' shadow is all that may touch the border.
                    assert np.abs(border - ground).max() < 20
                    assert np.abs(image - ground).max() > 100


class TestTheSameBytesEverywhere:
    def test_a_small_set_is_the_one_that_was_published(self) -> None:
        # A change here is a new data set: raise VERSION in toycars.py, and say so in the changelog.
        assert small().fingerprint == "d293025312f1509b"

    def test_a_car_does_not_depend_on_how_many_there_are(self) -> None:
        few, more = small(n_cars=2), small(n_cars=5)
        assert np.array_equal(few.images, more.images[: len(few)])
        assert few.fingerprint != more.fingerprint


class TestCache:
    def test_a_second_load_renders_nothing(self, home: Path) -> None:
        toycars = ToyCars(ToyCarsConfig(n_cars=2, azimuths=3, elevations=1))
        rendered: list[int] = []
        first = toycars.load(16, counting(rendered))
        second = toycars.load(16, counting(rendered))
        assert rendered == [0, 1]
        assert np.array_equal(first.images, second.images)
        assert first.fingerprint == second.fingerprint
        assert isinstance(second.images, np.memmap)

    @pytest.mark.parametrize("damage", ["truncated", "emptied", "flipped", "other"])
    def test_a_damaged_file_is_rendered_again(self, home: Path, damage: str) -> None:
        toycars = ToyCars(ToyCarsConfig(n_cars=2, azimuths=3, elevations=1))
        whole = toycars.load(16)
        (path,) = (home / "datasets").glob("*.npy")
        content = path.read_bytes()
        damaged = {
            "truncated": content[: len(content) // 2],
            "emptied": b"",
            "flipped": content[:-1] + bytes([content[-1] ^ 1]),
            "other": b"not an array at all",
        }
        path.write_bytes(damaged[damage])
        rendered: list[int] = []
        healed = toycars.load(16, counting(rendered))
        assert rendered == [0, 1]
        assert np.array_equal(healed.images, whole.images)
        assert path.read_bytes() == content

    def test_settings_and_sizes_do_not_share_a_file(self, home: Path) -> None:
        sets = [small(2, 3, 1, 16), small(2, 1, 3, 16), small(3, 2, 1, 16), small(2, 3, 1, 24)]
        assert len(list((home / "datasets").iterdir())) == 4
        assert len({s.fingerprint for s in sets}) == 4

    def test_a_folder_that_cannot_be_written_is_named(self, home: Path) -> None:
        (home / "datasets").write_text("in the way")
        with pytest.raises(UserError, match="datasets") as caught:
            small(2, 1, 1, 16)
        assert "LORDBENCH_HOME" in caught.value.hint


@pytest.mark.parametrize("size", [8, 20, 264])
def test_a_size_that_cannot_be_made_is_refused(size: int) -> None:
    with pytest.raises(UserError, match="multiple of 8"):
        small(size=size)


def test_a_panel_stands_out_of_one_face_only() -> None:
    panel = box((0, 0, 0), (2, 2, 2), (1, 1, 1)).moved({"front": 0.5}, others=-0.25)
    assert panel.faces["front"].offset == 2.5
    assert panel.faces["left"].offset == 1.75
    assert panel.faces["rear"].offset == -0.25
