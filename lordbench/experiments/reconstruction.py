"""Reconstruction: image A from its own two codes."""

from __future__ import annotations

from typing import ClassVar

from lordbench.data.images import ImageSet
from lordbench.evaluation import inference
from lordbench.evaluation.experiment import Experiment, Trained
from lordbench.evaluation.measurement import CodeKind, Measurement, MeasurementKey
from lordbench.training.method import Codes


class Reconstruction(Experiment):
    """What is lost on the way through the codes, without any exchange."""

    summary: ClassVar[str] = "image metrics of A -> codes -> A, held-out images and learned codes"

    def run(self, trained: Trained) -> list[Measurement]:
        """Reconstruct held-out images by the encoders, and training images from learned codes."""
        tried: list[tuple[CodeKind, ImageSet, Codes]] = [("encoded", trained.split.test, trained.test_codes)]
        if trained.learned_codes is not None:
            tried.append(("learned", trained.split.train, trained.learned_codes))
        found: list[Measurement] = []
        for kind, images, codes in tried:
            trained.log(f"reconstruction: {len(images)} images, {kind} codes")
            outputs = inference.decode(trained.method, codes)
            place = MeasurementKey("reconstruction", "reconstruction", kind)
            found += trained.scoring.pairs({place: outputs}, images.images, images.classes, trained.seed)
        return found
