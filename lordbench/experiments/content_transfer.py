"""Content transfer: the content of image A on the class of image B."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar

import numpy as np

from lordbench.data.images import ImageSet, Int64Array, UInt8Array
from lordbench.data.pairs import Pairs, draw_pairs, random_views, true_images
from lordbench.evaluation import inference
from lordbench.evaluation.experiment import Experiment, Trained
from lordbench.evaluation.grids import transfer_grid
from lordbench.evaluation.measurement import CodeKind, Measurement, MeasurementKey
from lordbench.training.method import Codes
from lordbench.utils import seeds

NAME = "content-transfer"


class ContentTransfer(Experiment):
    """Transfers between pairs of images, the same pairs for all methods of a seed.

    Where contents are labelled the output is compared with the true image, beside two floors (image B
    itself; a random image of B's class) and the method's own reconstruction of the true image. Labelled or
    not: does a judge recognise B's class, and how far are the outputs from real images as a set?

    Learned codes are left out where contents are labelled and no pair of training images has a true image,
    as in unpaired domains. Nothing is measured where methods were told other classes than the data set's own:
    those make other pairs, whose values do not compare; `clustered-domain` asks the question there.
    """

    summary: ClassVar[str] = "content of A on the class of B, against the true image, floors and a judge"

    def run(self, trained: Trained) -> list[Measurement]:
        """Transfer with encoded codes of held-out images, and with learned codes of training images."""
        if trained.split.labels:
            return []
        found = list(self._transfer(trained, "encoded", trained.split.test, trained.test_codes))
        if trained.learned_codes is not None and trained.split.name == "samples":
            found += self._transfer(trained, "learned", trained.split.train, trained.learned_codes)
        return found

    def _transfer(
        self, trained: Trained, kind: CodeKind, images: ImageSet, codes: Codes
    ) -> Iterator[Measurement]:
        scoring, seed = trained.scoring, trained.seed
        pool, judge = trained.pool, trained.judge()
        pairs = transfer_pairs(trained, kind, images)
        if not len(pairs):
            return
        trained.log(f"{NAME}: {len(pairs)} pairs, {kind} codes")
        outputs = inference.decode(trained.method, exchanged(codes, pairs.content, pairs.class_))
        classes = images.classes[pairs.class_]
        groups = (classes, pairs.content)
        place = MeasurementKey(NAME, "transfer", kind)
        if pairs.truth is not None:
            truth = pool.images[pairs.truth]
            reconstruction = MeasurementKey(NAME, "reconstruction", kind)
            if kind == "encoded":
                both = {place: outputs, reconstruction: _reconstructed(trained, pairs.truth)}
                yield from scoring.pairs(both, truth, groups, seed)
            else:
                yield from scoring.pairs({place: outputs}, truth, groups, seed)
                # The pool begins with the training images; held-out ones have no learned codes.
                seen = pairs.truth < len(codes)
                learned = {reconstruction: inference.decode(trained.method, codes.select(pairs.truth[seen]))}
                factors = tuple(factor[seen] for factor in groups)
                yield from scoring.pairs(learned, truth[seen], factors, seed)
        agreement = judge.agrees(outputs, classes)
        yield trained.judged(place, "class_agreement", agreement, groups)
        if kind == "encoded":
            yield from references(trained, pairs)
            yield from scoring.sets(place, outputs, real_images(trained), trained.key)
        draw_grid(trained, images, partial(exchanged, codes), f"transfer-{kind}.png", f"{kind} codes")


def transfer_pairs(trained: Trained, kind: CodeKind, images: ImageSet) -> Pairs:
    """The pairs of images that have codes of this kind: the same for all methods of a seed."""
    generator = seeds.numpy_generator(trained.seed, NAME, "pairs", kind)
    return draw_pairs(images, trained.pool, trained.sizes.pairs, generator)


def references(trained: Trained, pairs: Pairs) -> Iterator[Measurement]:
    """What needs no method, beside transfers with encoded codes: floors, and the judge's ceiling."""
    if pairs.truth is not None:
        truth = trained.pool.images[pairs.truth]
        yield from trained.shared(f"{NAME}: floors", lambda: _floors(trained, pairs, truth))
    judge = trained.judge()
    yield trained.judged(
        MeasurementKey(NAME, "real", ""), "class_agreement", judge.correct, judge.trial_labels
    )


def _reconstructed(trained: Trained, truth: Int64Array) -> UInt8Array:
    """The method's own reconstruction of the true images: what the best transfer could look like."""
    wanted, position = np.unique(truth, return_inverse=True)
    codes = inference.encode(trained.method, trained.pool.images[wanted], trained.device)
    return inference.decode(trained.method, codes)[position]


def _floors(trained: Trained, pairs: Pairs, truth: UInt8Array) -> list[Measurement]:
    """What can be had without any method: image B itself, and a random image of its class."""
    pool, seed = trained.pool, trained.seed
    classes = trained.split.test.classes[pairs.class_]
    views = random_views(pool, classes, seeds.numpy_generator(seed, NAME, "views"))
    floors = {
        MeasurementKey(NAME, "copy", ""): trained.split.test.images[pairs.class_],
        MeasurementKey(NAME, "random", ""): pool.images[views],
    }
    return list(trained.scoring.pairs(floors, truth, (classes, pairs.content), seed))


def exchanged(codes: Codes, content: Int64Array, class_: Int64Array) -> Codes:
    """Content codes of some images beside class codes of others."""
    return Codes(codes.select(class_).class_code, codes.select(content).content_code)


def real_images(trained: Trained) -> UInt8Array:
    """Real images, uint8 (N, C, S, S), that sets of outputs are compared with."""
    generator = seeds.numpy_generator(trained.seed, NAME, "real")
    chosen: Int64Array = generator.permutation(len(trained.pool))[: trained.sizes.real_images]
    return trained.pool.images[np.sort(chosen)]


def draw_grid(
    trained: Trained,
    images: ImageSet,
    mixed: Callable[[Int64Array, Int64Array], Codes],
    file: str,
    what: str,
) -> None:
    """Draw contents across and classes down: an image of a class of its own for each line and column.

    Args:
        trained: gives the method, the seed and the size of the grid.
        images: to draw from.
        mixed: makes the codes of pairs, of images that give the content and images that give the class,
            each int64 (N,), into `images`.
        file: name of the picture, in the cell's folder.
        what: ends the title.
    """
    across, down = trained.sizes.grid
    generator = seeds.numpy_generator(trained.seed, NAME, "grid")
    classes = generator.permutation(np.unique(images.classes))
    shown = np.array(
        [generator.choice(np.flatnonzero(images.classes == c)) for c in classes[: across + down]]
    )
    content = shown[:across]
    class_ = shown[across:] if len(shown) > across + 1 else shown[:down]
    across_down = np.tile(content, len(class_)), np.repeat(class_, len(content))
    outputs = inference.decode(trained.method, mixed(*across_down))
    cells = (len(class_), len(content), *outputs.shape[1:])
    truth = None
    if images.contents is not None:
        index = true_images(images, trained.pool, *across_down)
        truth = trained.pool.images[index].reshape(cells) if (index >= 0).all() else None
    transfer_grid(
        images.images[content],
        images.images[class_],
        outputs.reshape(cells),
        trained.folder / file,
        title=f"{trained.label} on {images.name}, {trained.split.name} split, {what}",
        truth=truth,
    )
