"""Content transfer: the content of image A with the class of image B."""

from collections.abc import Hashable, Iterator
from functools import partial
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from lordbench.data import ImageSet, Pairs, SplitName, UInt8Array
from lordbench.evaluation import CodeKind, Experiment, Measurement, MeasurementKey, Trained, inference
from lordbench.evaluation.experiment import OTHER_LABELS
from lordbench.evaluation.headlines import ANY, LABELLED, METRIC, Headline, Headlines
from lordbench.evaluation.transfers import (
    BOTH,
    CONTENT_TRANSFER,
    REAL,
    SOURCE,
    agreements,
    draw_grid,
    exchanged,
    floors,
    other_real_images,
    real_images,
    reconstructed,
    references,
    transfer_pairs,
)
from lordbench.training import Codes

NAME, COST = CONTENT_TRANSFER, "lpips_cost"


class ContentTransfer(Experiment):
    """Transfers between pairs of images, the same pairs for all methods of a seed.

    Does a judge of the class predict B's class, a judge of the content A's content, and both at once
    (`both_agreement`, the headline)? Where contents are labelled the output is also compared with the true
    image. `lpips_cost` is what the exchange of codes adds to the LPIPS of the method's own reconstruction of
    the true image, whose sharpness LPIPS mostly measures. How far are the outputs from real images as a set?

    Floors (copies of A and B, a random image of B's class, its mean image) are measured as if they were
    outputs, and so are blurred and noisy true images, which show what sharpness alone costs. The ceiling is
    real images.

    Learned codes are left out where contents are labelled and no pair of training images has a true image,
    as in unpaired domains; their own reconstructions, where none of these is a training image. Nothing is
    measured where the class labels given to methods are not the data set's own: their pairs differ, so values
    would not be comparable; `clustered-domain` covers that case.
    """

    summary: ClassVar[str] = "content of A with the class of B: two judges, the true image, floors"
    headlines: ClassVar[Headlines] = {
        "content transfer and reconstruction": (
            Headline("right in both", "encoded", "transfer", BOTH, summary="right in both"),
            Headline("class agreement", "encoded", "transfer", "class_agreement"),
            Headline("content agreement", "encoded", "transfer", "content_agreement"),
            Headline("source class", "encoded", "transfer", SOURCE),
            Headline(METRIC, "encoded", "transfer", "l1", summary=METRIC, needs=LABELLED),
            Headline(METRIC, "encoded", "transfer", "ssim", needs=LABELLED),
            Headline("LPIPS cost", "encoded", "transfer", COST, needs=LABELLED),
            Headline(METRIC, "encoded", "transfer", "lpips", summary=METRIC, needs=LABELLED),
            Headline(METRIC, "encoded", "transfer", "fid"),
            Headline(METRIC, "encoded", "transfer", "fd_vgg16"),
            Headline(METRIC, "encoded", "transfer", ANY, summary=METRIC),
        )
    }

    def missing(self, images: ImageSet, split: SplitName, labels: str) -> str:
        return OTHER_LABELS if labels else ""

    def run(self, trained: Trained) -> list[Measurement]:
        """Transfer with encoded codes of held-out images, and with learned codes of training images."""
        if trained.split.labels:
            return []
        rows = list(_transfer(trained, "encoded", trained.split.test, trained.test_codes))
        if trained.learned_codes is not None and trained.split.name == "samples":
            rows += _transfer(trained, "learned", trained.split.train, trained.learned_codes)
        return rows


def _transfer(trained: Trained, kind: CodeKind, images: ImageSet, codes: Codes) -> Iterator[Measurement]:
    pairs = transfer_pairs(trained, kind, images)
    if not len(pairs):
        return
    trained.log(f"{NAME}: {len(pairs)} pairs, {kind} codes")
    outputs = inference.decode(trained.method, exchanged(codes, pairs.content, pairs.class_), kind)
    key = MeasurementKey(NAME, "transfer", kind)
    yield from agreements(trained, {key: outputs}, images, pairs)
    if pairs.truth is not None:
        yield from _against_truth(trained, key, outputs, images, pairs, codes)
    if kind == "encoded":
        real, real_key = real_images(trained), trained.key
        yield from references(trained, pairs)
        yield from trained.scoring.sets({key: outputs}, real, real_key)
        yield from trained.shared(f"{NAME}: sets", lambda: list(_known_sets(trained, pairs, real, real_key)))
    file, title = f"transfer-{kind}.png", f"{kind} codes"
    draw_grid(trained, images, partial(exchanged, codes), kind, file, title)


def _against_truth(
    trained: Trained, key: MeasurementKey, outputs: UInt8Array, images: ImageSet, pairs: Pairs, codes: Codes
) -> Iterator[Measurement]:
    """Compare outputs, and the method's own reconstructions, with the true images."""
    assert pairs.truth is not None
    own_key, compared = key._replace(subject="reconstruction"), {key: (outputs, pairs)}
    # The pool begins with the training images; held-out ones have no learned codes.
    seen = np.full(len(pairs), True) if key.codes == "encoded" else pairs.truth < len(codes)
    if seen.any():
        truth = pairs.truth[seen]
        if key.codes == "encoded":
            own = reconstructed(trained, truth)
        else:
            own = inference.decode(trained.method, codes.select(truth), key.codes)
        compared[own_key] = own, pairs.select(seen)
    rows: dict[tuple[MeasurementKey, str], Measurement] = {}
    for of, (fake, chosen) in compared.items():
        assert chosen.truth is not None
        truth, groups = trained.pool.images[chosen.truth], (images.classes[chosen.class_], chosen.content)
        scored = list(trained.scoring.pairs({of: fake}, truth, groups, trained.seed))
        rows |= {(of, row.metric): row for row in scored}
    yield from rows.values()
    if own_key in compared:
        yield from agreements(trained, {own_key: compared[own_key][0]}, images, compared[own_key][1])
        if (key, "lpips") in rows:
            yield _lpips_cost(trained, rows[key, "lpips"], rows[own_key, "lpips"], seen)


def _lpips_cost(
    trained: Trained, transfer: Measurement, own: Measurement, seen: npt.NDArray[np.bool_]
) -> Measurement:
    """Measure the LPIPS of transfers minus that of the own reconstructions of the `seen` true images."""
    if transfer.samples is None or own.samples is None:
        return transfer.model_copy(update={"metric": COST})
    costs = transfer.samples.values[seen].astype(np.float64) - own.samples.values
    groups = tuple(transfer.samples.groups[:, seen])
    key = MeasurementKey(NAME, transfer.subject, transfer.codes)
    policy = f"lpips - lpips of the own reconstruction of the true image; {transfer.policy}"
    return trained.scoring.mean(
        key, COST, costs, groups, trained.seed, higher_is_better=transfer.higher_is_better, policy=policy
    )


def _known_sets(
    trained: Trained, pairs: Pairs, real: UInt8Array, real_key: Hashable
) -> Iterator[Measurement]:
    known = floors(trained, pairs) | {REAL: other_real_images(trained, len(pairs))}
    return trained.scoring.sets(known, real, real_key)
