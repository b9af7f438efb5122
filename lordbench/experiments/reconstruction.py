"""Reconstruction: image A from its own two codes."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from lordbench.data import ImageSet, UInt8Array
from lordbench.evaluation import CodeKind, Experiment, Measurement, MeasurementKey, Trained, inference
from lordbench.evaluation.collapse import MARGIN, best_single_image, described, has_collapsed, l1, mean_image
from lordbench.evaluation.headlines import ANY, Headline, Headlines
from lordbench.training import Codes

NAME = "reconstruction"


class Reconstruction(Experiment):
    """The loss of information in the codes, without any exchange.

    The floor is the mean training image. `collapsed` is 1 if encoded codes are hardly better than the best
    single image.
    """

    summary: ClassVar[str] = "image metrics of A -> codes -> A, held-out images and learned codes"
    headlines: ClassVar[Headlines] = {
        "content transfer and reconstruction": (
            Headline("recon. {metric}", "encoded", "reconstruction", "l1", summary="recon. {metric}"),
            Headline("recon. {metric}", "encoded", "reconstruction", ANY, summary="recon. {metric}"),
        )
    }

    def run(self, trained: Trained) -> list[Measurement]:
        """Reconstruct held-out images by the encoders, and training images from learned codes."""
        split = trained.split
        outputs = self._decode(trained, "encoded", trained.test_codes)
        rows = list(_score(trained, MeasurementKey(NAME, NAME, "encoded"), outputs, split.test))
        mean = np.broadcast_to(mean_image(split.train.images), outputs.shape)
        rows += trained.shared(
            f"{NAME}: floor",
            lambda: list(_score(trained, MeasurementKey(NAME, "mean", ""), mean, split.test)),
        )
        single = np.broadcast_to(best_single_image(split.train.images), outputs.shape)
        rows.append(_collapsed(l1(outputs, split.test.images), l1(single, split.test.images), len(outputs)))
        if trained.learned_codes is not None:
            outputs = self._decode(trained, "learned", trained.learned_codes)
            rows += _score(trained, MeasurementKey(NAME, NAME, "learned"), outputs, split.train)
        return rows

    def _decode(self, trained: Trained, kind: CodeKind, codes: Codes) -> UInt8Array:
        trained.log(f"{NAME}: {len(codes)} images, {kind} codes")
        return inference.decode(trained.method, codes, kind)


def _score(
    trained: Trained, key: MeasurementKey, outputs: UInt8Array, images: ImageSet
) -> Iterator[Measurement]:
    return trained.scoring.pairs({key: outputs}, images.images, images.classes, trained.seed)


def _collapsed(method_l1: float, single_image_l1: float, n: int) -> Measurement:
    collapsed = has_collapsed(method_l1, single_image_l1)
    return Measurement(
        experiment=NAME,
        subject=NAME,
        codes="encoded",
        metric="collapsed",
        value=float(collapsed),
        ci_low=None,
        ci_high=None,
        n=n,
        higher_is_better=None,
        policy=f"1 if the L1 of reconstructions is above {MARGIN} of that of the best single image",
        note=described(method_l1, single_image_l1) if collapsed else "",
    )
