"""One-shot: the class code of held-out classes from one image, from a few, and from all there are."""

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from lordbench.data import ImageSet, Int64Array, Pairs, SplitName, UInt8Array
from lordbench.data.pairs import class_sources, nearest_images, split_into_sets, support_images
from lordbench.evaluation import Experiment, Measurement, MeasurementKey, Trained, inference
from lordbench.evaluation.headlines import ANY, PROBE, Headline, Headlines
from lordbench.evaluation.probing import LabelProbing
from lordbench.evaluation.transfers import (
    BOTH,
    agreements,
    draw_grid,
    exchanged,
    references,
    transfer_pairs,
)
from lordbench.training import Budget, Codes, Context, Precision
from lordbench.utils import seeds

NAME = "one-shot"
MOST = 128
"""Most images of a class that `all` uses: sets differ by the true image, and each is encoded at once."""


class OneShot(Experiment):
    """Transfers onto classes that training has not seen, on the pairs of content-transfer.

    The class code comes from K images of the class (`Method.encode_class`): image B, then others drawn for
    each pair, never the true image; K = 1 is part of K = 5. A K that some class cannot provide is left out,
    with a note; `all` uses all images of the class but the true one, up to `MOST`. The floors and the ceiling
    are those of content-transfer, and one more: of the training images with A's content the one nearest to
    the true image, which is the best that a method can show that knows its training classes only. The picture
    shows K = 1.

    Methods that have it are also measured with optimization at test time (`Method.optimize_codes`). The
    images of each class are split into sets of K, and each set is optimized as if it were a class. A pair
    uses the class code of a set without the true image, B's own where possible. With `all`, one code per
    class, optimization has seen the true images, which is an advantage; a note says so.

    The probes of leakage measure what encoded and optimized codes reveal; of optimized ones with K > 1, whose
    class codes the labels determine, only content codes are probed.
    """

    summary: ClassVar[str] = "transfer onto held-out classes by 1, 5 and all of their images; --split classes"
    headlines: ClassVar[Headlines] = {
        "one-shot: transfer onto held-out classes, by the number of images of the class": (
            Headline("right in both, 1", "encoded", "transfer, K = 1", BOTH, summary="one-shot, 1 image"),
            Headline("right in both, 5", "encoded", "transfer, K = 5", BOTH),
            Headline("right in both, all", "encoded", "transfer, all", BOTH),
            Headline("{metric}, 1", "encoded", "transfer, K = 1", "l1"),
            Headline("{metric}, all", "encoded", "transfer, all", "l1"),
            Headline("optimized: right in both, 1", "optimized", "transfer, K = 1", BOTH),
            Headline("optimized: {metric}, 1", "optimized", "transfer, K = 1", "l1"),
            Headline("{metric}, 1", "encoded", "transfer, K = 1", ANY, summary="one-shot {metric}"),
        ),
        "one-shot: leakage of codes of held-out classes (best probe, a lower bound; 0 chance, 1 all)": (
            Headline("class leak", "encoded", "class from content, K = 1", PROBE),
            Headline("optimized: class leak, 1", "optimized", "class from content, K = 1", PROBE),
            Headline("optimized: class leak, all", "optimized", "class from content, all", PROBE),
            Headline("content leak", "encoded", "content from class, K = 1", PROBE),
            Headline("optimized: content leak, 1", "optimized", "content from class, K = 1", PROBE),
            Headline("content kept", "encoded", "content from content, K = 1", PROBE),
            Headline("optimized: content kept, 1", "optimized", "content from content, K = 1", PROBE),
            Headline("optimized: content kept, all", "optimized", "content from content, all", PROBE),
        ),
    }

    def missing(self, images: ImageSet, split: SplitName, labels: str) -> str:
        return "" if split == "classes" else "needs held-out classes: --split classes"

    def run(self, trained: Trained) -> list[Measurement]:
        """Transfer by encoders and by optimization; nothing without held-out classes or without pairs."""
        if trained.split.name != "classes":
            return []
        images = trained.split.test
        pairs = transfer_pairs(trained, "encoded", images)
        if not len(pairs):
            return []
        rows = list(_encoded(trained, pairs))
        rows += [row.model_copy(update={"experiment": NAME}) for row in references(trained, pairs)]
        rows += trained.shared(f"{NAME}: nearest class", lambda: list(_nearest_class(trained, pairs)))

        def codes_of(content: Int64Array, class_: Int64Array) -> Codes:
            return _codes(trained, content, list(class_[:, None]))

        draw_grid(trained, images, codes_of, "encoded", f"{NAME}.png", "class codes of one image each")
        probing = LabelProbing.within(trained, NAME, images)
        rows += probing.probe_codes(trained.test_codes, "encoded", suffix=", K = 1")
        rows += _optimized(trained, pairs, probing)
        return rows


def _encoded(trained: Trained, pairs: Pairs) -> Iterator[Measurement]:
    """Transfer with class codes encoded from K images, for each K, and from all."""
    generator = seeds.numpy_generator(trained.seed, NAME, "supports")
    supports = list(support_images(trained.split.test, pairs, generator))
    fewest, most = min(map(len, supports)), max(map(len, supports))
    notes, outputs = [], {}
    if too_large := [f"K = {k}" for k in trained.sizes.shots if k > fewest]:
        notes.append(f"{', '.join(too_large)} left out: a class has only {fewest} images to use")
    if most > MOST:
        notes.append(f"at most {MOST} images of a class")
    sizes = {f"K = {k}": k for k in trained.sizes.shots if k <= fewest} | {"all": MOST}
    for shots, k in sizes.items():
        trained.log(f"{NAME}: {len(pairs)} pairs, {shots}")
        codes = _codes(trained, pairs.content, [support[:k] for support in supports])
        key = MeasurementKey(NAME, f"transfer, {shots}", "encoded")
        outputs[key] = inference.decode(trained.method, codes)
    yield from _scored(trained, pairs, outputs, notes)


def _optimized(trained: Trained, pairs: Pairs, probing: LabelProbing) -> Iterator[Measurement]:
    """Transfer with optimized codes and probe them; nothing where the method does not optimize any."""
    images = trained.split.test
    notes = [] if pairs.truth is None else ["has seen the true images"]
    tasks = []
    for k in trained.sizes.shots:
        sets = split_into_sets(images, k, seeds.numpy_generator(trained.seed, NAME, "sets", k))
        sources = class_sources(images, pairs, sets, k)
        if sources is None:
            notes.append(f"K = {k} left out: a class has too few sets of {k}")
        else:
            tasks.append((f"K = {k}", sets, sources))
    for shots, sets, sources in (*tasks, ("all", images.classes, pairs.class_)):
        codes = _optimize(trained, images, sets, shots)
        if codes is None:
            return
        key = MeasurementKey(NAME, f"transfer, {shots}", "optimized")
        transfers = exchanged(codes, pairs.content, sources)
        outputs = inference.decode(trained.method, transfers, "optimized")
        yield from _scored(trained, pairs, {key: outputs}, notes)
        key = key._replace(subject=f"reconstruction, {shots}")
        outputs = inference.decode(trained.method, codes, "optimized")
        yield from trained.scoring.pairs({key: outputs}, images.images, images.classes, trained.seed)
        of = ("content", "class") if shots == "K = 1" else ("content",)
        yield from probing.probe_codes(codes, "optimized", suffix=f", {shots}", of=of)


def _nearest_class(trained: Trained, pairs: Pairs) -> Iterator[Measurement]:
    """Measure the training images with A's content that are nearest to the true images."""
    contents = trained.split.test.contents
    if pairs.truth is not None and contents is not None:
        truth = trained.pool.images[pairs.truth]
        nearest = nearest_images(trained.split.train, contents[pairs.content], truth)
        yield from _scored(trained, pairs, {MeasurementKey(NAME, "nearest class", ""): nearest}, [])


def _optimize(trained: Trained, images: ImageSet, sets: Int64Array, shots: str) -> Codes | None:
    """Optimize codes of all images, with one class code for each set; `sets` numbers them, int64 (N,)."""
    trained.log(f"{NAME}: optimization at test time, {shots}")
    precision = Precision("float32", trained.device.type)
    seed = seeds.derive(trained.seed, NAME, "optimization", shots)
    budget = Budget(trained.sizes.optimization * len(images), trained.batch_size)
    context = Context(device=trained.device, precision=precision, seed=seed, budget=budget)
    names = tuple(f"set {i}" for i in range(int(sets.max()) + 1))
    return trained.method.optimize_codes(replace(images, classes=sets, class_names=names), context)


def _scored(
    trained: Trained, pairs: Pairs, outputs: dict[MeasurementKey, UInt8Array], notes: list[str]
) -> Iterator[Measurement]:
    """Score transfers against the true images and by the judges; the notes are for `all`."""
    images = trained.split.test
    rows = list(agreements(trained, outputs, images, pairs))
    if pairs.truth is not None:
        groups = images.classes[pairs.class_], pairs.content
        rows += trained.scoring.pairs(outputs, trained.pool.images[pairs.truth], groups, trained.seed)
    for row in rows:
        added = notes if row.subject == "transfer, all" else []
        yield row.model_copy(update={"note": "; ".join(filter(None, [row.note, *added]))})


def _codes(trained: Trained, content: Int64Array, supports: list[Int64Array]) -> Codes:
    """Combine content codes of images, int64 (N,), with class codes of N support sets, int64 (K,) each."""
    images = trained.split.test.images
    class_code = inference.class_codes(trained.method, images, supports, trained.device)
    return Codes(class_code, trained.test_codes.select(content).content_code)
