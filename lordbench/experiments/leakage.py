"""Leakage: what each code tells about class and content, as classifiers can read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import torch
from sklearn.decomposition import PCA

from lordbench.data.images import UInt8Array, flattened
from lordbench.evaluation.experiment import Experiment, Trained
from lordbench.evaluation.measurement import Measurement, MeasurementKey
from lordbench.evaluation.probes import Codes as Features
from lordbench.evaluation.probing import Fold, LabelProbing
from lordbench.training.method import Codes
from lordbench.utils import seeds
from lordbench.utils.parallel import one_thread

NAME = "leakage"
COMPONENTS, SHARE = 64, 4
"""Principal components of pixels; at most one for so many images, as probes bring all to equal deviation, and
the last ones of few images are noise."""
PIXELS = f"pixels by {COMPONENTS} principal components of those learned from, one for {SHARE} images at most"
BATCH = 1000
"""Images whose components are computed at a time."""


class Leakage(Experiment):
    """Probes on frozen codes, in both directions and on both kinds of codes, with floor and ceiling.

    Encoded codes: with the split `samples` probes learn from codes of training images and are tried on codes
    of held-out images; with `classes`, and with learned codes, on other codes of the same kind (see
    `lordbench.evaluation.probing`). The floor is the same with shuffled training labels; the ceiling is the
    accuracy on pixels of the images that have encoded codes.
    """

    summary: ClassVar[str] = "probe accuracy: class from content code, content from class code, and kept ones"

    def run(self, trained: Trained) -> list[Measurement]:
        """Probe the encoded codes of held-out images, the learned codes of training images, and pixels."""
        split = trained.split
        if split.name == "samples":
            codes = _joined(trained.train_codes, trained.test_codes)
            learned_from = np.arange(len(codes)) < len(split.train)
            encoded = LabelProbing(trained, NAME, trained.pool, learned_from, ~learned_from)
        else:
            codes = trained.test_codes
            encoded = LabelProbing.within(trained, NAME, split.test)
        found = list(encoded.of_codes(codes, "encoded", floors=True))
        found += trained.shared(f"{NAME}: pixels", lambda: list(of_pixels(encoded)))
        if trained.learned_codes is not None:
            learned = LabelProbing.within(trained, NAME, split.train)
            found += learned.of_codes(trained.learned_codes, "learned", floors=True)
        return found


def of_pixels(readout: LabelProbing) -> Iterator[Measurement]:
    """What the probes read off images themselves: more than this, no code could be expected to tell them."""
    images, seed = readout.images.images, seeds.derive(readout.trained.seed, NAME, "pixels") % 2**32
    for label in ("class", "content"):
        place = MeasurementKey(NAME, f"{label} from pixels", "")
        yield from readout.read(place, label, lambda fold: _components(images, fold, seed), policy=PIXELS)


def _components(images: UInt8Array, fold: Fold, seed: int) -> tuple[Features, Features]:
    """Principal components of the known images of a fold: of these and of the tried ones."""
    known = flattened(images[fold.known])
    with one_thread():
        size = min(COMPONENTS, max(1, len(known) // SHARE), known.shape[1])
        components = PCA(size, svd_solver="randomized", iterated_power=3, random_state=seed).fit(known)
        batches = range(0, len(fold.tried), BATCH)
        tried = [components.transform(flattened(images[fold.tried[i : i + BATCH]])) for i in batches]
        return components.transform(known), np.concatenate(tried)


def _joined(first: Codes, second: Codes) -> Codes:
    return Codes(
        torch.cat([first.class_code, second.class_code]), torch.cat([first.content_code, second.content_code])
    )
