"""Pixels as features for probes: what an image itself reveals, beside what codes do."""

import numpy as np
from sklearn.decomposition import PCA

from lordbench.data import UInt8Array, flattened
from lordbench.evaluation.metric import Float32Array
from lordbench.evaluation.probing import Features, Fold, LabelProbing
from lordbench.utils import seeds
from lordbench.utils.parallel import one_thread

COMPONENTS, SHARE = 64, 4
"""Principal components of pixels, at most one per `SHARE` training images: probes scale all components to
equal deviation, and the last ones of few images are noise."""
PIXELS = f"pixels by {COMPONENTS} principal components of the training images, at most one per {SHARE} images"
BATCH = 1000


def pixel_features(probing: LabelProbing) -> Features:
    """Return what turns a fold's images into features: principal components of its training images."""
    images, seed = probing.images.images, seeds.derive(probing.trained.seed, "leakage", "pixels") % 2**32
    return lambda fold: _components(images, fold, seed)


def _components(images: UInt8Array, fold: Fold, seed: int) -> tuple[Float32Array, Float32Array]:
    """Project a fold's images on the principal components of its training images."""
    train = flattened(images[fold.train])
    with one_thread():
        size = min(COMPONENTS, max(1, len(train) // SHARE), train.shape[1])
        components = PCA(size, svd_solver="randomized", iterated_power=3, random_state=seed).fit(train)
        batches = range(0, len(fold.test), BATCH)
        test = [components.transform(flattened(images[fold.test[i : i + BATCH]])) for i in batches]
        return components.transform(train), np.concatenate(test)
