"""Checks of what goes in and out of a method: codes and images, their shapes, ranges and types."""

from __future__ import annotations

import torch
from torch import Tensor

from lordbench.conformance.check import FailedCheck, require
from lordbench.conformance.trial import Trial
from lordbench.method import Codes

CLOSE = 1e-3
"""Largest difference, relative to the largest value, that sums in another order may make."""


@torch.no_grad()
def codes(trial: Trial) -> str:
    """`encode` gives two float32 codes an image, for one image and for a batch, grey and colour."""
    sizes = ""
    for what, method, images in trial.subjects():
        for batch in (images, images[:1]):
            found = method.encode(batch)
            require(isinstance(found, Codes), f"{what}: encode gives {type(found).__name__}, not Codes")
            require_codes(found, len(batch), f"{what}: encode of {_count(batch)}")
        sizes = f"class codes of {found.class_code.shape[1]}, content codes of {found.content_code.shape[1]}"
    return sizes


@torch.no_grad()
def class_of_several(trial: Trial) -> str:
    """`encode_class` gives one code for any number of images of a class: how unseen classes are entered."""
    for what, method, images in trial.subjects():
        wanted = tuple(method.encode(images).class_code.shape[1:])
        for number in (1, 3):
            code = method.encode_class(images[:number])
            _require_tensor(code, wanted, f"{what}: encode_class of {_count(images[:number])}")
    return "one code for one image and for three"


@torch.no_grad()
def images(trial: Trial) -> str:
    """`decode` gives float32 images in [0, 1], as large as those that went in: metrics expect no others."""
    for what, method, given in trial.subjects():
        for batch in (given, given[:1]):
            found = method.decode(method.encode(batch))
            _require_tensor(found, tuple(batch.shape), f"{what}: decode of the codes of {_count(batch)}")
            low, high = float(found.min()), float(found.max())
            require(
                low >= 0 and high <= 1,
                f"{what}: decode gives values from {low:.3g} to {high:.3g}; [0, 1] is needed",
                "End the decoder with torch.sigmoid, or clamp its output.",
            )
    return "of the right size, within [0, 1]"


@torch.no_grad()
def same_twice(trial: Trial) -> str:
    """`encode` and `decode` give the same again for the same input: a value in a table can be made anew."""
    for what, method, given in trial.subjects():
        first, second = method.encode(given), method.encode(given)
        require(
            equal(first, second),
            f"{what}: encode gives other codes for the same images the second time",
            "Draw no noise in encode: give the mean. Noise belongs into the loss, from batch.generator.",
        )
        require(
            torch.equal(method.decode(first), method.decode(first)),
            f"{what}: decode gives other images for the same codes the second time",
            "Draw no noise in decode.",
        )
    return "equal to the last bit"


@torch.no_grad()
def alone_or_not(trial: Trial) -> str:
    """An image's codes do not depend on the others in its batch: batches are cut as memory allows."""
    for what, method, given in trial.subjects():
        together = method.encode(given)
        alone = [method.encode(given[i : i + 1]) for i in range(len(given))]
        for name in ("class_code", "content_code"):
            beside = torch.cat([getattr(code, name) for code in alone])
            batch = getattr(together, name)
            difference = float((beside - batch).abs().max() / batch.abs().max().clamp(min=1e-6))
            require(
                difference < CLOSE,
                f"{what}: {name} of an image changes by {difference:.1%} with the batch it is in",
                "Use no statistics of the batch in encode; BatchNorm is fine in evaluation mode.",
            )
    return "the same alone and in a batch"


def equal(first: Codes, second: Codes) -> bool:
    """Whether codes are the same to the last bit."""
    return torch.equal(first.class_code, second.class_code) and torch.equal(
        first.content_code, second.content_code
    )


def require_codes(found: Codes, n: int, where: str) -> None:
    """Fail unless these are finite float32 codes (n, D) and (n, E)."""
    for name in ("class_code", "content_code"):
        code = getattr(found, name)
        shape = tuple(code.shape) if isinstance(code, Tensor) else ()
        width = shape[1] if len(shape) == 2 else "D"
        if len(shape) != 2 or shape[0] != n:
            raise FailedCheck(f"{where}: {name} is {_described(code)}; float32 ({n}, {width}) is needed")
        _require_tensor(code, shape, f"{where}: {name}")


def _require_tensor(found: object, shape: tuple[int, ...], where: str) -> None:
    wanted = f"float32 {shape} is needed"
    if not isinstance(found, Tensor) or tuple(found.shape) != shape or found.dtype != torch.float32:
        raise FailedCheck(f"{where} is {_described(found)}; {wanted}")
    require(bool(torch.isfinite(found).all()), f"{where} is NaN or infinite values")


def _count(images: Tensor) -> str:
    return "one image" if len(images) == 1 else f"{len(images)} images"


def _described(found: object) -> str:
    if not isinstance(found, Tensor):
        return type(found).__name__
    return f"{str(found.dtype).removeprefix('torch.')} {tuple(found.shape)}"
