"""Content transfer: the content of image A with the class of image B."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import partial
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from lordbench.data import ImageSet, Int64Array, Pairs, SplitName, UInt8Array, draw_pairs, true_images
from lordbench.data.pairs import class_means, random_views
from lordbench.evaluation import CodeKind, Experiment, Measurement, MeasurementKey, Trained, inference
from lordbench.evaluation.degraded import blurred, noisy
from lordbench.evaluation.grids import transfer_grid
from lordbench.evaluation.headlines import ANY, LABELLED, METRIC, Headline, Headlines
from lordbench.evaluation.judge import Judge
from lordbench.evaluation.statistics import Groups
from lordbench.training import Codes
from lordbench.utils import seeds

NAME, BOTH, COST = "content-transfer", "both_agreement", "lpips_cost"
SOURCE = "source_agreement"
REAL = MeasurementKey(NAME, "real", "")
FEWEST = 3
"""Images of a content, on average, that a judge of the content needs."""
BLURS, NOISE = (0.7, 1.0), 0.05
"""Degradations of true images, as in `degraded`: of the size of methods' errors in L1."""
Answers = npt.NDArray[np.bool_]
"""Whether a judge's predictions are as they should be, (N,)."""
CodesOf = Callable[[Int64Array, Int64Array], Codes]
"""Returns the codes of N pairs of content and class images, int64 (N,) each."""


class ContentTransfer(Experiment):
    """Transfers between pairs of images, the same pairs for all methods of a seed.

    Does a judge of the class predict B's class, a judge of the content A's content, and both at once
    (`both_agreement`, the headline)? Where contents are labelled the output is also compared with the true
    image. `lpips_cost` is what the exchange of codes adds to the LPIPS of the method's own reconstruction of
    the true image, whose sharpness LPIPS mostly measures. How far are the outputs from real images as a set?

    Floors (copies of A and B, a random image of B's class, its mean image) are measured as if they were
    outputs, and so are blurred and noisy true images, which show what sharpness alone costs. The ceiling is
    real images.

    Learned codes are left out where contents are labelled and no pair of training images has a true image,
    as in unpaired domains. Nothing is measured where the class labels given to methods are not the data set's
    own: their pairs differ, so values would not be comparable; `clustered-domain` covers that case.
    """

    summary: ClassVar[str] = "content of A with the class of B: two judges, the true image, floors"
    headlines: ClassVar[Headlines] = {
        "content transfer and reconstruction": (
            Headline("right in both", "encoded", "transfer", BOTH, summary="right in both"),
            Headline("class agreement", "encoded", "transfer", "class_agreement"),
            Headline("content agreement", "encoded", "transfer", "content_agreement"),
            Headline("source class", "encoded", "transfer", SOURCE),
            Headline(METRIC, "encoded", "transfer", "l1", summary=METRIC, needs=LABELLED),
            Headline(METRIC, "encoded", "transfer", "ssim", needs=LABELLED),
            Headline("LPIPS cost", "encoded", "transfer", COST, needs=LABELLED),
            Headline(METRIC, "encoded", "transfer", "lpips", summary=METRIC, needs=LABELLED),
            Headline(METRIC, "encoded", "transfer", "fid"),
            Headline(METRIC, "encoded", "transfer", "fd_vgg16"),
            Headline(METRIC, "encoded", "transfer", ANY, summary=METRIC),
        )
    }

    def missing(self, images: ImageSet, split: SplitName, labels: str) -> str:
        return "compares methods given the data set's own class labels: --labels own" if labels else ""

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
    return trained.shared(f"{NAME}: references", lambda: list(_references(trained, pairs)))


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


def degraded_truth(trained: Trained, experiment: str, truth: UInt8Array) -> dict[MeasurementKey, UInt8Array]:
    """Degrade true images, uint8 (N, C, S, S), which then have lost nothing but sharpness, or have noise."""
    generator = seeds.numpy_generator(trained.seed, NAME, "noise")
    degraded = {f"true image blurred {sigma:g} px": blurred(truth, sigma) for sigma in BLURS}
    degraded |= {f"true image with noise {NOISE:g}": noisy(truth, NOISE, generator)}
    return {MeasurementKey(experiment, name, ""): images for name, images in degraded.items()}


def draw_grid(
    trained: Trained, images: ImageSet, codes_of: CodesOf, kind: CodeKind, file: str, title: str
) -> None:
    """Draw a grid of transfers by codes of a kind, with an image of another class in each row and column."""
    n_columns, n_rows = trained.sizes.grid
    generator = seeds.numpy_generator(trained.seed, NAME, "grid")
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


def _transfer(trained: Trained, kind: CodeKind, images: ImageSet, codes: Codes) -> Iterator[Measurement]:
    pairs = transfer_pairs(trained, kind, images)
    if not len(pairs):
        return
    trained.log(f"{NAME}: {len(pairs)} pairs, {kind} codes")
    outputs = inference.decode(trained.method, exchanged(codes, pairs.content, pairs.class_), kind)
    key = MeasurementKey(NAME, "transfer", kind)
    yield from agreements(trained, {key: outputs}, images, pairs)
    if pairs.truth is not None:
        yield from _against_truth(trained, key, outputs, images, pairs, codes)
    if kind == "encoded":
        real, real_key = real_images(trained), trained.key
        yield from references(trained, pairs)
        yield from trained.scoring.sets({key: outputs}, real, real_key)
        yield from trained.shared(f"{NAME}: sets", lambda: list(_known_sets(trained, pairs, real, real_key)))
    file, title = f"transfer-{kind}.png", f"{kind} codes"
    draw_grid(trained, images, partial(exchanged, codes), kind, file, title)


def _against_truth(
    trained: Trained, key: MeasurementKey, outputs: UInt8Array, images: ImageSet, pairs: Pairs, codes: Codes
) -> Iterator[Measurement]:
    """Compare outputs, and the method's own reconstructions, with the true images."""
    assert pairs.truth is not None
    if key.codes == "encoded":
        seen, own = np.full(len(pairs), True), reconstructed(trained, pairs.truth)
    else:
        # The pool begins with the training images; held-out ones have no learned codes.
        seen = pairs.truth < len(codes)
        own = inference.decode(trained.method, codes.select(pairs.truth[seen]), key.codes)
    own_key, own_pairs = key._replace(subject="reconstruction"), pairs.select(seen)
    rows: dict[tuple[MeasurementKey, str], Measurement] = {}
    for of, fake, chosen in ((key, outputs, pairs), (own_key, own, own_pairs)):
        assert chosen.truth is not None
        truth, groups = trained.pool.images[chosen.truth], (images.classes[chosen.class_], chosen.content)
        scored = list(trained.scoring.pairs({of: fake}, truth, groups, trained.seed))
        rows |= {(of, row.metric): row for row in scored}
    yield from rows.values()
    yield from agreements(trained, {own_key: own}, images, own_pairs)
    if (key, "lpips") in rows:
        yield _lpips_cost(trained, rows[key, "lpips"], rows[own_key, "lpips"], seen)


def _lpips_cost(
    trained: Trained, transfer: Measurement, own: Measurement, seen: npt.NDArray[np.bool_]
) -> Measurement:
    """Measure the LPIPS of transfers minus that of the own reconstructions of the `seen` true images."""
    if transfer.samples is None or own.samples is None:
        return transfer.model_copy(update={"metric": COST})
    costs = transfer.samples.values[seen].astype(np.float64) - own.samples.values
    groups = tuple(transfer.samples.groups[:, seen])
    key = MeasurementKey(NAME, transfer.subject, transfer.codes)
    policy = f"lpips - lpips of the own reconstruction of the true image; {transfer.policy}"
    return trained.scoring.mean(
        key, COST, costs, groups, trained.seed, higher_is_better=transfer.higher_is_better, policy=policy
    )


def _references(trained: Trained, pairs: Pairs) -> Iterator[Measurement]:
    images = trained.split.test
    known = _floors(trained, pairs)
    if pairs.truth is not None:
        truth = trained.pool.images[pairs.truth]
        known |= degraded_truth(trained, NAME, truth)
        groups = images.classes[pairs.class_], pairs.content
        yield from trained.scoring.pairs(known, truth, groups, trained.seed)
    yield from agreements(trained, known, images, pairs)
    judge, of_content = trained.judge(), _content_judge(trained)
    right_content = of_content if isinstance(of_content, str) else of_content.correct
    yield from _agreements(trained, REAL, judge.correct, right_content, judge.test_labels)


def _known_sets(
    trained: Trained, pairs: Pairs, real: UInt8Array, real_key: Hashable
) -> Iterator[Measurement]:
    known = _floors(trained, pairs) | {REAL: other_real_images(trained, len(pairs))}
    return trained.scoring.sets(known, real, real_key)


def _floors(trained: Trained, pairs: Pairs) -> dict[MeasurementKey, UInt8Array]:
    """What needs no method: copies of A and B, random images of B's class, its mean image."""
    test, classes = trained.split.test, trained.split.test.classes[pairs.class_]
    views = random_views(trained.pool, classes, seeds.numpy_generator(trained.seed, NAME, "views"))
    learned = trained.split.train if trained.split.name == "samples" else trained.pool
    floors = {
        "copy": test.images[pairs.class_],
        "copy of A": test.images[pairs.content],
        "random": trained.pool.images[views],
        "class mean": class_means(learned, classes),
    }
    return {MeasurementKey(NAME, name, ""): floor for name, floor in floors.items()}


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
    order: Int64Array = seeds.numpy_generator(trained.seed, NAME, "real").permutation(len(trained.pool))
    return order


def _n_real(trained: Trained) -> int:
    return min(trained.sizes.real_images, len(trained.pool) // 2)


def other_real_images(trained: Trained, count: int) -> UInt8Array:
    """Draw real images that are none of `real_images`: the best case of a set."""
    start = _n_real(trained)
    return trained.pool.images[np.sort(_shuffled(trained)[start : start + count])]
