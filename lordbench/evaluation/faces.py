"""Faces in images: detection, landmarks and embeddings by dlib (extra `faces`)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from lordbench.data.images import Int64Array, UInt8Array, image_hash
from lordbench.evaluation.metric import BoolArray, Float64Array
from lordbench.utils.errors import require_extra

PACKAGES = ("dlib", "face_recognition_models")
SIDE = 256
"""Pixels to which images are resized: the detector needs faces of 80 pixels. Of ORL's photographs at 64 px it
finds a face in 96.5 % at 128 px, in 98.5 % at 256 px, in 97 % at 384 px."""
CHIP = 150
"""Pixels of the aligned face that the embedding is computed from, as dlib's network was trained."""
LANDMARKS, DIMENSIONS = 68, 128
OUTER_CORNERS = 36, 45
"""The landmarks at the outer corners of the eyes."""
POLICY = (
    f"dlib: images resized to {SIDE} px (bicubic, grey tiled), frontal HOG detector at threshold 0, the face "
    f"of the highest score; {LANDMARKS} landmarks (ERT, iBUG 300-W); embedding of ResNet-29, {DIMENSIONS}-d, "
    f"of a {CHIP} px chip"
)


@dataclass(frozen=True, eq=False)
class Faces:
    """The face in each of N images.

    Attributes:
        landmarks: float64 (N, 68, 2), x and y in pixels of an image of `SIDE` pixels; NaN where no face was
            found.
        embeddings: float64 (N, 128); NaN likewise. Distances are Euclidean; dlib takes two faces closer than
            0.6 for one person.
    """

    landmarks: Float64Array
    embeddings: Float64Array

    def __len__(self) -> int:
        return len(self.landmarks)

    @property
    def found(self) -> BoolArray:
        """Whether a face was found in each image, bool (N,)."""
        found: BoolArray = ~np.isnan(self.landmarks[:, 0, 0])
        return found

    def at(self, rows: Int64Array | BoolArray) -> Faces:
        """Return the faces at `rows`, int64 (M,), or the chosen ones, bool (N,)."""
        return Faces(self.landmarks[rows], self.embeddings[rows])


def landmark_errors(faces: Faces, targets: Faces) -> Float64Array:
    """Compare landmarks, in place, with those of other faces: (N,), NaN where either was not found.

    The mean distance of the 68 landmarks over the distance of the outer corners of the target's eyes, as in
    the 300-W challenge (Sagonas et al. 2013).
    """
    left, right = (targets.landmarks[:, corner] for corner in OUTER_CORNERS)
    # Of a face turned to the side the corners may coincide.
    scale = np.maximum(np.linalg.norm(right - left, axis=-1), 1.0)
    errors: Float64Array = np.linalg.norm(faces.landmarks - targets.landmarks, axis=-1).mean(axis=-1) / scale
    return errors


def identity_distances(faces: Faces, targets: Faces) -> Float64Array:
    """Euclidean distance of embeddings: (N,), NaN where either was not found."""
    distances: Float64Array = np.linalg.norm(faces.embeddings - targets.embeddings, axis=-1)
    return distances


def require_models() -> None:
    """Raise UserError, which names the extra, unless dlib and its models are installed."""
    for package in PACKAGES:
        require_extra(package, "faces", f"measures of faces need {package}")


def find_faces(images: UInt8Array) -> Faces:
    """Find the face in each image, uint8 (N, 1 or 3, S, S). Equal images are read once.

    About a tenth of a second for each on a CPU.
    """
    distinct: dict[bytes, int] = {}
    positions = [distinct.setdefault(image_hash(image), len(distinct)) for image in images]
    first = np.unique(positions, return_index=True)[1]
    landmarks = np.full((len(first), LANDMARKS, 2), np.nan)
    embeddings = np.full((len(first), DIMENSIONS), np.nan)
    for i, image in enumerate(images[first]):
        if face := _face(image):
            landmarks[i], embeddings[i] = face
    return Faces(landmarks, embeddings).at(np.array(positions, dtype=np.int64))


class _Models(NamedTuple):
    """dlib's detector and networks, which have no types."""

    detector: Any
    landmarks: Any
    embedding: Any


@cache
def _models() -> _Models:
    import dlib

    # The models' package cannot be imported without setuptools, and holds nothing else.
    spec = find_spec("face_recognition_models")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "models"
    return _Models(
        dlib.get_frontal_face_detector(),
        dlib.shape_predictor(str(folder / "shape_predictor_68_face_landmarks.dat")),
        dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat")),
    )


def _face(image: UInt8Array) -> tuple[npt.NDArray[np.int64], Float64Array] | None:
    """Return the landmarks, (68, 2), and the embedding, (128,), of the face in an image, uint8 (C, S, S)."""
    import dlib

    models = _models()
    rgb = Image.fromarray(np.broadcast_to(np.moveaxis(image, 0, -1), (*image.shape[1:], 3)).copy())
    pixels = np.array(rgb.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    boxes, scores, _ = models.detector.run(pixels, 0, 0.0)
    if not boxes:
        return None
    shape = models.landmarks(pixels, boxes[int(np.argmax(scores))])
    embedding = models.embedding.compute_face_descriptor(dlib.get_face_chip(pixels, shape, CHIP, 0.25))
    return np.array([(point.x, point.y) for point in shape.parts()]), np.array(embedding)
