"""Styles found without labels: k-means on features of the training images of one domain."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_score
from sklearn.metrics.cluster import contingency_matrix

from lordbench.data.images import Int64Array, UInt8Array
from lordbench.evaluation import inference
from lordbench.evaluation.vgg16 import PooledVgg16
from lordbench.utils import seeds
from lordbench.utils.errors import UserError
from lordbench.utils.parallel import one_thread

Points = npt.NDArray[np.float64]
"""(N, D), one an image."""

LEVELS = 8
"""Levels of each channel in a histogram of colours."""
COMPONENTS = 16
"""Principal components that clusters are found in."""
STARTS = 10
"""Runs of k-means from other centres; the tightest stands."""
CANDIDATES = (2, 3, 4, 6, 8, 12, 16, 24)
"""Numbers of clusters to choose from, where none is given."""
SAMPLE = 2000
"""Images that a silhouette is taken of, at most: its cost grows with the square of their number."""
BATCH = 256


class Styles:
    """Clusters of the images of one domain.

    The features are brought to their first principal components, as they are, without whitening; k-means
    (Lloyd 1982, started as in Arthur and Vassilvitskii 2007) runs on those. Where k is not given, the
    candidate with the greatest mean silhouette (Rousseeuw 1987) is taken, of equal ones the smallest.

    Args:
        images: training images, uint8 (N, C, S, S).
        features: what to cluster by, a name in `FEATURES`.
        k: number of clusters; None to choose it.
        seed: of the starts, and of the images that silhouettes are taken of.
        device: where a network runs.

    Attributes:
        k: number of clusters.
        silhouette: their mean silhouette in [-1, 1], of `SAMPLE` images at most; None of one cluster.
        labels: cluster of each training image, int64 (N,).

    Raises:
        UserError: there are fewer different images than clusters.
        MissingWeightsError: the features need weights that are not on this machine.
    """

    def __init__(
        self, images: UInt8Array, features: str, k: int | None, seed: int, device: torch.device
    ) -> None:
        self._features, self._device = FEATURES[features], device
        self._state = seeds.derive(seed, "clusters") % 2**32
        found = self._features(images, device)
        with one_thread():
            self._components = PCA(min(COMPONENTS, *found.shape), svd_solver="full").fit(found)
            points = self._components.transform(found)
            self._means = self._choose(points) if k is None else self._given(points, k)
            self.silhouette = self._silhouette(points, self._means)
        self.k = int(self._means.n_clusters)
        self.labels: Int64Array = self._means.labels_.astype(np.int64)

    def nearest(self, images: UInt8Array) -> Int64Array:
        """The cluster whose centre is nearest to each image, uint8 (N, C, S, S): int64 (N,)."""
        with one_thread():
            points = self._components.transform(self._features(images, self._device))
            found: Int64Array = self._means.predict(points).astype(np.int64)
        return found

    def _choose(self, points: Points) -> KMeans:
        distinct = _distinct(points)
        fits = [self._fit(points, k) for k in CANDIDATES if k < distinct]
        if not fits:
            return self._fit(points, 1)
        return max(fits, key=lambda fit: self._silhouette(points, fit) or 0.0)

    def _given(self, points: Points, k: int) -> KMeans:
        distinct = _distinct(points)
        if k > distinct:
            raise UserError(
                f"{k} clusters cannot be made of {distinct} different images",
                "Choose a smaller number, as in --labels clusters[k=8].",
            )
        return self._fit(points, k)

    def _fit(self, points: Points, k: int) -> KMeans:
        return KMeans(k, n_init=STARTS, random_state=self._state).fit(points)

    def _silhouette(self, points: Points, fit: KMeans) -> float | None:
        chosen = np.random.default_rng(self._state).permutation(len(points))[:SAMPLE]
        if not 1 < len(np.unique(fit.labels_[chosen])) < len(chosen):
            return None
        return float(silhouette_score(points[chosen], fit.labels_[chosen]))


def likeness(classes: Int64Array, styles: Int64Array) -> dict[str, float]:
    """How far classes, int64 (N,), are the true styles, int64 (N,), whatever their numbers.

    Normalized mutual information (over the arithmetic mean of the entropies) and purity in [0, 1], where
    purity is the share of images whose style is the most frequent of their class; adjusted Rand index (Hubert
    and Arabie 1985), 0 on average for random classes.
    """
    counts = contingency_matrix(classes, styles)
    return {
        "nmi": float(normalized_mutual_info_score(styles, classes)),
        "ari": float(adjusted_rand_score(styles, classes)),
        "purity": float(counts.max(axis=1).sum() / counts.sum()),
    }


def colour_histograms(images: UInt8Array, device: torch.device) -> Points:
    """Square roots of joint histograms of colours, so that distances are Hellinger's: (N, 8 ** channels).

    How a thing is turned changes little of its colours, while a network's features tell its pose first.
    """
    n, channels = images.shape[:2]
    shares = np.empty((n, LEVELS**channels))
    for start in range(0, n, BATCH):
        levels = images[start : start + BATCH].reshape(-1, channels, images[0, 0].size).astype(np.int64)
        bins = np.zeros(levels[:, 0].shape, np.int64)
        for channel in range(channels):
            bins = bins * LEVELS + levels[:, channel] * LEVELS // 256
        for image, of_image in enumerate(bins, start):
            shares[image] = np.bincount(of_image, minlength=LEVELS**channels) / len(of_image)
    return np.sqrt(shares)


def vgg16_features(images: UInt8Array, device: torch.device) -> Points:
    """VGG16's last activations averaged over the image, as for the distances between sets: (N, 512)."""
    network = PooledVgg16(device)
    batches = (images[start : start + BATCH] for start in range(0, len(images), BATCH))
    return np.concatenate([network(inference.to_float(b, device)).double().cpu().numpy() for b in batches])


FEATURES: dict[str, Callable[[UInt8Array, torch.device], Points]] = {
    "colour": colour_histograms,
    "vgg16": vgg16_features,
}


def _distinct(points: Points) -> int:
    return len(np.unique(points, axis=0))
