"""Leakage: what each code tells about class and content, as classifiers can read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from torch import Tensor

from lordbench import seeds
from lordbench.experiment import Experiment, Trained
from lordbench.images import ImageSet, Int64Array
from lordbench.method import Codes
from lordbench.results.row import CodeKind, Measurement
from lordbench.scoring import Place
from lordbench.splits import stratified

NAME = "leakage"
TRIAL_SHARE = 0.25
"""Share of each label's codes that probes are tried on, where there is no held-out set of codes."""


class Leakage(Experiment):
    """Probes on frozen codes, in both directions and on both kinds of codes.

    Encoded codes: with the split `samples` probes learn from codes of training images and are tried on
    codes of held-out images; with `classes` on a held-out quarter of the held-out classes' codes. Learned
    codes: on a held-out quarter of them. Beside each accuracy stands the normalized one, (accuracy -
    chance) / (1 - chance), with chance the share of the most frequent label.
    """

    summary: ClassVar[str] = "probe accuracy: class from content code, content from class code, and kept ones"

    def run(self, trained: Trained) -> list[Measurement]:
        """Probe the encoded codes of held-out images, and the learned codes of training images."""
        split = trained.split
        found: list[Measurement] = []
        if split.name == "samples":
            known, tried = (split.train, trained.train_codes), (split.test, trained.test_codes)
            found += self._probe_all(trained, "encoded", known, tried)
        else:
            found += self._within(trained, "encoded", split.test, trained.test_codes)
        if trained.learned_codes is not None:
            found += self._within(trained, "learned", split.train, trained.learned_codes)
        return found

    def _within(
        self, trained: Trained, kind: CodeKind, images: ImageSet, codes: Codes
    ) -> Iterator[Measurement]:
        generator = seeds.numpy_generator(trained.seed, NAME, "trial", kind)
        rest, drawn = stratified(images.classes, TRIAL_SHARE, generator)
        yield from self._probe_all(
            trained,
            kind,
            (images.subset(rest), codes.select(rest)),
            (images.subset(drawn), codes.select(drawn)),
        )

    def _probe_all(
        self, trained: Trained, kind: CodeKind, known: tuple[ImageSet, Codes], tried: tuple[ImageSet, Codes]
    ) -> Iterator[Measurement]:
        for label in ("class", "content"):
            known_labels, tried_labels = known[0].labels(label), tried[0].labels(label)
            if known_labels is None or tried_labels is None:
                continue
            for code in ("content", "class"):
                place = Place(NAME, f"{label} from {code}", kind)
                trained.log(f"{NAME}: {label} from {code} code, {kind}")
                yield from self._probe(
                    trained, place, _code(known[1], code), known_labels, _code(tried[1], code), tried_labels,
                    tried[0].classes, keeps=label == code,
                )  # fmt: skip

    def _probe(
        self,
        trained: Trained,
        place: Place,
        known_codes: npt.NDArray[np.float32],
        known_labels: Int64Array,
        tried_codes: npt.NDArray[np.float32],
        tried_labels: Int64Array,
        groups: Int64Array,
        keeps: bool,
    ) -> Iterator[Measurement]:
        chance = float(np.bincount(tried_labels).max() / len(tried_labels))
        yield Measurement(
            **place._asdict(), metric="chance", value=chance, n=len(tried_labels), higher_is_better=None
        )
        for name, probe in trained.scoring.probes():
            probe_seed = seeds.derive(trained.seed, *place, name)
            correct = probe.predict(known_codes, known_labels, tried_codes, probe_seed) == tried_labels
            for kind, values in (
                ("accuracy", correct.astype(np.float64)),
                ("normalized", (correct - chance) / (1 - chance)),
            ):
                yield trained.scoring.mean(
                    place,
                    f"{name}.{kind}",
                    values,
                    groups,
                    trained.seed,
                    higher_is_better=keeps,
                    policy=probe.policy(),
                )


def _code(codes: Codes, code: str) -> npt.NDArray[np.float32]:
    chosen: Tensor = codes.class_code if code == "class" else codes.content_code
    return chosen.float().cpu().numpy()
