"""Content transfer: the content of image A with the class of image B."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar

import numpy as np

from lordbench.data import ImageSet, Int64Array, Pairs, UInt8Array, draw_pairs, true_images
from lordbench.data.pairs import random_views
from lordbench.evaluation import CodeKind, Experiment, Measurement, MeasurementKey, Trained, inference
from lordbench.evaluation.grids import transfer_grid
from lordbench.training import Codes
from lordbench.utils import seeds

NAME = "content-transfer"
CodesOf = Callable[[Int64Array, Int64Array], Codes]
"""Returns the codes of N pairs of content and class images, int64 (N,) each."""


class ContentTransfer(Experiment):
    """Transfers between pairs of images, the same pairs for all methods of a seed.

    Where contents are labelled the output is compared with the true image, beside two floors (image B
    itself; a random image of B's class) and the method's own reconstruction of the true image. Labelled or
    not: does a judge recognise B's class, and how far are the outputs from real images as a set?

    Learned codes are left out where contents are labelled and no pair of training images has a true image,
    as in unpaired domains. Nothing is measured where the class labels given to methods are not the data set's
    own: their pairs differ, so values would not be comparable; `clustered-domain` covers that case.
    """

    summary: ClassVar[str] = "content of A with the class of B: against the true image, floors and a judge"

    def run(self, trained: Trained) -> list[Measurement]:
        """Transfer with encoded codes of held-out images, and with learned codes of training images."""
        if trained.split.labels:
            return []
        rows = list(_transfer(trained, "encoded", trained.split.test, trained.test_codes))
        if trained.learned_codes is not None and trained.split.name == "samples":
            rows += _transfer(trained, "learned", trained.split.train, trained.learned_codes)
        return rows


def transfer_pairs(trained: Trained, kind: CodeKind, images: ImageSet) -> Pairs:
    """Draw pairs of the images that have codes of this kind: the same for all methods of a seed."""
    generator = seeds.numpy_generator(trained.seed, NAME, "pairs", kind)
    return draw_pairs(images, trained.pool, trained.sizes.pairs, generator)


def references(trained: Trained, pairs: Pairs) -> Iterator[Measurement]:
    """Measure what does not depend on the method, for encoded codes: floors, and the judge's ceiling."""
    if pairs.truth is not None:
        truth = trained.pool.images[pairs.truth]
        yield from trained.shared(f"{NAME}: floors", lambda: _floors(trained, pairs, truth))
    judge, key = trained.judge(), MeasurementKey(NAME, "real", "")
    yield trained.judged(key, "class_agreement", judge.correct, judge.test_labels)


def exchanged(codes: Codes, content: Int64Array, class_: Int64Array) -> Codes:
    """Combine the content codes of some images with the class codes of others, int64 (N,) each."""
    return Codes(codes.select(class_).class_code, codes.select(content).content_code)


def real_images(trained: Trained) -> UInt8Array:
    """Draw the real images, uint8 (N, C, S, S), that sets of outputs are compared with."""
    generator = seeds.numpy_generator(trained.seed, NAME, "real")
    chosen: Int64Array = generator.permutation(len(trained.pool))[: trained.sizes.real_images]
    return trained.pool.images[np.sort(chosen)]


def draw_grid(trained: Trained, images: ImageSet, codes_of: CodesOf, file: str, title: str) -> None:
    """Draw a grid of transfers, with an image of a different class for each row and column."""
    n_columns, n_rows = trained.sizes.grid
    generator = seeds.numpy_generator(trained.seed, NAME, "grid")
    classes = generator.permutation(np.unique(images.classes))[: n_columns + n_rows]
    shown = np.array([generator.choice(np.flatnonzero(images.classes == c)) for c in classes])
    content = shown[:n_columns]
    class_ = shown[n_columns:] if len(shown) > n_columns + 1 else shown[:n_rows]
    pairs = np.tile(content, len(class_)), np.repeat(class_, len(content))
    outputs = inference.decode(trained.method, codes_of(*pairs))
    shape = (len(class_), len(content), *outputs.shape[1:])
    truth = None
    if images.contents is not None:
        index = true_images(images, trained.pool, *pairs)
        truth = trained.pool.images[index].reshape(shape) if (index >= 0).all() else None
    title = f"{trained.label} on {images.name}, {trained.split.name} split, {title}"
    sources = images.images[content], images.images[class_]
    transfer_grid(*sources, outputs.reshape(shape), trained.folder / file, title=title, truth=truth)


def _transfer(trained: Trained, kind: CodeKind, images: ImageSet, codes: Codes) -> Iterator[Measurement]:
    scoring, seed = trained.scoring, trained.seed
    pairs = transfer_pairs(trained, kind, images)
    if not len(pairs):
        return
    trained.log(f"{NAME}: {len(pairs)} pairs, {kind} codes")
    outputs = inference.decode(trained.method, exchanged(codes, pairs.content, pairs.class_))
    classes = images.classes[pairs.class_]
    groups = (classes, pairs.content)
    key, reconstruction = (MeasurementKey(NAME, name, kind) for name in ("transfer", "reconstruction"))
    if pairs.truth is not None:
        truth = trained.pool.images[pairs.truth]
        if kind == "encoded":
            both = {key: outputs, reconstruction: _reconstructed(trained, pairs.truth)}
            yield from scoring.pairs(both, truth, groups, seed)
        else:
            yield from scoring.pairs({key: outputs}, truth, groups, seed)
            # The pool begins with the training images; held-out ones have no learned codes.
            seen = pairs.truth < len(codes)
            learned = {reconstruction: inference.decode(trained.method, codes.select(pairs.truth[seen]))}
            yield from scoring.pairs(learned, truth[seen], (classes[seen], pairs.content[seen]), seed)
    yield trained.judged(key, "class_agreement", trained.judge().agrees(outputs, classes), groups)
    if kind == "encoded":
        yield from references(trained, pairs)
        yield from scoring.sets(key, outputs, real_images(trained), trained.key)
    draw_grid(trained, images, partial(exchanged, codes), f"transfer-{kind}.png", f"{kind} codes")


def _reconstructed(trained: Trained, truth: Int64Array) -> UInt8Array:
    """The method's own reconstruction of the true images: what the best transfer could look like."""
    distinct, position = np.unique(truth, return_inverse=True)
    codes = inference.encode(trained.method, trained.pool.images[distinct], trained.device)
    return inference.decode(trained.method, codes)[position]


def _floors(trained: Trained, pairs: Pairs, truth: UInt8Array) -> list[Measurement]:
    """Score what needs no method: image B itself, and a random image of its class."""
    test, pool = trained.split.test, trained.pool
    classes = test.classes[pairs.class_]
    views = random_views(pool, classes, seeds.numpy_generator(trained.seed, NAME, "views"))
    copy, random = MeasurementKey(NAME, "copy", ""), MeasurementKey(NAME, "random", "")
    floors = {copy: test.images[pairs.class_], random: pool.images[views]}
    return list(trained.scoring.pairs(floors, truth, (classes, pairs.content), trained.seed))
