"""toyfaces: the structure of rafd, expressions that can be told apart, the same bytes everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lordbench.data.images import ImageSet
from lordbench.data.splits import split
from lordbench.datasets import rafd
from lordbench.datasets.rendered.faces.people import ACTIONS, EXPRESSIONS, person, poses
from lordbench.datasets.rendered.faces.portrait import portraits
from lordbench.datasets.toyfaces import ToyFaces, ToyFacesConfig
from lordbench.evaluation.judge import Judge
from lordbench.utils.errors import UserError

FULL = dict.fromkeys(ACTIONS, 1.0)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LORDBENCH_HOME", str(tmp_path))
    return tmp_path


def faces(size: int = 32, **settings: object) -> ImageSet:
    return ToyFaces(ToyFacesConfig.model_validate(settings)).load(size)


def by_label(images: ImageSet) -> np.ndarray:
    """(people, expressions, angles, C, S, S), as numbers that can be subtracted."""
    people = len(images.attributes["identity"].names or ())
    return images.images.reshape(people, len(EXPRESSIONS), -1, *images.images.shape[1:]).astype(int)


class TestLabels:
    def test_names_are_those_of_rafd(self) -> None:
        found = faces(16, n_identities=2)
        assert found.class_names == rafd.FIELDS["expression"]
        assert found.content_names is not None
        assert [name.split()[1] for name in found.content_names[:5]] == list(rafd.FIELDS["angle"])

    def test_everyone_is_there_with_each_expression_from_each_side_once(self) -> None:
        found = faces(16, n_identities=3, angles="three")
        identity = found.attributes["identity"]
        assert found.contents is not None
        assert found.content_names is not None
        assert identity.names is not None
        labels = set(zip(found.classes.tolist(), found.contents.tolist(), strict=True))
        assert labels == {(c, k) for c in range(8) for k in range(9)}
        assert len(found) == 72
        for content, who in zip(found.contents, identity.values, strict=True):
            assert found.content_names[content].split()[0] == identity.names[who]

    def test_an_image_is_its_person_drawn_with_its_expression_from_its_side(self) -> None:
        found = faces(n_identities=2)
        assert found.contents is not None
        sad, side = found.class_names.index("sad"), 5 + 4
        assert found.content_names is not None
        assert found.content_names[side] == "person001 180"
        (index,) = np.flatnonzero((found.classes == sad) & (found.contents == side))
        assert np.array_equal(found.images[index], list(portraits(person(1), 32))[sad].draw(90))

    def test_camera_000_sees_the_right_cheek_and_180_the_left_one(self) -> None:
        """Contempt is stronger on a side of one's own, and changes more pixels for the camera there."""
        contempt, neutral = (list(EXPRESSIONS).index(name) for name in ("contemptuous", "neutral"))
        found = by_label(faces(n_identities=6))
        change = np.abs(found[:, contempt] - found[:, neutral]).mean(axis=(2, 3, 4))
        sides = [person(k).side for k in range(6)]
        assert set(sides) == {0, 1}
        for (camera_000, *_, camera_180), side in zip(change, sides, strict=True):
            assert (camera_180 > camera_000) == (side == 1)


class TestExpressions:
    def test_units_move_what_they_are_said_to_move(self) -> None:
        shown = {name: poses(name, FULL, 0)[0] for name in EXPRESSIONS}
        assert shown["happy"].corner > 0 > shown["sad"].corner
        assert shown["surprised"].jaw == max(pose.jaw for pose in shown.values())
        assert shown["sad"].inner_brow > shown["sad"].outer_brow
        assert shown["angry"].inner_brow < shown["angry"].outer_brow < 0
        assert shown["fearful"].upper_lid > 0 > shown["disgusted"].upper_lid

    def test_only_contempt_is_of_one_side(self) -> None:
        for name in EXPRESSIONS:
            right, left = poses(name, FULL, 0)
            assert (right == left) == (name != "contemptuous")
            assert poses(name, FULL, 1) == (left, right)

    def test_every_expression_changes_every_face_from_every_side(self) -> None:
        found = by_label(faces(n_identities=9))
        for i in range(8):
            for j in range(i):
                changed = (np.abs(found[:, i] - found[:, j]).max(axis=2) > 16).sum(axis=(2, 3))
                assert changed.min() >= 2, (i, j)
        assert len({image.tobytes() for image in found.reshape(-1, 3, 32, 32)}) == 9 * 8 * 5

    def test_a_judge_tells_expressions_and_people_of_images_it_has_not_seen(self) -> None:
        cut = split(faces(n_identities=18, angles="three"), "samples", seed=0)
        assert Judge(cut, 0).correct.mean() > 0.8  # with all 40 people and five sides: 0.94
        assert Judge(cut, 0, "identity").correct.mean() > 0.95


class TestTheSameBytesEverywhere:
    def test_a_small_set_is_the_one_that_was_published(self) -> None:
        # A change here is a new data set: raise VERSION in toyfaces.py, and say so in the changelog.
        assert faces(n_identities=4).fingerprint == "fbc363b2ac250249"

    def test_a_person_does_not_depend_on_how_many_there_are(self) -> None:
        few, more = faces(16, n_identities=2), faces(16, n_identities=4)
        assert np.array_equal(few.images, more.images[: len(few)])
        assert few.fingerprint != more.fingerprint

    def test_a_second_load_draws_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first = faces(16, n_identities=2)
        monkeypatch.setattr("lordbench.datasets.toyfaces.portraits", None)
        second = faces(16, n_identities=2)
        assert np.array_equal(first.images, second.images)
        assert isinstance(second.images, np.memmap)
        assert second.fingerprint == first.fingerprint

    def test_settings_and_sizes_do_not_share_a_file(self, home: Path) -> None:
        for size, people, angles in ((16, 2, "all"), (24, 2, "all"), (16, 3, "all"), (16, 2, "three")):
            faces(size, n_identities=people, angles=angles)
        assert len(list((home / "datasets").iterdir())) == 4


@pytest.mark.parametrize("size", [8, 20, 264])
def test_a_size_that_cannot_be_made_is_refused(size: int) -> None:
    with pytest.raises(UserError, match="toyfaces: cannot render images of"):
        faces(size)
