"""Checks of whether a method learns: held against the best answer that looks at no image."""

from __future__ import annotations

import numpy as np

from lordbench import inference
from lordbench.conformance.check import FailedCheck
from lordbench.conformance.trial import CPU, Trial, state_bytes
from lordbench.images import ImageSet, UInt8Array
from lordbench.method import Codes
from lordbench.pairing import true_images

SHARE = 0.85
"""Of the error of the training images' mean, that a method must stay below. The mean itself has 1; after the
default budget LORD, DrNet and ML-VAE have 0.3 to 0.7."""
LATER = "If it learns more slowly, try more images (--images), or NAME[learning_rate=...]."


def learns(trial: Trial) -> str:
    """After a short training, images come back from their own codes better than the mean image would do."""
    data = trial.data()
    start = trial.build(data)
    method, _ = trial.train(data, trial.images)
    trial.trained["long"] = method
    changed = state_bytes(method) != state_bytes(start)
    outputs = inference.decode(method, inference.encode(method, data.images, CPU))
    return _held_against_mean(
        outputs,
        data.images,
        data,
        f"after {trial.images:,} images, reconstructions are",
        LATER if changed else "fit changes no parameter and no buffer: is the loss minimised at all?",
    )


def transfers(trial: Trial) -> str:
    """The class code brings the class, the content code the content: exchanged, they give the true image."""
    data, method = trial.data(), trial.trained["long"]
    content = np.arange(len(data))
    other = np.roll(content, 3 * len(data) // data.n_classes + 5)  # of another class, and another content
    codes = inference.encode(method, data.images, CPU)
    outputs = inference.decode(
        method, Codes(codes.select(other).class_code, codes.select(content).content_code)
    )
    return _held_against_mean(
        outputs,
        data.images[true_images(data, data, content, other)],
        data,
        "with the class code of another image, outputs are",
        "Does decode use both codes, and can the content code do without the class? " + LATER,
    )


def _held_against_mean(
    outputs: UInt8Array, truth: UInt8Array, data: ImageSet, what: str, way_out: str
) -> str:
    mean = data.images.astype(np.float64).mean(axis=0)
    error = np.abs(outputs.astype(np.float64) - truth).mean() / 255
    floor = np.abs(mean - truth).mean() / 255
    found = f"{what} off by {error:.3f} (L1); the mean image by {floor:.3f}"
    if error > SHARE * floor:
        raise FailedCheck(f"{found}; less than {SHARE * floor:.3f} is needed", way_out)
    return found
