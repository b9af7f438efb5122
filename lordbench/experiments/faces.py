"""Faces: landmarks and embeddings of transfers between photographs of people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from lordbench.data import ImageSet, Int64Array, Pairs, SplitName
from lordbench.data.pairs import class_means
from lordbench.evaluation import Experiment, Measurement, MeasurementKey, Trained, inference
from lordbench.evaluation.experiment import OTHER_LABELS
from lordbench.evaluation.faces import (
    PACKAGES,
    POLICY,
    Faces,
    find_faces,
    identity_distances,
    landmark_errors,
    require_models,
)
from lordbench.evaluation.headlines import Headline, Headlines
from lordbench.evaluation.metric import BoolArray, Float64Array
from lordbench.evaluation.statistics import Groups
from lordbench.evaluation.transfers import exchanged, reconstructed, transfer_pairs
from lordbench.utils import seeds
from lordbench.utils.errors import UserError

NAME, IDENTITY = "faces", "identity"
FOUND, LANDMARKS, DISTANCE, BOTH = "face_found", "landmark_error", "identity_distance", "both_agreement"
TRANSFER = MeasurementKey(NAME, "transfer", "encoded")
MOST = 500
"""Most pairs; reading a face takes a tenth of a second."""


@dataclass(frozen=True, eq=False)
class Goal:
    """The faces that N outputs are compared with.

    Attributes:
        shape: has the landmarks that an output should have.
        person: another photograph of the person that an output should show.
        copied_person: the image that the person is taken from: a copy of it has the wrong landmarks.
        copied_shape: the image that the rest is taken from: a copy of it shows the wrong person.
        other_person: another photograph of that wrong person.
    """

    shape: Faces
    person: Faces
    copied_person: Faces
    copied_shape: Faces
    other_person: Faces


@dataclass(frozen=True, eq=False)
class Photographs:
    """Transfers between photographs in which faces are found, and these faces.

    Attributes:
        pairs: of held-out images.
        goal: of the transfers.
        own_goal: of the method's reconstructions of the images in `pool_shape`.
        pool_shape: the image whose landmarks an output should have, int64 (N,), into the pool.
        groups: for intervals: outputs of one image A are dependent, and so are those of B's class.
        rows: measurements of what needs no method.
    """

    pairs: Pairs
    goal: Goal
    own_goal: Goal
    pool_shape: Int64Array
    groups: Groups
    rows: list[Measurement]


class FaceTransfer(Experiment):
    """Transfers between photographs of people, without labels of the content.

    The pairs of content transfer. Class is the person, and the content of an output is its landmarks against
    those of image A; its class is the distance of its embedding to another photograph of B's person.
    `both_agreement`, the headline, is the share of outputs whose landmarks are nearer to A's than to B's and
    whose embedding is nearer to B's person than to A's. Where the person is not the class but the attribute
    `identity`, it is A who gives the person. Where contents are labelled, the landmarks are compared with the
    true image's.

    An output in which no face is found counts as the copy that is wrong in what is measured, so a method
    gains nothing by destroying faces; `found_...` are means over the others. Floors: copies of A and B, and
    the mean image of B's class, whose landmarks are nearer to A's in many pairs. Ceilings: the method's own
    reconstruction, and another real photograph.
    """

    summary: ClassVar[str] = "sets of faces: landmarks of A, person of B, by dlib (extra `faces`)"
    packages: ClassVar[tuple[str, ...]] = PACKAGES
    headlines: ClassVar[Headlines] = {
        "faces (landmarks of A, person of B; an output without a face counts as a copy of the wrong image)": (
            Headline("right in both", "encoded", "transfer", BOTH, summary="faces"),
            Headline("landmark error", "encoded", "transfer", LANDMARKS),
            Headline("identity distance", "encoded", "transfer", DISTANCE),
            Headline("face found", "encoded", "transfer", FOUND),
            Headline("recon.: right in both", "encoded", "reconstruction", BOTH),
            Headline("recon.: landmark error", "encoded", "reconstruction", LANDMARKS),
            Headline("recon.: identity distance", "encoded", "reconstruction", DISTANCE),
            Headline("recon.: face found", "encoded", "reconstruction", FOUND),
        )
    }

    def missing(self, images: ImageSet, split: SplitName, labels: str) -> str:
        if not images.faces:
            return "needs photographs of people, such as --dataset celeba"
        return OTHER_LABELS if labels else ""

    def run(self, trained: Trained) -> list[Measurement]:
        """Transfer with encoded codes of held-out images."""
        if not trained.split.test.faces or trained.split.labels:
            return []
        try:
            require_models()
        except UserError as error:
            return list(_missing(f"{error.message}. {error.hint}"))
        photographs = trained.shared(NAME, lambda: _photographs(trained))
        if photographs is None:
            trained.log(f"{NAME}: nothing to compare: no pair of photographs with a face in each")
            return []
        pairs = photographs.pairs
        trained.log(f"{NAME}: {len(pairs)} pairs")
        codes = exchanged(trained.test_codes, pairs.content, pairs.class_)
        outputs = find_faces(inference.decode(trained.method, codes))
        own = find_faces(reconstructed(trained, photographs.pool_shape))
        groups = photographs.groups
        return [
            *_scored(trained, TRANSFER, outputs, photographs.goal, groups),
            *_scored(trained, TRANSFER._replace(subject="reconstruction"), own, photographs.own_goal, groups),
            *photographs.rows,
        ]


def _photographs(trained: Trained) -> Photographs | None:
    """Draw the pairs and other photographs of their people; None if no pair has a face in all of them."""
    test, pool = trained.split.test, trained.pool
    pairs = transfer_pairs(trained, "encoded", test)
    pairs = pairs.select(np.arange(len(pairs)) < MOST)
    # The pool ends with the held-out images.
    a, b = (len(pool) - len(test) + index for index in (pairs.content, pairs.class_))
    identities = pool.labels(IDENTITY)
    people, person, shape = (pool.classes, b, a) if identities is None else (identities, a, b)
    target = a if pairs.truth is None else pairs.truth
    other_of = _other_photographs(trained, people)
    images = np.stack([target, other_of[person], person, shape, other_of[shape]])
    usable = np.all([people[person] != people[shape], *(images >= 0)], axis=0)
    if not usable.any():
        return None
    pairs, images = pairs.select(usable), images[:, usable]
    distinct, position = np.unique(images, return_inverse=True)
    faces = find_faces(pool.images[distinct])
    position = position.reshape(images.shape)
    found = np.all(faces.found[position], axis=0)
    real = MeasurementKey(NAME, "real", "")
    rows = [_mean(trained, real, FOUND, faces.found, pool.classes[distinct], higher_is_better=True)]
    if not found.any():
        return None
    pairs, target = pairs.select(found), images[0, found]
    goal = Goal(*(faces.at(index[found]) for index in position))
    groups = test.classes[pairs.class_], pairs.content
    distances = identity_distances(goal.copied_person, goal.person)
    rows.append(_mean(trained, real, DISTANCE, distances, groups, higher_is_better=False))
    copies = [MeasurementKey(NAME, subject, "") for subject in ("copy", "copy of A")]
    of_person, of_shape = copies if identities is None else copies[::-1]
    learned = trained.split.train if trained.split.name == "samples" else pool
    means = find_faces(class_means(learned, groups[0]))
    # What a floor was copied for is right by construction, and says nothing.
    for key, floor, wrong in (
        (of_person, goal.copied_person, LANDMARKS),
        (of_shape, goal.copied_shape, DISTANCE),
        (MeasurementKey(NAME, "class mean", ""), means, LANDMARKS),
    ):
        scored = _scored(trained, key, floor, goal, groups)
        rows += [row for row in scored if row.metric in (BOTH, wrong)]
    own_goal = goal
    if pairs.truth is None:  # A is reconstructed, so the person is A's
        own_goal = replace(
            goal, person=goal.other_person, other_person=goal.person, copied_shape=goal.copied_person
        )
    return Photographs(pairs, goal, own_goal, target, groups, rows)


def _other_photographs(trained: Trained, people: Int64Array) -> Int64Array:
    """Draw for each image of the pool another one of its person, int64 (N,); -1 where there is none."""
    generator = seeds.numpy_generator(trained.seed, NAME, "references")
    order, other = np.argsort(people, kind="stable"), np.full_like(people, -1)
    for members in np.split(order, np.flatnonzero(np.diff(people[order])) + 1):
        if len(members) > 1:
            members = generator.permutation(members)
            other[members] = np.roll(members, 1)
    return other


def _scored(
    trained: Trained, key: MeasurementKey, outputs: Faces, goal: Goal, groups: Groups
) -> Iterator[Measurement]:
    """Compare the faces of outputs with their goal; one without a face counts as the copy that is wrong."""
    found = outputs.found
    errors, distances = landmark_errors(outputs, goal.shape), identity_distances(outputs, goal.person)
    # Comparisons with NaN are false.
    both = errors < landmark_errors(outputs, goal.copied_person)
    both &= distances < identity_distances(outputs, goal.other_person)
    yield _mean(trained, key, BOTH, both, groups, higher_is_better=True)
    yield _mean(trained, key, FOUND, found, groups, higher_is_better=True)
    wrong_errors = landmark_errors(goal.copied_person, goal.shape)
    wrong_distances = identity_distances(goal.copied_shape, goal.person)
    for metric, values, wrong in ((LANDMARKS, errors, wrong_errors), (DISTANCE, distances, wrong_distances)):
        counted = np.where(found, values, wrong)
        yield _mean(trained, key, metric, counted, groups, higher_is_better=False)
        if found.any():
            own_groups = tuple(way[found] for way in groups)
            yield _mean(trained, key, f"found_{metric}", values[found], own_groups, higher_is_better=False)


def _mean(
    trained: Trained,
    key: MeasurementKey,
    metric: str,
    values: Float64Array | BoolArray,
    groups: Groups,
    *,
    higher_is_better: bool,
) -> Measurement:
    mean = trained.scoring.mean
    return mean(key, metric, values, groups, trained.seed, higher_is_better=higher_is_better, policy=POLICY)


def _missing(reason: str) -> Iterator[Measurement]:
    for metric, higher in ((BOTH, True), (LANDMARKS, False), (DISTANCE, False), (FOUND, True)):
        key = TRANSFER._asdict()
        yield Measurement(**key, metric=metric, value=None, n=0, higher_is_better=higher, note=reason)
