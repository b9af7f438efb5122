"""Faces: what the experiment says of known methods, with a reader of faces that knows every image."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import CPU, halves
from lookup import Lookup
from torch import Tensor

from lordbench.data.images import Column, ImageSet, UInt8Array, image_hash
from lordbench.data.splits import split
from lordbench.evaluation import faces as reader
from lordbench.evaluation.experiment import EvaluationConfig, Trained
from lordbench.evaluation.faces import DIMENSIONS, LANDMARKS, Faces
from lordbench.evaluation.measurement import Measurement
from lordbench.evaluation.scoring import Scoring
from lordbench.experiments import faces
from lordbench.experiments.faces import FaceTransfer
from lordbench.runner import run_cell
from lordbench.training.method import Codes
from lordbench.utils import errors

TRUTH = halves(n_classes=6, n_contents=12)
"""The class is the person, the content is where the landmarks are."""
DATA = replace(TRUTH, contents=None, content_names=None, faces=True)
APART, SHAPED, NOISE = 1.0, 0.5, 0.01
"""Distances: of two people, of the landmarks of successive contents, of two photographs of a person."""
Rows = dict[tuple[str, str], Measurement]


def known_faces(images: UInt8Array) -> Faces:
    """The face of each known image; none in any other."""
    index = {image_hash(image): i for i, image in enumerate(TRUTH.images)}
    landmarks, embeddings = (
        np.full((len(images), LANDMARKS, 2), np.nan),
        np.full((len(images), DIMENSIONS), np.nan),
    )
    assert TRUTH.contents is not None
    for row, image in enumerate(images):
        if (i := index.get(image_hash(image))) is not None:
            landmarks[row] = TRUTH.contents[i] * 10 * SHAPED
            landmarks[row, reader.OUTER_CORNERS[1], 0] += 10
            embeddings[row] = 0
            embeddings[row, TRUTH.classes[i]] = APART / np.sqrt(2)
            embeddings[row, TRUTH.n_classes + TRUTH.contents[i]] = NOISE
    return Faces(landmarks, embeddings)


class OneShape(Lookup):
    """Shows the right person with the landmarks of content 0."""

    def decode(self, codes: Codes) -> Tensor:
        return super().decode(Codes(codes.class_code, torch.zeros_like(codes.content_code)))


class Destroyed(Lookup):
    """Shows no face."""

    def decode(self, codes: Codes) -> Tensor:
        return super().decode(codes) * 0


class SomeDestroyed(Lookup):
    """Shows no face for even contents, and is perfect for the others."""

    def decode(self, codes: Codes) -> Tensor:
        return super().decode(codes) * (codes.content_code[:, 0] % 2)[:, None, None, None]


def trained(folder: Path, method: type[Lookup] = Lookup, data: ImageSet = DATA) -> Trained:
    cut, sizes = split(data, "samples", seed=0), EvaluationConfig(pairs=60)  # type: ignore[call-arg]
    return Trained("known", method(TRUTH), cut, CPU, 0, sizes, 16, Scoring(CPU, {}), folder)


@pytest.fixture(autouse=True)
def fake_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "find_faces", known_faces)
    monkeypatch.setattr(faces, "require_models", lambda: None)


def measure(folder: Path, method: type[Lookup] = Lookup, data: ImageSet = DATA) -> Rows:
    return {(row.subject, row.metric): row for row in FaceTransfer().run(trained(folder, method, data))}


def value(rows: Rows, subject: str, metric: str) -> float:
    result = rows[subject, metric].value
    assert result is not None
    return result


def apart(folder: Path) -> float:
    """The share of pairs whose contents differ. Of others, no output is nearer to A's landmarks than B's."""
    cell = trained(folder)
    photographs = faces._photographs(cell)
    assert photographs is not None
    position = {image_hash(image): i for i, image in enumerate(TRUTH.images)}
    assert TRUTH.contents is not None
    contents = TRUTH.contents[[position[image_hash(image)] for image in cell.split.test.images]]
    return float((contents[photographs.pairs.content] != contents[photographs.pairs.class_]).mean())


class TestTransfers:
    def test_a_perfect_one_is_right_in_both_where_these_differ(self, tmp_path: Path) -> None:
        rows = measure(tmp_path)
        assert value(rows, "transfer", "both_agreement") == pytest.approx(apart(tmp_path))
        assert apart(tmp_path) > 0.7
        assert value(rows, "transfer", "face_found") == 1
        assert value(rows, "transfer", "landmark_error") == 0
        assert value(rows, "transfer", "identity_distance") < 2 * NOISE

    def test_the_person_alone_is_not(self, tmp_path: Path) -> None:
        rows = measure(tmp_path, OneShape)
        assert value(rows, "transfer", "identity_distance") < 2 * NOISE
        assert value(rows, "transfer", "landmark_error") > SHAPED
        assert value(rows, "transfer", "both_agreement") < 0.7 * apart(tmp_path)

    def test_reconstructions_have_the_landmarks_and_the_person_of_a(self, tmp_path: Path) -> None:
        rows = measure(tmp_path)
        assert value(rows, "reconstruction", "both_agreement") == pytest.approx(apart(tmp_path))
        assert value(rows, "reconstruction", "landmark_error") == 0
        assert value(rows, "reconstruction", "identity_distance") < 2 * NOISE


class TestReferences:
    def test_copies_are_wrong_in_what_they_are_floors_of(self, tmp_path: Path) -> None:
        rows = measure(tmp_path)
        assert value(rows, "copy", "landmark_error") > SHAPED
        assert value(rows, "copy of A", "identity_distance") == pytest.approx(APART, abs=NOISE)
        for copy in ("copy", "copy of A"):
            assert value(rows, copy, "both_agreement") == 0
        halves_of_copies = {("copy", "identity_distance"), ("copy of A", "landmark_error")}
        assert not halves_of_copies & set(rows)

    def test_the_mean_image_of_the_class_is_an_output_like_any_other(self, tmp_path: Path) -> None:
        rows = measure(tmp_path)  # no face is found in it here
        assert rows["class mean", "landmark_error"].samples == rows["copy", "landmark_error"].samples
        assert value(rows, "class mean", "both_agreement") == 0
        assert ("class mean", "identity_distance") not in rows

    def test_another_photograph_of_the_person_is_the_ceiling(self, tmp_path: Path) -> None:
        rows = measure(tmp_path)
        assert 0 < value(rows, "real", "identity_distance") < 2 * NOISE
        assert value(rows, "real", "face_found") == 1

    def test_they_are_measured_once_for_all_methods(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cell = trained(tmp_path)
        first = [row for row in FaceTransfer().run(cell) if not row.codes]
        monkeypatch.setattr(faces, "_photographs", lambda _: None)
        assert [row for row in FaceTransfer().run(cell) if not row.codes] == first


class TestOutputsWithoutAFace:
    def test_destroying_all_is_exactly_as_good_as_the_wrong_copies(self, tmp_path: Path) -> None:
        rows = measure(tmp_path, Destroyed)
        assert value(rows, "transfer", "face_found") == 0
        assert value(rows, "transfer", "both_agreement") == 0
        for copy, metric in (("copy", "landmark_error"), ("copy of A", "identity_distance")):
            own, floor = rows["transfer", metric], rows[copy, metric]
            assert own.samples == floor.samples
        assert ("transfer", "found_landmark_error") not in rows

    def test_they_count_as_these_and_the_rest_is_also_measured_alone(self, tmp_path: Path) -> None:
        rows = measure(tmp_path, SomeDestroyed)
        found = value(rows, "transfer", "face_found")
        assert 0 < found < 1
        assert 0 < value(rows, "transfer", "both_agreement") <= found
        alone, all_ = rows["transfer", "found_landmark_error"], rows["transfer", "landmark_error"]
        assert alone.value == 0
        assert alone.n == round(found * all_.n)
        assert all_.n == rows["copy", "landmark_error"].n
        assert value(rows, "transfer", "landmark_error") > 0.2 * value(rows, "copy", "landmark_error")

    def test_photographs_without_a_face_are_left_out_for_all_methods(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hidden = {image_hash(image) for image in trained(tmp_path).split.test.images[:1]}

        def blind(images: UInt8Array) -> Faces:
            found = known_faces(images)
            unseen = np.array([image_hash(image) in hidden for image in images])
            return Faces(*(np.where(unseen.reshape(-1, *[1] * (x.ndim - 1)), np.nan, x)
                           for x in (found.landmarks, found.embeddings)))  # fmt: skip

        before = measure(tmp_path)
        monkeypatch.setattr(faces, "find_faces", blind)
        rows = measure(tmp_path)
        assert value(rows, "transfer", "face_found") == 1
        assert rows["transfer", "landmark_error"].n < before["transfer", "landmark_error"].n
        assert 0 < value(rows, "real", "face_found") < 1


class TestWhereItApplies:
    def test_not_to_other_images(self, tmp_path: Path) -> None:
        assert FaceTransfer().run(trained(tmp_path, data=replace(DATA, faces=False))) == []

    def test_where_no_face_is_found_nothing_is_measured(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(faces, "find_faces", lambda images: known_faces(images * 0))
        assert measure(tmp_path) == {}

    def test_a_person_needs_two_photographs(self, tmp_path: Path) -> None:
        people = np.array([0, 1, 1, 2, 2, 2], dtype=np.int64)
        other = faces._other_photographs(trained(tmp_path), people)
        assert other[0] == -1
        assert (people[other[1:]] == people[1:]).all()
        assert (other[1:] != np.arange(1, 6)).all()

    def test_where_the_person_is_not_the_class_it_is_that_of_a(self, tmp_path: Path) -> None:
        """As in rafd: the person is part of the content, and contents are labelled."""
        assert TRUTH.contents is not None
        assert TRUTH.content_names is not None
        order = np.lexsort((TRUTH.classes, TRUTH.contents))
        people, expressions = TRUTH.classes[order], TRUTH.contents[order]
        data = ImageSet(
            "expressions", TRUTH.images[order],
            expressions, people, TRUTH.content_names, TRUTH.class_names, "x",
            attributes={"identity": Column(people)}, faces=True,
        )  # fmt: skip

        class Expressions(Lookup):
            def __init__(self, _: ImageSet) -> None:
                super().__init__(data)

        rows = measure(tmp_path, Expressions, data)
        assert value(rows, "transfer", "both_agreement") == 1
        assert value(rows, "transfer", "landmark_error") == 0
        assert value(rows, "copy of A", "landmark_error") > SHAPED
        assert value(rows, "copy", "identity_distance") == pytest.approx(APART, abs=NOISE)


class TestWithoutDlib:
    def test_rows_name_the_extra(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(faces, "require_models", reader.require_models)
        monkeypatch.setattr(errors, "find_spec", lambda _: None)
        rows = measure(tmp_path)
        assert {metric for _, metric in rows} == {
            "both_agreement", "landmark_error", "identity_distance", "face_found",
        }  # fmt: skip
        for row in rows.values():
            assert row.value is None
            assert "pip install 'lordbench[faces]'" in row.note

    def test_it_is_run_again_once_the_extra_is_installed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = list(faces._missing("not installed"))
        monkeypatch.setattr(run_cell, "find_spec", lambda _: None)
        assert not run_cell._can_be_completed("faces", rows)
        monkeypatch.setattr(run_cell, "find_spec", lambda package: find_spec("json"))
        assert run_cell._can_be_completed("faces", rows)
        complete = [row.model_copy(update={"value": 0.5}) for row in rows]
        assert not run_cell._can_be_completed("faces", complete)
