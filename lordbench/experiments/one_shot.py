"""One-shot: the class code of held-out classes from one image, from a few, and from all there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

from lordbench.data.images import ImageSet, Int64Array, UInt8Array
from lordbench.data.pairs import Pairs, class_sources, split_into_sets, support_images
from lordbench.evaluation import inference
from lordbench.evaluation.experiment import Experiment, Trained
from lordbench.evaluation.measurement import CodeKind, Measurement, MeasurementKey
from lordbench.evaluation.probing import LabelProbing
from lordbench.experiments.content_transfer import draw_grid, exchanged, references, transfer_pairs
from lordbench.training.loop import Budget, Context
from lordbench.training.method import Codes
from lordbench.training.precision import Precision
from lordbench.utils import seeds

NAME = "one-shot"
MOST = 128
"""Most images of a class that `all` uses: every true image means another support set, and a set is encoded at
once."""


class OneShot(Experiment):
    """Transfers onto classes that training has not seen, on the pairs of content-transfer.

    The class code comes from K images of the class (`Method.encode_class`): image B, then others drawn for
    each pair, never the true image; K = 1 is part of K = 5. A K that some class cannot provide is left out,
    with a note; `all` uses all images of the class but the true one, up to `MOST`. The floors and the ceiling
    are those of content-transfer; the picture shows K = 1.

    Methods that have it are also measured with optimization at test time (`Method.optimize_codes`). The
    images of each class are split into sets of K, and each set is optimized as if it were a class. A pair
    uses the class code of a set without the true image, B's own where possible. With `all`, one code per
    class, optimization has seen the true images, which is an advantage; a note says so.

    The probes of leakage measure what the codes of the held-out images reveal: encoded codes (`K = 1`: image
    by image) and optimized ones. Where labels decide which images share a class code, only content codes are
    probed.
    """

    summary: ClassVar[str] = "transfer onto held-out classes by 1, 5 and all of their images; --split classes"

    def run(self, trained: Trained) -> list[Measurement]:
        """Transfer by encoders and by optimization; nothing where no classes are held out."""
        if trained.split.name != "classes":
            return []
        images = trained.split.test
        pairs = transfer_pairs(trained, "encoded", images)
        rows = list(_encoded(trained, images, pairs))
        rows += [row.model_copy(update={"experiment": NAME}) for row in references(trained, pairs)]

        def codes_of(content: Int64Array, class_: Int64Array) -> Codes:
            return _codes(trained, images, content, list(class_[:, None]))

        draw_grid(trained, images, codes_of, f"{NAME}.png", "class codes of one image each")
        probing = LabelProbing.within(trained, NAME, images)
        rows += probing.probe_codes(trained.test_codes, "encoded", suffix=", K = 1")
        rows += _optimized(trained, images, pairs, probing)
        return rows


def _encoded(trained: Trained, images: ImageSet, pairs: Pairs) -> Iterator[Measurement]:
    """Transfer with class codes encoded from K images, for each K, and from all."""
    supports = list(support_images(images, pairs, seeds.numpy_generator(trained.seed, NAME, "supports")))
    sizes = [len(support) for support in supports]
    too_large = [f"K = {k}" for k in trained.sizes.shots if k > min(sizes)]
    notes = (
        [f"{', '.join(too_large)} left out: a class has only {min(sizes)} images to use"] if too_large else []
    )
    if max(sizes) > MOST:
        notes.append(f"at most {MOST} images of a class")
    sizes_of = {f"K = {k}": k for k in trained.sizes.shots if k <= min(sizes)} | {"all": MOST}
    outputs = {}
    for shots, k in sizes_of.items():
        trained.log(f"{NAME}: {len(pairs)} pairs, {shots}")
        codes = _codes(trained, images, pairs.content, [support[:k] for support in supports])
        outputs[f"transfer, {shots}"] = inference.decode(trained.method, codes)
    yield from _with_notes(_scored(trained, images, pairs, "encoded", outputs), notes)


def _optimized(
    trained: Trained, images: ImageSet, pairs: Pairs, probing: LabelProbing
) -> Iterator[Measurement]:
    """Transfer with optimized codes and probe them; nothing where the method does not optimize any."""
    notes = [] if pairs.truth is None else ["has seen the true images"]
    for k in trained.sizes.shots:
        sets = split_into_sets(images, k, seeds.numpy_generator(trained.seed, NAME, "sets", k))
        sources = class_sources(images, pairs, sets, k)
        if sources is None:
            notes.append(f"K = {k} left out: a class has too few sets of {k}")
            continue
        codes = _optimize(trained, images, sets, f"K = {k}")
        if codes is None:
            return
        yield from _transferred(trained, images, pairs, sources, codes, f"K = {k}")
        of = ("content", "class") if k == 1 else ("content",)
        yield from probing.probe_codes(codes, "optimized", suffix=f", K = {k}", of=of)
    codes = _optimize(trained, images, images.classes, "all")
    if codes is None:
        return
    yield from _with_notes(_transferred(trained, images, pairs, pairs.class_, codes, "all"), notes)
    yield from probing.probe_codes(codes, "optimized", suffix=", all", of=("content",))


def _optimize(trained: Trained, images: ImageSet, sets: Int64Array, shots: str) -> Codes | None:
    """Optimize codes of all images, with one class code for each set; `sets` numbers them, int64 (N,)."""
    trained.log(f"{NAME}: optimization at test time, {shots}")
    context = Context(
        device=trained.device,
        precision=Precision("float32", trained.device.type),
        seed=seeds.derive(trained.seed, NAME, "optimization", shots),
        budget=Budget(trained.sizes.optimization * len(images), trained.batch_size),
    )
    names = tuple(f"set {i}" for i in range(int(sets.max()) + 1))
    return trained.method.optimize_codes(replace(images, classes=sets, class_names=names), context)


def _transferred(
    trained: Trained, images: ImageSet, pairs: Pairs, sources: Int64Array, codes: Codes, shots: str
) -> Iterator[Measurement]:
    """Score transfers and reconstructions with optimized codes; `sources` give the class codes."""
    outputs = inference.decode(trained.method, exchanged(codes, pairs.content, sources))
    yield from _scored(trained, images, pairs, "optimized", {f"transfer, {shots}": outputs})
    key = MeasurementKey(NAME, f"reconstruction, {shots}", "optimized")
    reconstructed = {key: inference.decode(trained.method, codes)}
    yield from trained.scoring.pairs(reconstructed, images.images, images.classes, trained.seed)


def _scored(
    trained: Trained, images: ImageSet, pairs: Pairs, kind: CodeKind, outputs: dict[str, UInt8Array]
) -> Iterator[Measurement]:
    """Score transfers, by subject, against the true images and by the judge."""
    classes = images.classes[pairs.class_]
    groups = (classes, pairs.content)
    transfers = {MeasurementKey(NAME, subject, kind): fake for subject, fake in outputs.items()}
    if pairs.truth is not None:
        yield from trained.scoring.pairs(transfers, trained.pool.images[pairs.truth], groups, trained.seed)
    for key, fake in transfers.items():
        yield trained.judged(key, "class_agreement", trained.judge().agrees(fake, classes), groups)


def _codes(trained: Trained, images: ImageSet, content: Int64Array, supports: Sequence[Int64Array]) -> Codes:
    """Combine content codes of images, int64 (N,), with class codes of N support sets, int64 (K,) each."""
    class_code = inference.class_codes(trained.method, images.images, supports, trained.device)
    return Codes(class_code, trained.test_codes.select(content).content_code)


def _with_notes(rows: Iterator[Measurement], notes: Sequence[str]) -> Iterator[Measurement]:
    """Add notes to the transfers by all images."""
    for row in rows:
        added = notes if row.subject == "transfer, all" else []
        yield row.model_copy(update={"note": "; ".join(filter(None, [row.note, *added]))})
