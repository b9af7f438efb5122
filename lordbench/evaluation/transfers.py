"""Transfers between images: their pairs, floors and ceilings, what judges predict of them, and pictures."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from lordbench.data import ImageSet, Int64Array, Pairs, UInt8Array, draw_pairs, true_images
from lordbench.data.pairs import class_means, random_views
from lordbench.evaluation import inference
from lordbench.evaluation.degraded import blurred, noisy
from lordbench.evaluation.experiment import Trained
from lordbench.evaluation.grids import transfer_grid
from lordbench.evaluation.judge import Judge
from lordbench.evaluation.measurement import CodeKind, Measurement, MeasurementKey
from lordbench.evaluation.statistics import Groups
from lordbench.training import Codes
from lordbench.utils import seeds

CONTENT_TRANSFER = "content-transfer"
"""The experiment whose pairs, floors and real images the others share: it names their generators."""
BOTH, SOURCE = "both_agreement", "source_agreement"
REAL = MeasurementKey(CONTENT_TRANSFER, "real", "")
FEWEST = 3
"""Images of a content, on average, that a judge of the content needs."""
BLURS, NOISE = (0.7, 1.0), 0.05
"""Degradations of true images, as in `degraded`: of the size of methods' errors in L1."""
Answers = npt.NDArray[np.bool_]
"""Whether a judge's predictions are as they should be, (N,)."""
CodesOf = Callable[[Int64Array, Int64Array], Codes]
"""Returns the codes of N pairs of content and class images, int64 (N,) each."""


def transfer_pairs(trained: Trained, kind: CodeKind, images: ImageSet) -> Pairs:
    """Draw pairs of the images that have codes of this kind: the same for all methods of a seed."""
    generator = _generator(trained, "pairs", kind)
    return draw_pairs(images, trained.pool, trained.sizes.pairs, generator)


def agreements(
    trained: Trained, outputs: Mapping[MeasurementKey, UInt8Array], images: ImageSet, pairs: Pairs
) -> Iterator[Measurement]:
    """Measure how often judges predict B's class, A's content, and both, of outputs, uint8 (N, C, S, S).

    `source_agreement` is how often the class is A's, which should not have been transferred. `images` are
    those that the pairs were drawn from. Without a judge of the content there is no value of what it judges,
    but a reason.
    """
    classes, judge = images.classes[pairs.class_], _content_judge(trained)
    for key, fake in outputs.items():
        right_content: Answers | str
        if isinstance(judge, str) or images.contents is None:
            right_content = str(judge)
        else:
            right_content = judge.agrees(fake, images.contents[pairs.content])
        predicted, groups = trained.judge().predict(fake), (classes, pairs.content)
        yield from _agreements(trained, key, predicted == classes, right_content, groups)
        source = predicted == images.classes[pairs.content]
        yield trained.judged(key, SOURCE, source, groups, trained.judge(), higher_is_better=False)


def references(trained: Trained, pairs: Pairs) -> list[Measurement]:
    """Measure what does not depend on the method, for encoded codes: floors, degraded images, the ceiling."""
    return trained.shared(f"{CONTENT_TRANSFER}: references", lambda: list(_references(trained, pairs)))


def floors(trained: Trained, pairs: Pairs) -> dict[MeasurementKey, UInt8Array]:
    """What needs no method: copies of A and B, random images of B's class, its mean image."""
    test, classes = trained.split.test, trained.split.test.classes[pairs.class_]
    views = random_views(trained.pool, classes, _generator(trained, "views"))
    learned = trained.split.train if trained.split.name == "samples" else trained.pool
    found = {
        "copy": test.images[pairs.class_],
        "copy of A": test.images[pairs.content],
        "random": trained.pool.images[views],
        "class mean": class_means(learned, classes),
    }
    return {MeasurementKey(CONTENT_TRANSFER, name, ""): floor for name, floor in found.items()}


def exchanged(codes: Codes, content: Int64Array, class_: Int64Array) -> Codes:
    """Combine the content codes of some images with the class codes of others, int64 (N,) each."""
    return Codes(codes.select(class_).class_code, codes.select(content).content_code)


def reconstructed(trained: Trained, truth: Int64Array) -> UInt8Array:
    """The method's own reconstruction of the true images: what the best transfer could look like."""
    distinct, position = np.unique(truth, return_inverse=True)
    codes = inference.encode(trained.method, trained.pool.images[distinct], trained.device)
    return inference.decode(trained.method, codes)[position]


def real_images(trained: Trained) -> UInt8Array:
    """Draw the real images, at most half of all, that sets of outputs are compared with: uint8."""
    return trained.pool.images[np.sort(_shuffled(trained)[: _n_real(trained)])]


def other_real_images(trained: Trained, count: int) -> UInt8Array:
    """Draw real images that are none of `real_images`: the best case of a set."""
    start = _n_real(trained)
    return trained.pool.images[np.sort(_shuffled(trained)[start : start + count])]


def degraded_truth(trained: Trained, experiment: str, truth: UInt8Array) -> dict[MeasurementKey, UInt8Array]:
    """Degrade true images, uint8 (N, C, S, S), which then have lost nothing but sharpness, or have noise."""
    generator = _generator(trained, "noise")
    degraded = {f"true image blurred {sigma:g} px": blurred(truth, sigma) for sigma in BLURS}
    degraded |= {f"true image with noise {NOISE:g}": noisy(truth, NOISE, generator)}
    return {MeasurementKey(experiment, name, ""): images for name, images in degraded.items()}


def draw_grid(
    trained: Trained, images: ImageSet, codes_of: CodesOf, kind: CodeKind, file: str, title: str
) -> None:
    """Draw a grid of transfers by codes of a kind, with an image of another class in each row and column."""
    n_columns, n_rows = trained.sizes.grid
    generator = _generator(trained, "grid")
    classes = generator.permutation(np.unique(images.classes))[: n_columns + n_rows]
    shown = np.array([generator.choice(np.flatnonzero(images.classes == c)) for c in classes])
    content = shown[:n_columns]
    class_ = shown[n_columns:] if len(shown) > n_columns + 1 else shown[:n_rows]
    pairs = np.tile(content, len(class_)), np.repeat(class_, len(content))
    outputs = inference.decode(trained.method, codes_of(*pairs), kind)
    shape = (len(class_), len(content), *outputs.shape[1:])
    truth = None
    if images.contents is not None:
        index = true_images(images, trained.pool, *pairs)
        truth = trained.pool.images[index].reshape(shape) if (index >= 0).all() else None
    title = f"{trained.label} on {images.name}, {trained.split.name} split, {title}"
    sources = images.images[content], images.images[class_]
    transfer_grid(*sources, outputs.reshape(shape), trained.folder / file, title=title, truth=truth)


def _references(trained: Trained, pairs: Pairs) -> Iterator[Measurement]:
    images = trained.split.test
    known = floors(trained, pairs)
    if pairs.truth is not None:
        truth = trained.pool.images[pairs.truth]
        known |= degraded_truth(trained, CONTENT_TRANSFER, truth)
        groups = images.classes[pairs.class_], pairs.content
        yield from trained.scoring.pairs(known, truth, groups, trained.seed)
    yield from agreements(trained, known, images, pairs)
    judge, of_content = trained.judge(), _content_judge(trained)
    right_content = of_content if isinstance(of_content, str) else of_content.correct
    yield from _agreements(trained, REAL, judge.correct, right_content, judge.test_labels)


def _content_judge(trained: Trained) -> Judge | str:
    """Return the judge of the content, or the reason why there is none."""
    train, test = trained.split.train.contents, trained.split.test.contents
    if train is None or test is None:
        return "contents are not labelled"
    labels = np.concatenate([train, test])
    if (each := len(labels) / len(np.unique(labels))) < FEWEST:
        return f"too few images of a content for a judge: {each:.1f} on average"
    return trained.judge("content")


def _agreements(
    trained: Trained, key: MeasurementKey, right_class: Answers, right_content: Answers | str, groups: Groups
) -> Iterator[Measurement]:
    """Measure how often judges are right; a text in place of `right_content` says why there is none."""
    judge = trained.judge()
    yield trained.judged(key, "class_agreement", right_class, groups, judge)
    if not isinstance(right_content, str):
        of_content, both = trained.judge("content"), right_class & right_content
        yield trained.judged(key, "content_agreement", right_content, groups, of_content)
        yield trained.judged(key, BOTH, both, groups, judge, of_content)
    elif key.codes:  # of floors the reason would only repeat it
        missing = Measurement(
            **key._asdict(),
            metric=BOTH,
            value=None,
            n=len(right_class),
            higher_is_better=True,
            note=right_content,
        )
        yield from (missing, missing.model_copy(update={"metric": "content_agreement"}))


def _shuffled(trained: Trained) -> Int64Array:
    order: Int64Array = _generator(trained, "real").permutation(len(trained.pool))
    return order


def _n_real(trained: Trained) -> int:
    return min(trained.sizes.real_images, len(trained.pool) // 2)


def _generator(trained: Trained, *names: str) -> np.random.Generator:
    return seeds.numpy_generator(trained.seed, CONTENT_TRANSFER, *names)
