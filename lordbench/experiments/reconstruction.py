"""Reconstruction: image A from its own two codes."""

from typing import ClassVar

from lordbench.data import ImageSet
from lordbench.evaluation import CodeKind, Experiment, Measurement, MeasurementKey, Trained, inference
from lordbench.training import Codes


class Reconstruction(Experiment):
    """The loss of information in the codes, without any exchange."""

    summary: ClassVar[str] = "image metrics of A -> codes -> A, held-out images and learned codes"

    def run(self, trained: Trained) -> list[Measurement]:
        """Reconstruct held-out images by the encoders, and training images from learned codes."""
        split = trained.split
        sources: list[tuple[CodeKind, ImageSet, Codes]] = [("encoded", split.test, trained.test_codes)]
        if trained.learned_codes is not None:
            sources.append(("learned", split.train, trained.learned_codes))
        rows: list[Measurement] = []
        for kind, images, codes in sources:
            trained.log(f"reconstruction: {len(images)} images, {kind} codes")
            outputs = inference.decode(trained.method, codes)
            key = MeasurementKey("reconstruction", "reconstruction", kind)
            rows += trained.scoring.pairs({key: outputs}, images.images, images.classes, trained.seed)
        return rows
