"""One-shot: the class of held-out classes from one image, from a few, and from all that there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch

from lordbench import inference, seeds
from lordbench.device import Precision
from lordbench.experiment import Experiment, Trained
from lordbench.experiments.content_transfer import exchanged, transfer_pairs
from lordbench.images import ImageSet, Int64Array, UInt8Array
from lordbench.judge import POLICY
from lordbench.method import Codes
from lordbench.pairing import Pairs
from lordbench.results.row import CodeKind, Measurement
from lordbench.scoring import Place
from lordbench.training import Budget, Context

NAME = "one-shot"


class OneShot(Experiment):
    """Transfers onto classes that training has not seen, on the pairs of content-transfer.

    The class code comes from K images of the class (`Method.encode_class`): image B, then others drawn for
    each pair, never the true image; K = 1 is among K = 5. A number that some class does not have is left
    out; with `all`, each class gives all its images but the true one.

    Beside the encoders stands optimization at test time (`Method.optimize_codes`), where a method has it:
    `K = 1` finds the codes of every image by itself, as if it were a class of its own; `all` finds those of
    all held-out images together, with one code a class. The latter has seen the true images, which helps it.
    """

    summary: ClassVar[str] = "transfer onto held-out classes by 1, 5 and all of their images; --split classes"

    def run(self, trained: Trained) -> list[Measurement]:
        """Transfer by encoders and by optimization; nothing where no classes are held out."""
        if trained.split.name != "classes":
            return []
        images = trained.split.test
        pairs = transfer_pairs(trained, "encoded", images)
        outputs = dict(self._encoded(trained, images, pairs))
        found = list(self._scored(trained, images, pairs, "encoded", outputs))
        alone = replace(
            images,
            classes=np.arange(len(images), dtype=np.int64),
            class_names=tuple(f"image {i}" for i in range(len(images))),
        )
        for shots, labelled in (("K = 1", alone), ("all", images)):
            codes = self._optimized(trained, labelled, shots)
            if codes is not None:
                found += self._of_optimized(trained, images, pairs, shots, codes)
        return found

    def _encoded(self, trained: Trained, images: ImageSet, pairs: Pairs) -> Iterator[tuple[str, UInt8Array]]:
        """Outputs by the number of images that give the class."""
        content = trained.test_codes.content_code[torch.from_numpy(pairs.content).to(trained.device)]
        supports = list(supporting(images, pairs, seeds.numpy_generator(trained.seed, NAME, "supports")))
        fewest = min(len(support) for support in supports)
        wanted = {f"K = {k}": k for k in trained.sizes.shots if k <= fewest} | {"all": None}
        for shots, k in wanted.items():
            trained.log(f"{NAME}: {len(pairs)} pairs, {shots}")
            class_codes = _class_codes(trained, images, [support[:k] for support in supports])
            yield f"transfer, {shots}", inference.decode(trained.method, Codes(class_codes, content))

    def _optimized(self, trained: Trained, images: ImageSet, shots: str) -> Codes | None:
        trained.log(f"{NAME}: optimization at test time, {shots}")
        context = Context(
            device=trained.device,
            precision=Precision("float32", trained.device.type),
            seed=seeds.derive(trained.seed, NAME, "optimization", shots),
            budget=Budget(trained.sizes.optimization * len(images), trained.batch_size),
        )
        return trained.method.optimize_codes(images, context)

    def _of_optimized(
        self, trained: Trained, images: ImageSet, pairs: Pairs, shots: str, codes: Codes
    ) -> Iterator[Measurement]:
        mixed = exchanged(codes, pairs.content, pairs.class_)
        outputs = {f"transfer, {shots}": inference.decode(trained.method, mixed)}
        yield from self._scored(trained, images, pairs, "optimized", outputs)
        place = Place(NAME, f"reconstruction, {shots}", "optimized")
        own = {place: inference.decode(trained.method, codes)}
        yield from trained.scoring.pairs(own, images.images, images.classes, trained.seed)

    def _scored(
        self, trained: Trained, images: ImageSet, pairs: Pairs, kind: CodeKind, outputs: dict[str, UInt8Array]
    ) -> Iterator[Measurement]:
        classes = images.classes[pairs.class_]
        groups = (classes, pairs.content)
        places = {Place(NAME, subject, kind): images for subject, images in outputs.items()}
        if pairs.truth is not None:
            yield from trained.scoring.pairs(places, trained.pool.images[pairs.truth], groups, trained.seed)
        for place, transfers in places.items():
            agreement = trained.judge.agrees(transfers, classes)
            yield trained.scoring.mean(
                place,
                "class_agreement",
                agreement,
                groups,
                trained.seed,
                higher_is_better=True,
                policy=POLICY,
            )


def supporting(images: ImageSet, pairs: Pairs, generator: np.random.Generator) -> Iterator[Int64Array]:
    """Images that may give the class of each pair, in the order in which they are taken.

    Image B comes first, then the other images of its class in random order, without the true image: int64
    (K,), into `images`, which the true images of the pairs are in.
    """
    members = [np.flatnonzero(images.classes == c) for c in range(images.n_classes)]
    for i, first in enumerate(pairs.class_):
        others = generator.permutation(members[images.classes[first]])
        truth = -1 if pairs.truth is None else pairs.truth[i]
        yield np.concatenate([[first], others[(others != first) & (others != truth)]])


@torch.no_grad()
def _class_codes(trained: Trained, images: ImageSet, supports: list[Int64Array]) -> torch.Tensor:
    """A class code for each support, float32 (N, class size); each set of images is encoded once."""
    codes: dict[bytes, torch.Tensor] = {}
    keys = []
    for support in supports:
        chosen = np.sort(support)
        keys.append(chosen.tobytes())
        if keys[-1] not in codes:
            pixels = inference.to_float(images.images[chosen], trained.device)
            codes[keys[-1]] = inference.encode_class(trained.method, pixels)
    return torch.stack([codes[key] for key in keys])
