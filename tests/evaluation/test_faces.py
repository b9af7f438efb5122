"""Faces in images: cases whose answer is known, on a photograph (NASA, public domain)."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from lordbench.data.images import UInt8Array
from lordbench.evaluation import faces
from lordbench.evaluation.faces import (
    DIMENSIONS,
    LANDMARKS,
    OUTER_CORNERS,
    SIDE,
    Faces,
    find_faces,
    identity_distances,
    landmark_errors,
)
from lordbench.utils import errors
from lordbench.utils.errors import UserError

NO_FACE = np.zeros((3, SIDE, SIDE), dtype=np.uint8)


def portrait(left: int = 100) -> UInt8Array:
    """Part of a photograph with a face, uint8 (3, 256, 256), from a column."""
    return np.moveaxis(data.astronaut()[:SIDE, left : left + SIDE], -1, 0).copy()


def made_up(shift: tuple[float, float] = (0, 0), scale: float = 1.0, n: int = 2) -> Faces:
    """Random landmarks, scaled and shifted, whose eyes are 10 apart, and random embeddings."""
    generator = np.random.default_rng(0)
    landmarks, embeddings = (
        generator.uniform(0, SIDE, (n, LANDMARKS, 2)),
        generator.normal(size=(n, DIMENSIONS)),
    )
    landmarks[:, OUTER_CORNERS] = (100, 100), (106, 108)
    return Faces(landmarks * scale + shift, embeddings)


class TestErrors:
    def test_of_a_face_with_itself_are_zero(self) -> None:
        face = made_up()
        assert landmark_errors(face, face).tolist() == [0, 0]
        assert identity_distances(face, face).tolist() == [0, 0]

    def test_of_a_shift_are_its_length_over_the_distance_of_the_eyes(self) -> None:
        assert landmark_errors(made_up((3, 4)), made_up()) == pytest.approx([0.5, 0.5])

    def test_do_not_depend_on_the_scale_of_the_images(self) -> None:
        assert landmark_errors(made_up((6, 8), scale=2), made_up(scale=2)) == pytest.approx([0.5, 0.5])

    def test_without_a_face_are_nan(self) -> None:
        none = Faces(np.full((2, LANDMARKS, 2), np.nan), np.full((2, DIMENSIONS), np.nan))
        assert not none.found.any()
        assert np.isnan(landmark_errors(none, made_up())).all()
        assert np.isnan(landmark_errors(made_up(), none)).all()
        assert np.isnan(identity_distances(none, made_up())).all()


def test_without_dlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "find_spec", lambda package: None if package == "dlib" else package)
    with pytest.raises(UserError, match="need dlib, which is not installed") as caught:
        faces.require_models()
    assert "pip install 'lordbench[faces]'" in caught.value.hint


def test_equal_images_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    monkeypatch.setattr(faces, "_face", lambda image: read.append(image))
    assert len(find_faces(np.stack([NO_FACE] * 3 + [portrait()]))) == 4
    assert len(read) == 2


class TestDlib:
    @pytest.fixture(autouse=True)
    def installed(self) -> None:
        pytest.importorskip("dlib")

    def test_it_finds_a_face_and_none(self) -> None:
        found = find_faces(np.stack([portrait(), NO_FACE, portrait()]))
        assert found.found.tolist() == [True, False, True]
        same = found.at(np.array([0, 0]))
        assert landmark_errors(found.at(found.found), same).tolist() == [0, 0]
        assert identity_distances(found.at(found.found), same).tolist() == [0, 0]

    def test_a_shifted_image_has_shifted_landmarks_and_the_same_person(self) -> None:
        found = find_faces(np.stack([portrait(100), portrait(108)]))
        first, second = (found.at(np.array([i])) for i in range(2))
        shift = (first.landmarks - second.landmarks)[0].mean(axis=0)
        assert shift == pytest.approx([8, 0], abs=1)
        left, right = first.landmarks[0][list(OUTER_CORNERS)]
        assert landmark_errors(second, first)[0] == pytest.approx(8 / np.linalg.norm(right - left), abs=0.02)
        assert identity_distances(second, first)[0] < 0.1

    def test_small_and_grey_images_are_read_too(self) -> None:
        small = portrait().reshape(3, 64, 4, 64, 4).mean(axis=(0, 2, 4))[None, None].astype(np.uint8)
        found = find_faces(small)
        assert found.found.all()
        assert landmark_errors(found, find_faces(portrait()[None]))[0] < 0.1
