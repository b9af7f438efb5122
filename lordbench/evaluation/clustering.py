"""Classes without labels: k-means on features of the training images of one domain."""

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_score
from sklearn.metrics.cluster import contingency_matrix

from lordbench.data.images import Int64Array, UInt8Array
from lordbench.evaluation import inference
from lordbench.evaluation.metric import Float64Array
from lordbench.evaluation.vgg16 import PooledVgg16
from lordbench.utils import seeds
from lordbench.utils.errors import UserError
from lordbench.utils.parallel import one_thread

LEVELS = 8
"""Levels of each channel in a colour histogram."""
COMPONENTS = 16
"""Principal components that are clustered."""
STARTS = 10
"""Runs of k-means from different centres; the tightest counts."""
CANDIDATES = (2, 3, 4, 6, 8, 12, 16, 24)
SAMPLE = 2000
"""Most images that a silhouette is computed on: its cost grows with the square of their number."""
BATCH = 256
"""Images per batch of a network."""


class Styles:
    """Clusters of the training images, uint8 (N, C, S, S), of one domain.

    The features are projected on their first principal components, without whitening, and clustered by
    k-means (Lloyd 1982, started as in Arthur and Vassilvitskii 2007). Where k is not given, it is the
    candidate with the greatest mean silhouette (Rousseeuw 1987), the smallest of equally good ones. The seed
    is that of the starts, and of the images that silhouettes are computed on.

    Attributes:
        silhouette: mean silhouette in [-1, 1]; None for one cluster.
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
        values = self._features(images, device)
        with one_thread():
            self._components = PCA(min(COMPONENTS, *values.shape), svd_solver="full").fit(values)
            points = self._components.transform(values)
            means = [KMeans(n, n_init=STARTS, random_state=self._state) for n in _candidates(points, k)]
            scored = [(self._silhouette(points, fit), fit) for fit in (m.fit(points) for m in means)]
        self.silhouette, self._means = max(scored, key=lambda pair: pair[0] or 0.0)
        self.k = int(self._means.n_clusters)
        self.labels: Int64Array = self._means.labels_.astype(np.int64)

    def nearest(self, images: UInt8Array) -> Int64Array:
        """Return the cluster whose centre is nearest to each image, uint8 (N, C, S, S): int64 (N,)."""
        with one_thread():
            points = self._components.transform(self._features(images, self._device))
            labels: Int64Array = self._means.predict(points).astype(np.int64)
        return labels

    def _silhouette(self, points: Float64Array, fit: KMeans) -> float | None:
        sample = np.random.default_rng(self._state).permutation(len(points))[:SAMPLE]
        if not 1 < len(np.unique(fit.labels_[sample])) < len(sample):
            return None
        return float(silhouette_score(points[sample], fit.labels_[sample]))


def likeness(classes: Int64Array, styles: Int64Array) -> dict[str, float]:
    """Measure how well classes, int64 (N,), match the true styles, int64 (N,), up to renumbering.

    Normalized mutual information (over the arithmetic mean of the entropies) and purity in [0, 1], where
    purity is the share of images whose style is the most frequent one of their class; adjusted Rand index
    (Hubert and Arabie 1985), 0 on average for random classes.
    """
    counts = contingency_matrix(classes, styles)
    return {
        "nmi": float(normalized_mutual_info_score(styles, classes)),
        "ari": float(adjusted_rand_score(styles, classes)),
        "purity": float(counts.max(axis=1).sum() / counts.sum()),
    }


def colour_histograms(images: UInt8Array, device: torch.device) -> Float64Array:
    """Return square roots of joint colour histograms, (N, 8 ** channels); distances are Hellinger's.

    An object's pose changes its colours little, while a network's features encode the pose first.
    """
    n, channels = images.shape[:2]
    places = LEVELS ** np.arange(channels)[::-1]
    counts = np.empty((n, LEVELS**channels))
    for i, image in enumerate(images.reshape(n, channels, -1)):
        bins = places @ (image.astype(np.int64) * LEVELS // 256)
        counts[i] = np.bincount(bins, minlength=LEVELS**channels)
    histograms: Float64Array = np.sqrt(counts / images[0, 0].size)
    return histograms


def vgg16_features(images: UInt8Array, device: torch.device) -> Float64Array:
    """Return VGG16's last activations averaged over the image, as for distances between sets: (N, 512)."""
    network = PooledVgg16(device)
    batches = (images[start : start + BATCH] for start in range(0, len(images), BATCH))
    return np.concatenate([network(inference.to_float(b, device)).double().cpu().numpy() for b in batches])


FEATURES = {"colour": colour_histograms, "vgg16": vgg16_features}


def _candidates(points: Float64Array, k: int | None) -> list[int]:
    """Return the numbers of clusters to try: k, if given."""
    distinct = len(np.unique(points, axis=0))
    if k is None:
        return [candidate for candidate in CANDIDATES if candidate < distinct] or [1]
    if k > distinct:
        raise UserError(
            f"{k} clusters cannot be made of {distinct} different images",
            "Choose a smaller number, e.g. --labels clusters[k=8].",
        )
    return [k]
