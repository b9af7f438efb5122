"""Expression transfer: a person's photograph with an expression that other people lend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from lordbench.data.images import ImageSet, Int64Array, UInt8Array
from lordbench.data.pairs import find_images
from lordbench.evaluation import inference
from lordbench.evaluation.experiment import Experiment, Trained
from lordbench.evaluation.grids import Panel, confusion, confusion_sheet, side_by_side
from lordbench.evaluation.measurement import CodeKind, Measurement, MeasurementKey
from lordbench.experiments.content_transfer import real_images
from lordbench.training.method import Codes
from lordbench.utils import seeds

NAME, IDENTITY = "expression-transfer", "identity"
SUPPORT = 32
"""Images that lend an expression, at most: a compromise between a good class code and the time it takes."""


@dataclass(frozen=True)
class Wishes:
    """Expressions that are wanted of photographs, by index.

    Attributes:
        content: image A of each, int64 (N,), into the images that were asked about.
        target: the expression wanted, a class id, int64 (N,).
        truth: the true photograph, of A's content and the expression, int64 (N,), into the pool.
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
        """What goes together in intervals: outputs of one expression, and those of one person."""
        return self.target, self.person


class ExpressionTransfer(Experiment):
    """Every other expression on photographs, compared with the true photographs.

    Class is the expression, content everything else; the attribute `identity` says who it is. The content
    code is A's. The class code comes from training images with the expression, of other people than A, drawn
    at random for each person and expression and the same for all methods: by `Method.encode_class`, or, for
    learned codes, as the mean of theirs (which is the class's own code where images share one). So nobody is
    given away by the class code.

    Two judges that know real images only tell the expression and the identity of outputs. Beside them stand
    two floors (A itself; another person's image with the expression) and the judges' own ceilings.
    """

    summary: ClassVar[str] = "expressions of others on a person: told by judges, against the true photograph"

    def run(self, trained: Trained) -> list[Measurement]:
        """Transfer with encoded codes of held-out images, and with learned codes of training images.

        Nothing where people or contents are not labelled, nor where whole classes are held out: no training
        image can lend such an expression.
        """
        images = trained.split.test
        if trained.split.name != "samples" or IDENTITY not in images.attributes or images.contents is None:
            return []
        found = list(self._transfer(trained, "encoded", images, trained.test_codes))
        if found and trained.learned_codes is not None:
            found += self._transfer(trained, "learned", trained.split.train, trained.learned_codes)
        return found

    def _transfer(
        self, trained: Trained, kind: CodeKind, images: ImageSet, codes: Codes
    ) -> Iterator[Measurement]:
        generator = seeds.numpy_generator(trained.seed, NAME, "inputs", kind)
        inputs = generator.permutation(len(images))[: max(1, trained.sizes.pairs // (images.n_classes - 1))]
        wishes = make_wishes(trained, images, inputs)
        wishes = _chosen(wishes, (wishes.truth >= 0) & (wishes.target != images.classes[wishes.content]))
        if not len(wishes):
            return
        trained.log(f"{NAME}: {len(wishes)} transfers, {kind} codes")
        outputs = _outputs(trained, kind, codes, wishes)
        place = MeasurementKey(NAME, "transfer", kind)
        truth = trained.pool.images[wishes.truth]
        yield from trained.scoring.pairs({place: outputs}, truth, wishes.groups, trained.seed)
        predicted = trained.judge().predict(outputs)
        yield from _judged(trained, place, predicted, outputs, wishes)
        for target in np.unique(wishes.target):
            onto = wishes.target == target
            where = MeasurementKey(NAME, f"onto {images.class_names[target]}", kind)
            yield trained.judged(
                where, "expression_accuracy", (predicted == wishes.target)[onto], wishes.person[onto]
            )
        if kind == "encoded":
            yield from trained.scoring.sets(place, outputs, real_images(trained), trained.key)
            yield from trained.shared(
                f"{NAME}: references", lambda: list(_references(trained, images, wishes))
            )
            _draw_confusion(trained, wishes, predicted)
            _draw_people(trained, images)


def make_wishes(trained: Trained, images: ImageSet, inputs: Int64Array) -> Wishes:
    """Ask every expression of each input, int64 (M,) into `images`; its own is among them.

    One that no other person's training image can lend is left out. `truth` is -1 where there is none.
    """
    train = trained.split.train
    content = np.repeat(inputs, images.n_classes)
    target = np.tile(np.arange(images.n_classes, dtype=np.int64), len(inputs))
    people, lenders = images.attributes[IDENTITY].values[content], train.attributes[IDENTITY].values
    lent: dict[tuple[int, int], Int64Array] = {}
    for person, expression in set(zip(people.tolist(), target.tolist(), strict=True)):
        others = np.flatnonzero((train.classes == expression) & (lenders != person))
        generator = seeds.numpy_generator(trained.seed, NAME, "support", person, expression)
        lent[person, expression] = generator.permutation(others)[:SUPPORT]
    supports = [lent[pair] for pair in zip(people.tolist(), target.tolist(), strict=True)]
    assert images.contents is not None
    truth = find_images(trained.pool, target, images.contents[content])
    wishes = Wishes(content, target, truth, people, supports)
    return _chosen(wishes, np.array([len(support) > 0 for support in supports]))


def _chosen(wishes: Wishes, kept: npt.NDArray[np.bool_]) -> Wishes:
    return Wishes(
        wishes.content[kept],
        wishes.target[kept],
        wishes.truth[kept],
        wishes.person[kept],
        [wishes.supports[i] for i in np.flatnonzero(kept)],
    )


def _outputs(trained: Trained, kind: CodeKind, codes: Codes, wishes: Wishes) -> UInt8Array:
    """A's content with the class that its support lends: uint8 (N, C, S, S)."""
    if kind == "encoded":
        lenders = trained.split.train.images
        class_code = inference.class_codes(trained.method, lenders, wishes.supports, trained.device)
    else:
        class_code = inference.mean_class_codes(codes, wishes.supports)
    return inference.decode(trained.method, Codes(class_code, codes.select(wishes.content).content_code))


def _judged(
    trained: Trained, place: MeasurementKey, predicted: Int64Array, outputs: UInt8Array, wishes: Wishes
) -> Iterator[Measurement]:
    """How often a judge has told the expression that is wanted, and how often another one the person."""
    yield trained.judged(place, "expression_accuracy", predicted == wishes.target, wishes.groups)
    identity = trained.judge(IDENTITY).agrees(outputs, wishes.person)
    yield trained.judged(place, "identity_accuracy", identity, wishes.groups)


def _references(trained: Trained, images: ImageSet, wishes: Wishes) -> Iterator[Measurement]:
    """What can be had without any method, and what the judges can do on real held-out images."""
    unchanged = MeasurementKey(NAME, "input", "")
    floors = {
        unchanged: images.images[wishes.content],
        MeasurementKey(NAME, "random", ""): trained.split.train.images[
            [support[0] for support in wishes.supports]
        ],
    }
    truth = trained.pool.images[wishes.truth]
    yield from trained.scoring.pairs(floors, truth, wishes.groups, trained.seed)
    predicted = trained.judge().predict(floors[unchanged])
    yield from _judged(trained, unchanged, predicted, floors[unchanged], wishes)
    groups = (images.classes, images.attributes[IDENTITY].values)
    for what, judge in (("expression", trained.judge()), (IDENTITY, trained.judge(IDENTITY))):
        yield trained.judged(MeasurementKey(NAME, "real", ""), f"{what}_accuracy", judge.correct, groups)


def _draw_confusion(trained: Trained, wishes: Wishes, predicted: Int64Array) -> None:
    images = trained.split.test
    n = images.n_classes
    matrices = {
        f"{trained.label} on {images.name}: wanted, and told by a judge (%)": confusion(
            wishes.target, predicted, n
        ),
        "real held-out images: shown, and told (%)": confusion(images.classes, trained.judge().predicted, n),
    }
    confusion_sheet(matrices, images.class_names, trained.folder / "expression-confusion.png")


def _draw_people(trained: Trained, images: ImageSet) -> None:
    """Draw a line for each of some people: an input, its outputs in all expressions, the true images."""
    generator = seeds.numpy_generator(trained.seed, NAME, "picture")
    people = images.attributes[IDENTITY].values
    order = generator.permutation(len(images))
    _, first = np.unique(people[order], return_index=True)
    inputs = order[np.sort(first)][: trained.sizes.grid[1]]
    wishes = make_wishes(trained, images, inputs)
    if (wishes.truth < 0).any() or len(wishes) < len(inputs) * images.n_classes:
        return  # a line with gaps would be misread
    shape = (len(inputs), images.n_classes, *images.images.shape[1:])
    outputs = _outputs(trained, "encoded", trained.test_codes, wishes)
    side_by_side(
        [
            Panel("input", images.images[inputs][:, None], [""], "down"),
            Panel("output", outputs.reshape(shape), images.class_names, "outputs"),
            Panel(
                "true photograph",
                trained.pool.images[wishes.truth].reshape(shape),
                images.class_names,
                "truth",
            ),
        ],
        trained.folder / f"{NAME}.png",
        f"{trained.label} on {images.name}: expressions lent by other people",
    )
