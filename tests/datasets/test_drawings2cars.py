"""drawings2cars: the same cars and views in two domains, unpaired in training, the same bytes everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lordbench.data.images import TEST, TRAIN, UNUSED, ImageSet
from lordbench.data.splits import official_kind, split
from lordbench.datasets.drawings2cars import Drawings2Cars, Drawings2CarsConfig, Pencil, drawing, pencil
from lordbench.datasets.rendered.cars import build, design
from lordbench.datasets.rendered.raycast import View
from lordbench.datasets.toycars import ToyCars, ToyCarsConfig
from lordbench.utils.errors import UserError
from lordbench.utils.settings import validated

SMALL = {"n_cars": 4, "azimuths": 6, "elevations": 2}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LORDBENCH_HOME", str(tmp_path))
    return tmp_path


def small(size: int = 32, **settings: int) -> ImageSet:
    return Drawings2Cars(Drawings2CarsConfig(**SMALL | settings)).load(size)


class TestDomains:
    def test_renders_are_the_toy_cars(self) -> None:
        found = small()
        cars = ToyCars(ToyCarsConfig(**SMALL)).load(32)
        assert np.array_equal(found.images[found.classes == 1], cars.images)
        assert np.array_equal(found.attributes["style"].values[found.classes == 1], cars.classes)

    def test_an_image_is_its_pair_in_its_domain(self) -> None:
        found = small()
        index = int(np.flatnonzero((found.contents == 17) & (found.classes == 0))[0])
        assert found.content_names[17] == "car001 az300-el10"
        assert np.array_equal(found.images[index], drawing(build(design(1)), View(300, 10), 32, pencil(1)))
        assert found.attributes["view"].name(int(found.attributes["view"].values[index])) == "az300-el10"

    def test_drawings_are_lines_on_a_light_wash_where_the_car_is(self) -> None:
        scene, view, black = build(design(2)), View(60, 20), Pencil((0.1, 0.1, 0.1), 2)
        drawn = drawing(scene, view, 64, black)[0]
        seen, _ = scene.trace(view, 64)
        car = seen < len(scene.normals)
        rows, columns = np.flatnonzero(car.any(axis=1)), np.flatnonzero(car.any(axis=0))
        beside = np.ones_like(car)
        beside[rows[0] - 1 : rows[-1] + 2, columns[0] - 1 : columns[-1] + 2] = False
        assert (drawn[beside] == 252).all()
        assert drawn.min() < 60
        # Most of the car is wash: lines, not filled shapes. The outline is closed: every row has two inks.
        assert 0.2 < (drawn[car] < 130).mean() < 0.7
        assert ((drawn < 200).sum(axis=1)[rows[1:-1]] >= 2).all()

    def test_colours_of_the_car_have_no_influence(self) -> None:
        scene, view = build(design(1)), View(60, 20)
        before = drawing(scene, view, 32, pencil(1))
        scene.colours = scene.colours[:, ::-1] / 2
        assert np.array_equal(drawing(scene, view, 32, pencil(1)), before)

    def test_twelve_cars_have_twelve_inks(self) -> None:
        assert len({pencil(k).ink for k in range(12)}) == 12
        assert len({pencil(k) for k in range(24)}) == 24


class TestSplit:
    def test_it_is_an_official_split_of_samples(self) -> None:
        found = small()
        assert official_kind(found) == "samples"
        assert split(found, "samples", 0).title == "official samples"

    def test_pairs_are_held_out_in_both_domains_and_train_in_one(self) -> None:
        found = small()
        by_pair = found.parts.reshape(-1, 2)
        counts = {tuple(sorted(parts)) for parts in by_pair.tolist()}
        assert counts == {(TEST, TEST), (UNUSED, TRAIN)}

    def test_domains_have_equal_shares_of_every_car(self) -> None:
        found = small(n_cars=6, azimuths=5, elevations=3)
        style = found.attributes["style"].values
        counts = np.array([
            [((style == car) & (found.classes == d) & (found.parts == TRAIN)).sum() for d in (0, 1)]
            for car in range(6)
        ])  # fmt: skip
        assert counts.sum(axis=0).tolist() == [39, 39]
        assert np.abs(counts[:, 0] - counts[:, 1]).max() == 1
        held_out = np.bincount(style[found.parts == TEST])
        assert held_out.tolist() == [2 * 2] * 6  # a tenth of 15 views, rounded, in two domains

    def test_the_least_number_of_views(self) -> None:
        with pytest.raises(UserError, match="azimuths x elevations must be 3 or more"):
            validated(Drawings2CarsConfig, {"azimuths": 2, "elevations": 1}, "data set drawings2cars")


class TestTheSameBytesEverywhere:
    def test_a_small_set_has_the_published_fingerprint(self) -> None:
        # A change here is a new data set: raise the version in drawings2cars.py, and say so in the changelog.
        assert small().fingerprint == "4b9c04c1eb8f3689"

    def test_a_second_load_renders_nothing(self, home: Path) -> None:
        first = small()
        (path,) = (home / "datasets").glob("drawings2cars-2-4x6x2-32px-*.npy")
        second = small()
        assert isinstance(second.images, np.memmap)
        assert first.fingerprint == second.fingerprint
        assert path.stem.endswith(first.fingerprint)
