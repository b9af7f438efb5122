"""Run a trained method over many images: in batches, without gradients, in float32."""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lordbench.data import Int64Array, UInt8Array
from lordbench.evaluation.measurement import CodeKind
from lordbench.training import Codes, Method
from lordbench.utils.errors import Notice, TrainingDivergedError
from lordbench.utils.parallel import full_precision, in_batches

CLIPPED = 1e-3
"""How far images may be outside [0, 1] by rounding."""


def to_float(images: UInt8Array, device: torch.device) -> Tensor:
    """Convert images, uint8 (N, C, S, S), to float32 [0, 1] on a device, channels last."""
    pixels = torch.from_numpy(np.array(images)).to(device)  # a copy: memory-mapped images are read-only
    return pixels.contiguous(memory_format=torch.channels_last).float().div_(255)


def encode(method: Method, images: UInt8Array, device: torch.device) -> Codes:
    """Encode images, uint8 (N, C, S, S); TrainingDivergedError if a code is not finite."""

    def compute(batch: slice) -> Codes:
        codes = method.encode(to_float(images[batch], device))
        if not isinstance(codes, Codes):
            raise TypeError(f"`encode` gives {type(codes).__name__}, not Codes")
        for code in (codes.class_code, codes.content_code):
            _require_finite(code, "codes")
        return codes

    with full_precision():
        return join(in_batches(compute, len(images), images[0, 0].size, device))


def deviations(method: Method, images: UInt8Array, device: torch.device) -> Codes | None:
    """Return the standard deviations of the codes of images, uint8 (N, C, S, S); None if they have none."""
    with torch.no_grad(), full_precision():
        if method.deviations(to_float(images[:1], device)) is None:
            return None

    def compute(batch: slice) -> Codes:
        spread = method.deviations(to_float(images[batch], device))
        assert spread is not None
        return spread

    with full_precision():
        return join(in_batches(compute, len(images), images[0, 0].size, device))


def _require_finite(values: Tensor, what: str) -> None:
    """Raise TrainingDivergedError for NaN and infinite values, which would be scored as black images."""
    if not bool(values.isfinite().all()):
        raise TrainingDivergedError(f"the {what} of the trained method hold NaN or infinite values")


def _require_images(images: Tensor, shape: tuple[int, ...]) -> None:
    """Raise ValueError for anything but floats of this shape; warn of values that are clipped to [0, 1]."""
    if not isinstance(images, Tensor) or not images.is_floating_point() or images.shape != shape:
        what = (
            f"{images.dtype} {tuple(images.shape)}" if isinstance(images, Tensor) else type(images).__name__
        )
        raise ValueError(f"`decode` gives {what}; float images {shape} in [0, 1] are needed")
    _require_finite(images, "images")
    low, high = (float(end) for end in images.aminmax())
    if low < -CLIPPED or high > 1 + CLIPPED:
        warnings.warn("images by `decode` are outside [0, 1], and are clipped", Notice, stacklevel=2)


def join(parts: Sequence[Codes]) -> Codes:
    """Concatenate codes."""
    return Codes(torch.cat([p.class_code for p in parts]), torch.cat([p.content_code for p in parts]))


@torch.no_grad()
def encode_class(method: Method, images: Tensor) -> Tensor:
    """Return the code, float32 (class size,), of the class of images, float32 [0, 1] (K, C, S, S)."""
    with full_precision():
        return method.encode_class(images)


def class_codes(
    method: Method, images: UInt8Array, supports: Sequence[Int64Array], device: torch.device
) -> Tensor:
    """Return the class code, float32 (N, class size), of each of N support sets, int64 (K,) into images.

    Each distinct set is encoded once.
    """
    codes: dict[bytes, Tensor] = {}
    keys = []
    for support in map(np.sort, supports):
        keys.append(support.tobytes())
        if keys[-1] not in codes:
            codes[keys[-1]] = encode_class(method, to_float(images[support], device))
    return torch.stack([codes[key] for key in keys])


def decode(method: Method, codes: Codes, kind: CodeKind = "encoded") -> UInt8Array:
    """Decode codes of a kind to images, uint8 (N, C, S, S), rounded as image files would be.

    TrainingDivergedError if an image is not finite.
    """
    decoder = method.decode if kind == "encoded" else method.decode_learned

    def compute(batch: slice) -> Tensor:
        part = codes[batch]
        images = decoder(part)
        _require_images(images, (len(part), method.spec.channels, method.spec.size, method.spec.size))
        return (images * 255).round().clamp(0, 255).to(torch.uint8).cpu()

    with full_precision():
        parts = in_batches(compute, len(codes), method.spec.size**2, codes.class_code.device)
    return torch.cat(parts).contiguous().numpy()
