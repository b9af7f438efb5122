"""ImageSet: labelled images, the common form of every data set."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from lordbench.utils.errors import UserError

UInt8Array = npt.NDArray[np.uint8]
Int64Array = npt.NDArray[np.int64]
PARTS = TRAIN, TEST, UNUSED = 0, 1, -1
"""Parts of an official split; an official validation part is UNUSED."""


@dataclass(frozen=True)
class Column:
    """One label of every image, such as its azimuth.

    Attributes:
        values: int64, (N,).
        names: `names[v]` is the name of value v; None for plain numbers, such as a coordinate.
        cyclic: whether the last value is a neighbour of the first, as with azimuths around a full turn.
    """

    values: Int64Array
    names: tuple[str, ...] | None = None
    cyclic: bool = False

    def name(self, value: int) -> str:
        """Return the name of a value."""
        return str(value) if self.names is None else self.names[value]

    def at(self, rows: Int64Array) -> Column:
        """Return the labels of the images at `rows`, int64 (M,)."""
        return replace(self, values=self.values[rows])

    def steps(self, a: Int64Array, b: Int64Array) -> Int64Array:
        """Return how many values lie between labels, int64 of any one shape: 0 for equal labels."""
        apart: Int64Array = np.abs(a - b)
        if self.cyclic:
            apart = np.minimum(apart, len(self.names or ()) - apart)
        return apart


@dataclass(frozen=True)
class ImageSet:
    """Labelled images.

    Attributes:
        name: of the data set in tables, e.g. `toycars` or `folder:faces`.
        images: uint8, (N, C, H, W) with C of 1 or 3 and H = W; may be memory-mapped.
        classes: int64, (N,), values in [0, len(class_names)).
        contents: int64, (N,), values in [0, len(content_names)), or None where content is not labelled.
            Two images with the same content label show the same content, whatever their class.
        class_names: by class id.
        content_names: by content id; None where content is not labelled.
        fingerprint: hash of the images, the labels and the version of their preparation.
        parts: int64, (N,): the part of the official split, TRAIN, TEST or UNUSED; None where there is none.
        attributes: further labels by name, for experiments only, never given to methods: the parts that
            class and content consist of, such as `azimuth`, for informativeness and retrieval; `domain`,
            `pair`, `style` and `view` (what the style does not say) for clustered-domain, `identity` for
            expression-transfer.
        faces: every image is the photograph of a person's face; for the experiment `faces`.
    """

    name: str
    images: UInt8Array
    classes: Int64Array
    contents: Int64Array | None
    class_names: tuple[str, ...]
    content_names: tuple[str, ...] | None
    fingerprint: str
    parts: Int64Array | None = None
    attributes: Mapping[str, Column] = field(default_factory=dict)
    faces: bool = False

    def __post_init__(self) -> None:
        dtype, shape = self.images.dtype, self.images.shape
        if dtype != np.uint8 or len(shape) != 4 or shape[1] not in (1, 3) or shape[2] != shape[3]:
            raise ValueError(f"{self.name}: images must be uint8 (N, 1 or 3, S, S), not {dtype} {shape}")
        _check_labels(self.name, "classes", self.classes, len(self), len(self.class_names))
        if (self.contents is None) != (self.content_names is None):
            raise ValueError(f"{self.name}: contents and content_names go together")
        if self.contents is not None and self.content_names is not None:
            _check_labels(self.name, "contents", self.contents, len(self), len(self.content_names))
        if self.parts is not None:
            _check_parts(self.name, self.parts, len(self))
        for name, column in self.attributes.items():
            if (shape := column.values.shape) != (len(self),):
                raise ValueError(f"{self.name}: attribute {name} must be ({len(self)},), not {shape}")
            if column.names is not None:
                _check_labels(self.name, f"attribute {name}", column.values, len(self), len(column.names))

    def __repr__(self) -> str:
        contents = "not labelled" if self.content_names is None else f"{len(self.content_names):,}"
        pixels = f"{self.channels} x {self.size} x {self.size}"
        return f"{self.name}: {len(self):,} images {pixels}, classes {self.n_classes:,}, contents {contents}"

    def __len__(self) -> int:
        return len(self.images)

    @property
    def channels(self) -> int:
        """1 for grey, 3 for colour."""
        return int(self.images.shape[1])

    @property
    def size(self) -> int:
        """Height and width in pixels."""
        return int(self.images.shape[2])

    @property
    def n_classes(self) -> int:
        """Number of classes, including those without images."""
        return len(self.class_names)

    def labels(self, name: str) -> Int64Array | None:
        """Return a label of every image, int64 (N,): `class`, `content` or an attribute; None if unknown."""
        if name in self.attributes:
            return self.attributes[name].values
        return {"class": self.classes, "content": self.contents}.get(name)

    def groups(self, index: Int64Array) -> tuple[Int64Array, ...]:
        """Labels that make the images at `index`, int64 (M,), depend on each other, int64 (M,) each.

        These are the class, and the content where it is labelled; intervals resample both.
        """
        labels = (self.classes,) if self.contents is None else (self.classes, self.contents)
        return tuple(values[index] for values in labels)

    def subset(self, index: Int64Array) -> ImageSet:
        """Return the images at `index`, int64 (M,); label ids stay the same."""
        return replace(
            self,
            images=self.images[index],
            classes=self.classes[index],
            contents=None if self.contents is None else self.contents[index],
            parts=None if self.parts is None else self.parts[index],
            attributes={name: column.at(index) for name, column in self.attributes.items()},
        )

    def keep_classes(self, kept: Int64Array) -> ImageSet:
        """Return the images whose class is in `kept`, with class ids renumbered in `kept`'s order."""
        position = np.full(self.n_classes, -1, dtype=np.int64)
        position[kept] = np.arange(len(kept))
        selected = position[self.classes] >= 0
        # Pixels are copied only where images are left out.
        images = self if selected.all() else self.subset(np.flatnonzero(selected))
        names = tuple(self.class_names[i] for i in kept)
        return replace(images, classes=position[images.classes], class_names=names)


def join(first: ImageSet, second: ImageSet) -> ImageSet:
    """Concatenate two sets with the same labels; the fingerprint is the first one's."""
    contents, more = first.contents, second.contents
    return replace(
        first,
        images=np.concatenate([first.images, second.images]),
        classes=np.concatenate([first.classes, second.classes]),
        contents=None if contents is None or more is None else np.concatenate([contents, more]),
        parts=None,
        attributes={
            name: replace(column, values=np.concatenate([column.values, second.attributes[name].values]))
            for name, column in first.attributes.items()
        },
    )


def flattened(images: UInt8Array) -> npt.NDArray[np.float32]:
    """Flatten images, uint8 (N, C, S, S), to vectors of pixels in [0, 1], float32 (N, C * S * S)."""
    return (images.reshape(len(images), -1) / np.float32(255)).astype(np.float32)


def fingerprint(
    images: UInt8Array,
    classes: Int64Array,
    contents: Int64Array | None,
    version: str,
    parts: Int64Array | None = None,
) -> str:
    """Hash pixels, labels, official split and the preparation's version to 16 hex digits.

    Reads 1,024 images at a time. Without `parts` the hash is of the others alone.
    """
    digest = hashlib.sha256(f"{version}|{images.shape}".encode())
    for start in range(0, len(images), 1024):
        digest.update(np.ascontiguousarray(images[start : start + 1024]).tobytes())
    digest.update(classes.astype("<i8").tobytes())
    digest.update(b"no contents" if contents is None else contents.astype("<i8").tobytes())
    digest.update(b"" if parts is None else b"parts" + parts.astype("<i8").tobytes())
    return digest.hexdigest()[:16]


def image_hash(image: UInt8Array) -> bytes:
    """Hash one image, uint8 (C, S, S): equal images have equal hashes."""
    return hashlib.sha256(image.tobytes()).digest()


def number_labels(names: list[str]) -> tuple[Int64Array, tuple[str, ...]]:
    """Number the distinct names in sorted order; return ids, int64 (N,), and the name of each id."""
    unique = sorted(set(names))
    position = {name: i for i, name in enumerate(unique)}
    return np.array([position[name] for name in names], dtype=np.int64), tuple(unique)


def require_classes(name: str, class_names: tuple[str, ...]) -> None:
    """Raise UserError for fewer than two classes: there would be nothing to disentangle."""
    if len(class_names) < 2:
        present = f"only {class_names[0]!r}" if class_names else "none"
        raise UserError(
            f"{name}: at least two classes are required, found {present}",
            "Put the images of each class into a separate folder, or describe the paths with --pattern.",
        )


def _check_parts(name: str, parts: Int64Array, n_images: int) -> None:
    if parts.dtype != np.int64 or parts.shape != (n_images,) or not np.isin(parts, PARTS).all():
        wanted = f"int64 ({n_images},) of TRAIN, TEST and UNUSED"
        raise ValueError(f"{name}: parts must be {wanted}, not {parts.dtype} {parts.shape}")


def _check_labels(name: str, what: str, labels: Int64Array, n_images: int, n_labels: int) -> None:
    if labels.dtype != np.int64 or labels.shape != (n_images,):
        raise ValueError(f"{name}: {what} must be int64 ({n_images},), not {labels.dtype} {labels.shape}")
    if n_images and (labels.min() < 0 or labels.max() >= n_labels):
        limits = f"{labels.min()} to {labels.max()}"
        raise ValueError(f"{name}: {what} must lie in [0, {n_labels}), found {limits}")
