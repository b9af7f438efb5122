"""Model: a trained method used by hand, on images as NumPy arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lordbench import inference
from lordbench.errors import UserError
from lordbench.images import UInt8Array
from lordbench.method import Codes, Method

Pixels = UInt8Array | npt.NDArray[np.floating]
"""Images, uint8 in [0, 255] or float in [0, 1]: (N, C, S, S), or one, (C, S, S)."""


@dataclass(frozen=True)
class Model:
    """A trained method, for use by hand; the contract of methods knows nothing of it.

    Images go in as `Pixels` of the size and number of channels that it was trained on, and come out as uint8.

    Attributes:
        method: in evaluation mode, on `device`.
        device: where it computes.
    """

    method: Method
    device: torch.device

    def encode(self, images: Pixels) -> Codes:
        """Codes of images: float32 (N, class size) and (N, content size).

        Raises:
            UserError: the images have another form than the method was trained on.
        """
        return inference.encode(self.method, self._at_rest(images), self.device)

    def class_code(self, images: Pixels) -> Tensor:
        """One class code, float32 (class size,), of several images of one class.

        Raises:
            UserError: as `encode` does.
        """
        return inference.encode_class(self.method, inference.to_float(self._at_rest(images), self.device))

    def decode(self, codes: Codes) -> UInt8Array:
        """Images, uint8 (N, C, S, S), from codes."""
        return inference.decode(self.method, codes)

    def transfer(self, contents: Pixels, classes: Pixels) -> UInt8Array:
        """The content of some images on the class of others: uint8 (N, C, S, S).

        Args:
            contents: N images that give the content.
            classes: that give the class: one for each of the others, or a single one for all.

        Raises:
            UserError: as `encode` does, or the numbers of images do not fit.
        """
        content, other = self.encode(contents), self.encode(classes)
        if len(other) not in (1, len(content)):
            raise UserError(
                f"{len(other)} images for the class of {len(content)}",
                "Give one for each, or a single one for all.",
            )
        return self.decode(Codes(other.class_code.expand(len(content), -1), content.content_code))

    def _at_rest(self, images: Pixels) -> UInt8Array:
        pixels = np.asarray(images)
        pixels = pixels[None] if pixels.ndim == 3 else pixels
        spec = self.method.spec
        wanted = (spec.channels, spec.size, spec.size)
        if pixels.ndim != 4 or pixels.shape[1:] != wanted:
            raise UserError(
                f"images of shape {np.shape(images)}; this method was trained on (N, {spec.channels}, "
                f"{spec.size}, {spec.size})",
                "Channels come first. Resize the images, or train a method at their size.",
            )
        if pixels.dtype == np.uint8:
            return pixels.astype(np.uint8, copy=False)
        if not np.issubdtype(pixels.dtype, np.floating) or not (pixels.min() >= 0 and pixels.max() <= 1):
            raise UserError(
                f"pixels are {pixels.dtype} from {pixels.min()} to {pixels.max()}",
                "Give uint8 in [0, 255] or float in [0, 1].",
            )
        rounded: UInt8Array = np.rint(pixels * 255).astype(np.uint8)
        return rounded
