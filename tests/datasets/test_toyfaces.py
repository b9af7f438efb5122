"""toyfaces: the structure of rafd, expressions that are seen, the same bytes everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lordbench.data.images import ImageSet
from lordbench.data.splits import split
from lordbench.datasets import rafd
from lordbench.datasets.rendered.people import EXPRESSIONS, person
from lordbench.datasets.rendered.portraits import portrait
from lordbench.datasets.toyfaces import ANGLES, ToyFaces, ToyFacesConfig
from lordbench.evaluation.degraded import blurred, noisy
from lordbench.evaluation.judge import Judge
from lordbench.utils.errors import UserError

ERROR = 0.038
"""L1 of methods' outputs."""


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
    def test_expressions_are_those_of_rafd(self) -> None:
        found = faces(16, n_identities=2)
        assert found.class_names == rafd.FIELDS["expression"]
        assert found.content_names is not None
        assert [name.split()[1] for name in found.content_names[:5]] == list(ANGLES["all"])

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
        assert found.content_names[side] == "person001 130"
        (index,) = np.flatnonzero((found.classes == sad) & (found.contents == side))
        assert np.array_equal(found.images[index], portrait(person(1), "sad", -40, 32))

    def test_camera_050_sees_the_right_cheek_and_130_the_left_one(self) -> None:
        """Contempt is on a side of one's own, and changes more pixels for the camera there."""
        contempt, neutral = (list(EXPRESSIONS).index(name) for name in ("contemptuous", "neutral"))
        found = by_label(faces(16, n_identities=4, angles="three"))
        change = np.abs(found[:, contempt] - found[:, neutral]).mean(axis=(2, 3, 4))
        sides = [person(k).side for k in range(4)]
        assert set(sides) == {0, 1}
        for (camera_050, *_, camera_130), side in zip(change, sides, strict=True):
            assert (camera_130 > camera_050) == (side == 1)


class TestExpressions:
    def test_poses_are_those_of_the_expressions(self) -> None:
        shown = {name: person(0).poses(name)[0] for name in EXPRESSIONS}
        assert shown["happy"].corner > 0 > shown["sad"].corner
        assert shown["surprised"].jaw == max(pose.jaw for pose in shown.values())
        assert shown["sad"].inner_brow > shown["sad"].outer_brow
        assert shown["angry"].inner_brow < 0 < shown["angry"].outer_brow
        assert shown["fearful"].upper_lid > 0 > shown["disgusted"].upper_lid

    def test_only_contempt_is_of_one_side(self) -> None:
        for k in range(4):
            for name in EXPRESSIONS:
                right, left = person(k).poses(name)
                assert (right == left) == (name != "contemptuous")
            right, left = person(k).poses("contemptuous")
            assert (left.corner > right.corner) == (person(k).side == 1)

    @pytest.mark.parametrize("size", [32, 64])
    def test_two_expressions_differ_in_about_a_quarter_of_the_pixels(self, size: int) -> None:
        found = by_label(faces(size, n_identities=4, angles="frontal"))
        pairs = [(i, j) for i in range(8) for j in range(i)]
        differences = [np.abs(found[:, i] - found[:, j]).max(axis=2) for i, j in pairs]
        changed = np.stack([(difference > 16).mean(axis=(2, 3)) for difference in differences])
        assert 0.2 < changed.mean() < 0.3
        assert changed.mean(axis=(1, 2)).min() > 0.15  # of the two most similar expressions
        assert changed.min() > 0.08

    def test_degraded_faces_are_still_recognised(self) -> None:
        """Faces that the judge has not seen, as far from the true image as methods' outputs are."""
        cut = split(faces(n_identities=16, angles="frontal"), "samples", seed=0)
        images, judge = cut.test.images, Judge(cut, 0)
        degraded = blurred(images, 1), noisy(images, 1.3 * ERROR, np.random.default_rng(0))
        assert judge.correct.mean() > 0.9
        for fake in degraded:
            assert np.abs(fake.astype(int) - images).mean() / 255 > ERROR
            assert judge.agrees(fake, judge.test_labels).mean() > 0.8
        assert Judge(cut, 0, "identity").correct.mean() > 0.95


class TestTheSameBytesEverywhere:
    def test_a_small_set_is_the_one_that_was_published(self) -> None:
        # A change here is a new data set: raise VERSION in toyfaces.py, and say so in the changelog.
        assert faces(n_identities=4).fingerprint == "6a9c9dceab1ac03f"

    def test_a_person_does_not_depend_on_how_many_there_are(self) -> None:
        few, more = faces(16, n_identities=2), faces(16, n_identities=4)
        assert np.array_equal(few.images, more.images[: len(few)])
        assert few.fingerprint != more.fingerprint

    def test_a_second_load_draws_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first = faces(16, n_identities=2)
        monkeypatch.setattr("lordbench.datasets.toyfaces.portrait", None)
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
