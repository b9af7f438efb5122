"""One-shot: the class of held-out classes from one image, from a few, and from all that there are."""

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
"""Images that `all` takes of a class, at most: every true image is another set of images to encode, and one
set is encoded at once."""


class OneShot(Experiment):
    """Transfers onto classes that training has not seen, on the pairs of content-transfer.

    The class code comes from K images of the class (`Method.encode_class`): image B, then others drawn for
    each pair, never the true image; K = 1 is among K = 5. A number that some class does not have is left
    out, and a note says so; with `all`, each class gives all its images but the true one, up to `MOST`. The
    floors and the ceiling are those of content-transfer; the picture shows K = 1.

    Beside the encoders stands optimization at test time (`Method.optimize_codes`), where a method has it. The
    images of each class are dealt into sets of K, each optimized as if it were a class of its own; a pair
    takes the class code of a set without the true image, B's own where it can. With `all`, one code a class,
    it has seen the true images, which helps it; a note says so.

    What the codes of the held-out images tell is read by the probes of leakage, of encoded codes (`K = 1`:
    image by image) and of optimized ones. Where labels decide which images share a class code, only content
    codes are read.
    """

    summary: ClassVar[str] = "transfer onto held-out classes by 1, 5 and all of their images; --split classes"

    def run(self, trained: Trained) -> list[Measurement]:
        """Transfer by encoders and by optimization; nothing where no classes are held out."""
        if trained.split.name != "classes":
            return []
        found: list[Measurement] = []
        images = trained.split.test
        pairs = transfer_pairs(trained, "encoded", images)
        supports = list(support_images(images, pairs, seeds.numpy_generator(trained.seed, NAME, "supports")))
        outputs = dict(self._encoded(trained, images, pairs, supports))
        note = _note(supports, trained.sizes.shots)
        for row in self._scored(trained, images, pairs, "encoded", outputs):
            notes = [row.note, note if row.subject == "transfer, all" else ""]
            found.append(row.model_copy(update={"note": "; ".join(filter(None, notes))}))
        for row in references(trained, pairs):
            found.append(row.model_copy(update={"experiment": NAME}))
        self._draw(trained, images)
        readout = LabelProbing.within(trained, NAME, images)
        found += readout.of_codes(trained.test_codes, "encoded", ending=", K = 1")
        found += self._optimized(trained, images, pairs, readout)
        return found

    def _encoded(
        self, trained: Trained, images: ImageSet, pairs: Pairs, supports: Sequence[Int64Array]
    ) -> Iterator[tuple[str, UInt8Array]]:
        """Outputs by the number of images that give the class."""
        fewest = min(map(len, supports))
        wanted = {f"K = {k}": k for k in trained.sizes.shots if k <= fewest} | {"all": MOST}
        for shots, k in wanted.items():
            trained.log(f"{NAME}: {len(pairs)} pairs, {shots}")
            codes = _mixed(trained, images, pairs.content, [support[:k] for support in supports])
            yield f"transfer, {shots}", inference.decode(trained.method, codes)

    def _draw(self, trained: Trained, images: ImageSet) -> None:
        def mixed(content: Int64Array, class_: Int64Array) -> Codes:
            return _mixed(trained, images, content, list(class_[:, None]))

        draw_grid(trained, images, mixed, f"{NAME}.png", "class codes of one image each")

    def _optimized(
        self, trained: Trained, images: ImageSet, pairs: Pairs, readout: LabelProbing
    ) -> Iterator[Measurement]:
        """Transfers and readouts of optimized codes; nothing where a method does not optimize any."""
        notes = [] if pairs.truth is None else ["has seen the true images"]
        for k in trained.sizes.shots:
            sets = split_into_sets(images, k, seeds.numpy_generator(trained.seed, NAME, "sets", k))
            givers = class_sources(images, pairs, sets, k)
            if givers is None:
                notes.append(f"K = {k} left out: a class has too few sets of {k}")
                continue
            codes = self._optimize(trained, images, sets, f"K = {k}")
            if codes is None:
                return
            yield from self._transferred(trained, images, pairs, givers, codes, f"K = {k}")
            of = ("content", "class") if k == 1 else ("content",)
            yield from readout.of_codes(codes, "optimized", ending=f", K = {k}", of=of)
        codes = self._optimize(trained, images, images.classes, "all")
        if codes is None:
            return
        for row in self._transferred(trained, images, pairs, pairs.class_, codes, "all"):
            about = notes if row.subject == "transfer, all" else []
            yield row.model_copy(update={"note": "; ".join(filter(None, [row.note, *about]))})
        yield from readout.of_codes(codes, "optimized", ending=", all", of=("content",))

    def _optimize(self, trained: Trained, images: ImageSet, sets: Int64Array, shots: str) -> Codes | None:
        """Codes of all images, with one class code for each set, int64 (N,), of images."""
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
        self,
        trained: Trained,
        images: ImageSet,
        pairs: Pairs,
        givers: Int64Array,
        codes: Codes,
        shots: str,
    ) -> Iterator[Measurement]:
        mixed = exchanged(codes, pairs.content, givers)
        outputs = {f"transfer, {shots}": inference.decode(trained.method, mixed)}
        yield from self._scored(trained, images, pairs, "optimized", outputs)
        place = MeasurementKey(NAME, f"reconstruction, {shots}", "optimized")
        own = {place: inference.decode(trained.method, codes)}
        yield from trained.scoring.pairs(own, images.images, images.classes, trained.seed)

    def _scored(
        self, trained: Trained, images: ImageSet, pairs: Pairs, kind: CodeKind, outputs: dict[str, UInt8Array]
    ) -> Iterator[Measurement]:
        classes = images.classes[pairs.class_]
        groups = (classes, pairs.content)
        places = {MeasurementKey(NAME, subject, kind): images for subject, images in outputs.items()}
        if pairs.truth is not None:
            yield from trained.scoring.pairs(places, trained.pool.images[pairs.truth], groups, trained.seed)
        for place, transfers in places.items():
            agreement = trained.judge().agrees(transfers, classes)
            yield trained.judged(place, "class_agreement", agreement, groups)


def _note(supports: Sequence[Int64Array], shots: Sequence[int]) -> str:
    """What keeps the numbers of images from being all that were asked for; empty for nothing."""
    sizes = [len(support) for support in supports]
    left_out = [f"K = {k}" for k in shots if k > min(sizes)]
    parts = [f"{', '.join(left_out)} left out: a class has {min(sizes)} to give"] if left_out else []
    if max(sizes) > MOST:
        parts.append(f"{MOST} images of a class at most")
    return "; ".join(parts)


def _mixed(trained: Trained, images: ImageSet, content: Int64Array, supports: Sequence[Int64Array]) -> Codes:
    """Content codes of some images, int64 (N,), beside the class codes that N supports, int64 (K,), give."""
    class_code = inference.class_codes(trained.method, images.images, supports, trained.device)
    return Codes(class_code, trained.test_codes.select(content).content_code)
