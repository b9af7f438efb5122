"""Retrieval: do the nearest neighbours of a code show the same class, or the same content?"""

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lordbench.data import Column, ImageSet, Int64Array, SplitName, UInt8Array
from lordbench.evaluation import CodeKind, Experiment, Measurement, MeasurementKey, Trained, inference
from lordbench.evaluation.experiment import OTHER_LABELS
from lordbench.evaluation.headlines import Headline, Headlines
from lordbench.evaluation.metric import BoolArray, Float32Array, Float64Array
from lordbench.evaluation.probing import part_of
from lordbench.training import Codes
from lordbench.utils import seeds
from lordbench.utils.parallel import one_thread

NAME, LABELS = "retrieval", ("class", "content")
TOP, AVERAGE = "top1", "average_precision"
PIXELS, RANDOM = "small pixels", "from random order"
TOLERANCES = (1, 2)
"""Steps by which a cyclic label, such as an azimuth, may differ in `within_1_top1` and `within_2_top1`."""
SIDE = 16
"""Height and width to which images are reduced before their pixels are compared."""
ELEMENTS = 2**22
"""Most distances that are ranked at a time; bounds memory."""
POLICY = "Euclidean distances to all other images of the gallery; ties in random order"


class Hits(NamedTuple):
    """What the neighbours of queries show, for queries that have any image with their label in the gallery.

    Attributes:
        queries: int64 (M,), into the images.
        average: average precision, float64 (M,).
        steps: by how many steps the nearest neighbour's label differs, int64 (M,).
        relevant: number of images with the query's label, int64 (M,).
    """

    queries: Int64Array
    average: Float64Array
    steps: Int64Array
    relevant: Int64Array


class Retrieval(Experiment):
    """Nearest neighbours among training and held-out images, without the query itself, by Euclidean distance.

    The nearest neighbour should have the query's class by class codes, and its content by content codes
    (`top1`); so should all images before the others (`average_precision`). What the other code finds is
    leakage. The nearest neighbour's label around a circle, such as an azimuth, also counts with a tolerance.

    Queries are held-out images, or training images for learned codes; at most `evaluation.pairs`. With the
    split `classes` the gallery holds the held-out classes. The floor is the expectation of a random order;
    `... from pixels` is what plain pixels find, `control` what is possible. Nothing is measured where the
    class labels given to methods are not the data set's own: neighbours of another class are another
    question.
    """

    summary: ClassVar[str] = "nearest neighbours: do content codes find the content, class codes the class?"
    headlines: ClassVar[Headlines] = {
        "nearest neighbours among all images (top-1 and mean average precision; leaks: lower is better)": (
            Headline("content top-1", "encoded", "from content, content", TOP),
            Headline("content mAP", "encoded", "from content, content", AVERAGE),
            Headline("class top-1", "encoded", "from class, class", TOP),
            Headline("class mAP", "encoded", "from class, class", AVERAGE),
            Headline("class leak top-1", "encoded", "from content, class", TOP),
            Headline("content leak top-1", "encoded", "from class, content", TOP),
        )
    }

    def missing(self, images: ImageSet, split: SplitName, labels: str) -> str:
        return OTHER_LABELS if labels else ""

    def run(self, trained: Trained) -> list[Measurement]:
        """Search by encoded codes, by pixels, and by learned codes."""
        if trained.split.labels:
            return []
        images, n_train = trained.pool, len(trained.pool) - len(trained.split.test)
        codes = inference.join([trained.train_codes, trained.test_codes] if n_train else [trained.test_codes])
        queries = _drawn(trained, "encoded", np.arange(n_train, len(images), dtype=np.int64))
        rows = list(_by_codes(trained, "encoded", images, queries, codes))
        rows += trained.shared(f"{NAME}: references", lambda: list(_references(trained, images, queries)))
        if trained.learned_codes is not None:
            train = trained.split.train
            queries = _drawn(trained, "learned", np.arange(len(train), dtype=np.int64))
            rows += _by_codes(trained, "learned", train, queries, trained.learned_codes)
        return rows


def search(
    codes: Tensor, queries: Int64Array, labels: dict[str, Column], generator: np.random.Generator
) -> dict[str, Hits]:
    """Rank all images by their distance from each query, and say where those with its label are.

    Args:
        codes: (N, D), of the gallery, on any device.
        queries: int64 (M,), images of the gallery.
        labels: of the N images.
        generator: orders images at equal distances.
    """
    order = torch.from_numpy(generator.permutation(len(codes)))
    gallery = codes[order.to(codes.device)].double()
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order))
    values = {
        name: torch.from_numpy(column.values)[order].to(codes.device) for name, column in labels.items()
    }
    ranks = torch.arange(1, len(order), device=codes.device)
    found: dict[str, list[tuple[Tensor, ...]]] = {name: [] for name in labels}
    size = max(1, ELEMENTS // len(order))
    for start in range(0, len(queries), size):
        own = place[torch.from_numpy(queries[start : start + size])].to(codes.device)
        distances = torch.cdist(gallery[own], gallery)
        distances.scatter_(1, own[:, None], -1.0)  # the query comes first, and is left out
        neighbours = distances.argsort(dim=1, stable=True)[:, 1:]
        for name, label in values.items():
            same = label[neighbours] == label[own, None]
            relevant = same.sum(dim=1)
            precision = same.cumsum(dim=1) / ranks
            average = (precision * same).sum(dim=1) / relevant.clamp(min=1)
            parts = (average, label[neighbours[:, 0]], relevant)
            found[name].append(tuple(part.cpu() for part in parts))
    return {name: _hits(queries, labels[name], parts) for name, parts in found.items()}


def _hits(queries: Int64Array, label: Column, parts: list[tuple[Tensor, ...]]) -> Hits:
    average, nearest, relevant = (torch.cat(part).numpy() for part in zip(*parts, strict=True))
    some = relevant > 0
    steps = label.steps(nearest, label.values[queries])
    return Hits(queries[some], average[some].astype(np.float64), steps[some], relevant[some])


def expected_average_precision(relevant: Int64Array, n: int) -> Float64Array:
    """Return the expectation over random orders of n images, of which int64 (M,) are relevant: (M,).

    Precision at a relevant image on rank k is 1 / k, and (relevant - 1) / (n - 1) on the k - 1 ranks before.
    """
    harmonic = float((1 / np.arange(1, n + 1)).sum())
    expected: Float64Array = (harmonic + (n - harmonic) * (relevant - 1) / max(n - 1, 1)) / n
    return expected


def labels_of(images: ImageSet) -> dict[str, Column]:
    """Return what is looked for: class, content where it is labelled, and attributes around a circle."""
    labels = {"class": Column(images.classes, images.class_names)}
    if images.contents is not None:
        labels["content"] = Column(images.contents, images.content_names)
    return labels | {name: column for name, column in images.attributes.items() if column.cyclic}


def _drawn(trained: Trained, kind: CodeKind, images: Int64Array) -> Int64Array:
    generator = seeds.numpy_generator(trained.seed, NAME, "queries", kind)
    return np.sort(generator.permutation(images)[: trained.sizes.pairs])


def _by_codes(
    trained: Trained, kind: CodeKind, images: ImageSet, queries: Int64Array, codes: Codes
) -> Iterator[Measurement]:
    for code, values in (("content", codes.content_code), ("class", codes.class_code)):
        yield from _measured(trained, kind, code, images, queries, values)


def _references(trained: Trained, images: ImageSet, queries: Int64Array) -> Iterator[Measurement]:
    """Search by pixels, and in a random order."""
    pixels = torch.from_numpy(_reduced(images.images)).to(trained.device)
    yield from _measured(trained, "", PIXELS, images, queries, pixels)
    for name, column in labels_of(images).items():
        counts = np.bincount(column.values)
        relevant = counts[column.values[queries]] - 1
        some, n = relevant > 0, len(images) - 1
        if not some.any():
            continue
        values = {TOP: relevant / n, AVERAGE: expected_average_precision(relevant, n)}
        if name not in LABELS:
            del values[AVERAGE]
            kinds = np.arange(len(counts))
            apart = column.steps(kinds[:, None], kinds)
            near = {t: (apart <= t) @ counts for t in TOLERANCES}
            values |= {f"within_{t}_{TOP}": (near[t][column.values[queries]] - 1) / n for t in TOLERANCES}
        key = MeasurementKey(NAME, f"{RANDOM}, {name}", "")
        for metric, expected in values.items():
            yield _mean(trained, key, metric, expected[some], images, queries[some], True, "a random order")


def _reduced(images: UInt8Array) -> Float32Array:
    """Average the pixels of images, uint8 (N, C, S, S), to `SIDE` x `SIDE`: vectors, float32 (N, D)."""
    n, channels, size, _ = images.shape
    side = np.gcd(size, SIDE)
    parts = [images[start : start + 1024] for start in range(0, n, 1024)]
    blocks = [part.reshape(len(part), channels, side, size // side, side, -1) for part in parts]
    means = [block.mean(axis=(3, 5), dtype=np.float32) / 255 for block in blocks]
    return np.concatenate(means).reshape(n, -1)


def _measured(
    trained: Trained, kind: CodeKind, code: str, images: ImageSet, queries: Int64Array, codes: Tensor
) -> Iterator[Measurement]:
    generator = seeds.numpy_generator(trained.seed, NAME, "order")
    with one_thread():
        found = search(codes, queries, labels_of(images), generator)
    for name, hits in found.items():
        if not len(hits.queries):
            continue
        values: dict[str, npt.NDArray[np.float64] | BoolArray] = {TOP: hits.steps == 0, AVERAGE: hits.average}
        if name not in LABELS:
            del values[AVERAGE]
            values |= {f"within_{t}_{TOP}": hits.steps <= t for t in TOLERANCES}
        part = part_of(images, name)
        better = True if code == PIXELS else part == code if part else None
        key = MeasurementKey(NAME, f"from {code}, {name}", kind)
        for metric, own in values.items():
            yield _mean(trained, key, metric, own, images, hits.queries, better, POLICY)


def _mean(
    trained: Trained,
    key: MeasurementKey,
    metric: str,
    values: npt.NDArray[np.float64] | BoolArray,
    images: ImageSet,
    queries: Int64Array,
    better: bool | None,
    policy: str,
) -> Measurement:
    return trained.scoring.mean(
        key, metric, values, images.groups(queries), trained.seed, higher_is_better=better, policy=policy
    )
