"""Expression transfer: a person's photograph with an expression taken from images of other people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import confusion_matrix

from lordbench.data import ImageSet, Int64Array, SplitName, UInt8Array
from lordbench.data.pairs import find_images
from lordbench.evaluation import CodeKind, Experiment, Measurement, MeasurementKey, Trained, inference
from lordbench.evaluation.grids import Panel, confusion_matrices, panels_side_by_side
from lordbench.evaluation.headlines import ANY, METRIC, Headline, Headlines
from lordbench.evaluation.statistics import Groups
from lordbench.evaluation.transfers import degraded_truth, real_images, reconstructed
from lordbench.training import Codes
from lordbench.utils import seeds

NAME, IDENTITY = "expression-transfer", "identity"
EXPRESSION_RIGHT, IDENTITY_RIGHT, BOTH = "expression_accuracy", "identity_accuracy", "both_accuracy"
SUPPORT = 32
"""Most support images of an expression: a compromise between the quality of the class code and time."""
CHANGED = 16
"""Levels, of 255, by which a pixel must differ between A and the true photograph to count as changed."""
POLICY = f"where A and the true photograph differ by more than {CHANGED} levels"


@dataclass(frozen=True)
class Transfers:
    """Photographs (images A) and the expressions to transfer onto them, by index.

    Attributes:
        content: image A, int64 (N,), into the images that the transfers were made for.
        target: the expression, a class id, int64 (N,).
        truth: the photograph with A's content and the expression, int64 (N,), into the pool; -1 for none.
        person: identity of A, int64 (N,).
        supports: training images of other people with the expression, int64 (K,) each.
    """

    content: Int64Array
    target: Int64Array
    truth: Int64Array
    person: Int64Array
    supports: list[Int64Array]

    def __len__(self) -> int:
        return len(self.content)

    @property
    def groups(self) -> tuple[Int64Array, Int64Array]:
        """For intervals: outputs of one expression are dependent, and so are those of one person."""
        return self.target, self.person

    def select(self, chosen: npt.NDArray[np.bool_]) -> Transfers:
        """Return the chosen transfers, bool (N,)."""
        content, target, truth = (index[chosen] for index in (self.content, self.target, self.truth))
        return Transfers(content, target, truth, self.person[chosen], list(compress(self.supports, chosen)))


class ExpressionTransfer(Experiment):
    """Every other expression on photographs, compared with the true photographs.

    Class is the expression, content everything else; the attribute `identity` is the person. The content code
    is A's. The class code cannot reveal the person: it comes from training images of other people with the
    expression, drawn for each person and expression and the same for all methods, by `Method.encode_class`,
    or, for learned codes, as the mean of theirs.

    Two judges trained on real images predict expression and identity of the outputs, and both at once
    (`both_accuracy`, the headline). Image metrics compare only what the expression changes: the pixels in
    which A and the true photograph differ. On all pixels an output without any expression would win.

    Floors: A itself; the mean of A's person with all other expressions; another person's image with the
    expression; chance. Ceilings: real images, and the method's own reconstruction of the true photograph.
    """

    summary: ClassVar[str] = "expressions of others on a person: by judges, and against the true photograph"
    headlines: ClassVar[Headlines] = {
        "expression transfer (how often judges are right; image metrics where the expression changes "
        "pixels)": (
            Headline("right in both", "encoded", "transfer", BOTH, summary="expression"),
            Headline("expression", "encoded", "transfer", "expression_accuracy"),
            Headline("identity", "encoded", "transfer", "identity_accuracy"),
            Headline(METRIC, "encoded", "transfer", "l1"),
            Headline(METRIC, "encoded", "transfer", "lpips"),
            Headline(METRIC, "encoded", "transfer", "ssim"),
            Headline("recon.: right in both", "encoded", "reconstruction", BOTH),
            Headline("learned: right in both", "learned", "transfer", BOTH),
            Headline(METRIC, "encoded", "transfer", ANY, summary="expression {metric}"),
        )
    }

    def missing(self, images: ImageSet, split: SplitName, labels: str) -> str:
        if IDENTITY not in images.attributes or images.contents is None:
            return "needs faces with identities, such as --dataset toyfaces"
        return "" if split == "samples" else "needs --split samples"

    def run(self, trained: Trained) -> list[Measurement]:
        """Transfer with encoded codes of held-out images, and with learned codes of training images."""
        images = trained.split.test
        # Where whole classes are held out, no training image shows their expressions.
        if trained.split.name != "samples" or IDENTITY not in images.attributes or images.contents is None:
            return []
        rows = list(_transfer(trained, "encoded", images, trained.test_codes))
        if rows and trained.learned_codes is not None:
            rows += _transfer(trained, "learned", trained.split.train, trained.learned_codes)
        return rows


def make_transfers(trained: Trained, images: ImageSet, inputs: Int64Array) -> Transfers:
    """Pair inputs, int64 (M,), with all expressions, also their own, that training images of others show."""
    train = trained.split.train
    content = np.repeat(inputs, images.n_classes)
    target = np.tile(np.arange(images.n_classes, dtype=np.int64), len(inputs))
    person, train_people = images.attributes[IDENTITY].values[content], train.attributes[IDENTITY].values
    pairs = list(zip(person.tolist(), target.tolist(), strict=True))
    support_of: dict[tuple[int, int], Int64Array] = {}
    for identity, expression in set(pairs):
        others = np.flatnonzero((train.classes == expression) & (train_people != identity))
        generator = seeds.numpy_generator(trained.seed, NAME, "support", identity, expression)
        support_of[identity, expression] = generator.permutation(others)[:SUPPORT]
    supports = [support_of[pair] for pair in pairs]
    assert images.contents is not None
    truth = find_images(trained.pool, target, images.contents[content])
    transfers = Transfers(content, target, truth, person, supports)
    return transfers.select(np.array([len(support) > 0 for support in supports]))


def _transfer(trained: Trained, kind: CodeKind, images: ImageSet, codes: Codes) -> Iterator[Measurement]:
    generator = seeds.numpy_generator(trained.seed, NAME, "inputs", kind)
    inputs = generator.permutation(len(images))[: max(1, trained.sizes.pairs // (images.n_classes - 1))]
    transfers = make_transfers(trained, images, inputs)
    other = transfers.target != images.classes[transfers.content]
    transfers = transfers.select((transfers.truth >= 0) & other)
    if not len(transfers):
        return
    trained.log(f"{NAME}: {len(transfers)} transfers, {kind} codes")
    outputs = _outputs(trained, kind, codes, transfers)
    key = MeasurementKey(NAME, "transfer", kind)
    yield from _scored(trained, {key: outputs}, images, transfers)
    predicted = trained.judge().predict(outputs)
    for target in np.unique(transfers.target):
        onto = transfers.target == target
        onto_key = MeasurementKey(NAME, f"onto {images.class_names[target]}", kind)
        correct = (predicted == transfers.target)[onto]
        person = transfers.person[onto]
        yield trained.judged(onto_key, EXPRESSION_RIGHT, correct, person, trained.judge())
    if kind == "encoded":
        own = reconstructed(trained, transfers.truth)
        yield from _scored(trained, {key._replace(subject="reconstruction"): own}, images, transfers)
        yield from trained.scoring.sets({key: outputs}, real_images(trained), trained.key)
        name = f"{NAME}: references"
        yield from trained.shared(name, lambda: list(_references(trained, images, transfers)))
        _draw_confusion(trained, transfers, predicted)
        _draw_people(trained, images)


def _outputs(trained: Trained, kind: CodeKind, codes: Codes, transfers: Transfers) -> UInt8Array:
    """Decode A's content with the class code of its support: uint8 (N, C, S, S)."""
    if kind == "encoded":
        train = trained.split.train.images
        class_code = inference.class_codes(trained.method, train, transfers.supports, trained.device)
    else:
        class_code = torch.stack([codes.select(s).class_code.mean(dim=0) for s in transfers.supports])
    exchanged = Codes(class_code, codes.select(transfers.content).content_code)
    return inference.decode(trained.method, exchanged, kind)


def _scored(
    trained: Trained, outputs: dict[MeasurementKey, UInt8Array], images: ImageSet, transfers: Transfers
) -> Iterator[Measurement]:
    """Score kinds of outputs by the image metrics, where something changes, and by the judges."""
    truth, inputs = trained.pool.images[transfers.truth], images.images[transfers.content]
    shown = {key: only_changed(output, inputs, truth) for key, output in outputs.items()}
    for row in trained.scoring.pairs(shown, truth, transfers.groups, trained.seed):
        yield row.model_copy(update={"policy": f"{POLICY}; {row.policy}"})
    for key, output in outputs.items():
        right = trained.judge().agrees(output, transfers.target)
        yield from _judged(
            trained, key, right, trained.judge(IDENTITY).agrees(output, transfers.person), transfers.groups
        )


def only_changed(outputs: UInt8Array, inputs: UInt8Array, truth: UInt8Array) -> UInt8Array:
    """Replace the pixels of outputs in which inputs and true images agree by the true ones.

    All are uint8 (N, C, S, S). Every image metric then sees only what the expression changes.
    """
    difference = np.abs(truth.astype(np.int16) - inputs).max(axis=1, keepdims=True)
    return np.where(difference > CHANGED, outputs, truth)


def _judged(
    trained: Trained,
    key: MeasurementKey,
    expression: npt.NDArray[np.bool_],
    identity: npt.NDArray[np.bool_],
    groups: Groups,
) -> Iterator[Measurement]:
    """Measure how often the judges predict the expression, the person, and both."""
    of_expression, of_identity = trained.judge(), trained.judge(IDENTITY)
    yield trained.judged(key, EXPRESSION_RIGHT, expression, groups, of_expression)
    yield trained.judged(key, IDENTITY_RIGHT, identity, groups, of_identity)
    yield trained.judged(key, BOTH, expression & identity, groups, of_expression, of_identity)


def _references(trained: Trained, images: ImageSet, transfers: Transfers) -> Iterator[Measurement]:
    """Measure what needs no method: floors, degraded true photographs, chance, and real held-out images."""
    truth = trained.pool.images[transfers.truth]
    floors = {
        MeasurementKey(NAME, "input", ""): images.images[transfers.content],
        MeasurementKey(NAME, "other expressions", ""): _other_expressions(trained, transfers),
        MeasurementKey(NAME, "random", ""): trained.split.train.images[[s[0] for s in transfers.supports]],
    }
    known = floors | degraded_truth(trained, NAME, truth)
    yield from _scored(trained, known, images, transfers)
    yield from trained.scoring.sets(floors, real_images(trained), trained.key)
    expression, identity = trained.judge(), trained.judge(IDENTITY)
    groups = (images.classes, images.attributes[IDENTITY].values)
    yield from _judged(
        trained, MeasurementKey(NAME, "real", ""), expression.correct, identity.correct, groups
    )
    key = MeasurementKey(NAME, "chance", "")
    shares = {EXPRESSION_RIGHT: 1 / images.n_classes, IDENTITY_RIGHT: 1 / len(np.unique(groups[1]))}
    shares[BOTH] = shares[EXPRESSION_RIGHT] * shares[IDENTITY_RIGHT]
    for metric, share in shares.items():
        values = np.full(len(transfers), share)
        yield trained.scoring.mean(
            key, metric, values, transfers.groups, trained.seed, higher_is_better=True, policy="a guess"
        )


def _other_expressions(trained: Trained, transfers: Transfers) -> UInt8Array:
    """The mean of the photographs of each A's content with all expressions but the target: uint8."""
    pool = trained.pool
    assert pool.contents is not None
    contents = pool.contents[transfers.truth]
    means = [
        pool.images[(pool.contents == content) & (pool.classes != target)].mean(axis=0)
        for content, target in zip(contents, transfers.target, strict=True)
    ]
    rounded: UInt8Array = np.rint(np.stack(means)).astype(np.uint8)
    return rounded


def _draw_confusion(trained: Trained, transfers: Transfers, predicted: Int64Array) -> None:
    images, real = trained.split.test, trained.judge().predicted
    title = f"{trained.label} on {images.name}: target and predicted expression (%)"
    real_title = "real held-out images: true and predicted expression (%)"
    labels = range(images.n_classes)
    matrices = {
        title: confusion_matrix(transfers.target, predicted, labels=labels),
        real_title: confusion_matrix(images.classes, real, labels=labels),
    }
    confusion_matrices(matrices, images.class_names, trained.folder / "expression-confusion.png")


def _draw_people(trained: Trained, images: ImageSet) -> None:
    """Draw a row for each of some people: an input, its outputs in all expressions, the true images."""
    order = seeds.numpy_generator(trained.seed, NAME, "picture").permutation(len(images))
    _, first = np.unique(images.attributes[IDENTITY].values[order], return_index=True)
    inputs = order[np.sort(first)][: trained.sizes.grid[1]]
    transfers = make_transfers(trained, images, inputs)
    if (transfers.truth < 0).any() or len(transfers) < len(inputs) * images.n_classes:
        return  # a row with gaps would be misread
    shape = (len(inputs), images.n_classes, *images.images.shape[1:])
    outputs = _outputs(trained, "encoded", trained.test_codes, transfers).reshape(shape)
    truth = trained.pool.images[transfers.truth].reshape(shape)
    panels = [
        Panel("input", images.images[inputs][:, None], [""], "down"),
        Panel("output", outputs, images.class_names, "outputs"),
        Panel("true photograph", truth, images.class_names, "truth"),
    ]
    title = f"{trained.label} on {images.name}: expressions from images of other people"
    panels_side_by_side(panels, trained.folder / f"{NAME}.png", title)
