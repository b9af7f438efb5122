"""Leakage: how well classifiers predict class and content from each code."""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from lordbench.data import ImageSet, SplitName
from lordbench.evaluation import Experiment, Measurement, MeasurementKey, Trained, inference
from lordbench.evaluation.experiment import OTHER_LABELS
from lordbench.evaluation.headlines import LABELLED, PROBE, Headline, Headlines
from lordbench.evaluation.pixel_features import PIXELS, pixel_features
from lordbench.evaluation.probing import LabelProbing, Reading
from lordbench.training import Codes
from lordbench.utils import seeds

NAME = "leakage"
DRAWN = ", drawn"


class Leakage(Experiment):
    """Probes on frozen codes of both kinds, in both directions, beside shuffled labels and pixels.

    Encoded codes: with the split `samples` probes are trained on codes of training images and tested on codes
    of held-out images. With `classes`, and with learned codes, they are cross-validated on codes of one kind
    (see `lordbench.evaluation.probing`). The floor is the same with shuffled training labels; pixels of
    the images that have encoded codes say what can be kept, or leak, at most.

    Codes of variational methods are the means of their posteriors. The class is also predicted from content
    codes drawn from these, which is all that the decoder sees in training (`class from content, drawn`).

    Nothing is measured where the class labels given to methods are not the data set's own: to predict another
    class is another question, and so is its floor.
    """

    summary: ClassVar[str] = "probe accuracy: class from content code, content from class code; own labels"
    headlines: ClassVar[Headlines] = {
        "leakage (best probe: a lower bound; 0 chance, 1 all; floor: shuffled labels; learned: stage 1)": (
            Headline("class leak", "encoded", "class from content", PROBE, summary="class leak"),
            Headline("class floor", "encoded", "class from content, shuffled", PROBE),
            Headline("class leak (learned)", "learned", "class from content", PROBE),
            Headline("content leak", "encoded", "content from class", PROBE, needs=LABELLED),
            Headline("content floor", "encoded", "content from class, shuffled", PROBE, needs=LABELLED),
            Headline("class leak (drawn)", "encoded", "class from content, drawn", PROBE),
            Headline("class kept", "encoded", "class from class", PROBE),
            Headline(
                "content kept",
                "encoded",
                "content from content",
                PROBE,
                summary="content kept",
                needs=LABELLED,
            ),
            Headline(
                "class leak, {metric}",
                "encoded",
                "class from content",
                "*.normalized",
                summary="class leak, {metric}",
            ),
        )
    }

    def missing(self, images: ImageSet, split: SplitName, labels: str) -> str:
        return OTHER_LABELS if labels else ""

    def run(self, trained: Trained) -> list[Measurement]:
        """Probe the encoded codes of held-out images, the learned codes of training images, and pixels."""
        if trained.split.labels:
            return []
        encoded, codes = LabelProbing.encoded(trained, NAME)
        rows = encoded.probe_codes(codes, "encoded", floors=True)
        if (drawn := _drawn(trained, codes)) is not None:
            rows += encoded.probe_codes(drawn, "encoded", suffix=DRAWN, labels=["class"], of=["content"])
        rows += trained.shared(f"{NAME}: pixels", lambda: probe_pixels(encoded))
        if trained.learned_codes is not None:
            learned = LabelProbing.within(trained, NAME, trained.split.train)
            rows += learned.probe_codes(trained.learned_codes, "learned", floors=True)
        return rows


def probe_pixels(probing: LabelProbing) -> list[Measurement]:
    """Probe the images themselves: the most that codes can be expected to reveal."""
    features = pixel_features(probing)
    return probing.read([
        Reading(MeasurementKey(NAME, f"{label} from pixels", ""), label, features, policy=PIXELS)
        for label in ("class", "content")
    ])  # fmt: skip


def _drawn(trained: Trained, means: Codes) -> Codes | None:
    """Draw codes of all images from posteriors with these means; None if the method has no posteriors."""
    parts = (
        [trained.split.test] if trained.split.name == "classes" else [trained.split.train, trained.split.test]
    )
    deviations = [inference.deviations(trained.method, part.images, trained.device) for part in parts]
    if any(part is None for part in deviations):
        return None
    spread = inference.join([part for part in deviations if part is not None])
    generator = seeds.numpy_generator(trained.seed, NAME, "drawn")

    def draw(mean: Tensor, deviation: Tensor) -> Tensor:
        noise = generator.standard_normal(mean.shape, dtype=np.float32)
        return mean.float() + deviation.float() * torch.from_numpy(noise).to(mean.device)

    return Codes(*(draw(*pair) for pair in (
        (means.class_code, spread.class_code), (means.content_code, spread.content_code)
    )))  # fmt: skip
