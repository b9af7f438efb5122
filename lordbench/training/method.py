"""The interface of a method."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeVar

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from lordbench.data.images import ImageSet, Int64Array

if TYPE_CHECKING:
    from lordbench.data.splits import Split
    from lordbench.training.loop import Context

M = TypeVar("M", bound="Method")


@dataclass(frozen=True)
class Codes:
    """Class and content codes of images.

    Attributes:
        class_code: float32, (N, class size): what the images of a class share.
        content_code: float32, (N, content size): the rest.
    """

    class_code: Tensor
    content_code: Tensor

    def __repr__(self) -> str:
        sizes = f"class {tuple(self.class_code.shape)}, content {tuple(self.content_code.shape)}"
        return f"codes of {len(self):,} images: {sizes}"

    def __len__(self) -> int:
        return len(self.class_code)

    def __getitem__(self, where: slice) -> Codes:
        return Codes(self.class_code[where], self.content_code[where])

    def select(self, index: Int64Array) -> Codes:
        """Codes of the images at `index`, int64 (M,), in that order."""
        where = torch.from_numpy(index).to(self.class_code.device)
        return Codes(self.class_code[where], self.content_code[where])


@dataclass(frozen=True)
class DataSpec:
    """The properties of a training set that a method's networks depend on.

    Attributes:
        channels: 1 or 3.
        size: height and width in pixels.
        n_classes: number of classes.
        n_images: number of images.
    """

    channels: int
    size: int
    n_classes: int
    n_images: int

    @classmethod
    def of(cls, images: ImageSet) -> DataSpec:
        """Describe a training set."""
        return cls(images.channels, images.size, images.n_classes, len(images))


class MethodConfig(BaseModel):
    """Settings of a method. Unknown keys are errors; a preset sets the fields that a method declares."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def weights(self) -> tuple[str, ...]:
        """Names of the pretrained weights that training needs; without them a run does not start."""
        return ()

    def min_image_size(self) -> int:
        """Height and width in pixels that these settings need; a run on smaller images does not start."""
        return 1

    def needs_contents(self) -> bool:
        """Whether a run does not start on images whose content is not labelled."""
        return False

    def without_effect(self) -> frozenset[str]:
        """Names of settings that change nothing with these values of the others; a search leaves them out."""
        return frozenset()

    def needs_pairs(self) -> bool:
        """Whether a run does not start on images no two of which are of the same class."""
        return False


class Method(nn.Module, ABC):
    """Base of all methods. A plug-in file holds one subclass; the file's name is the method's name.

    A method is an `nn.Module`: its parameters and buffers are saved (as safetensors) and restored, nothing
    else is. Build networks in `__init__`, on the CPU: the harness seeds it, then moves the module to its
    device.

    Attributes:
        summary: one line for `lordbench list methods`.
        source: the paper.
        built_on: dotted names of further modules and packages whose code determines the method's numbers; a
            change in one gives the method's cells new ids, as does a change in its own file, in
            `lordbench.nn` or in the training loop.
        Config: the settings, each with the published value as its default.
    """

    summary: ClassVar[str]
    source: ClassVar[str]
    built_on: ClassVar[tuple[str, ...]] = ()
    Config: ClassVar[type[MethodConfig]] = MethodConfig

    def __init__(self, config: MethodConfig, spec: DataSpec) -> None:
        super().__init__()
        self.spec = spec

    @abstractmethod
    def fit(self, train: ImageSet, context: Context) -> None:
        """Train on `train` within `context.budget`.

        Derive all randomness from `context.seed`. `context.run` provides device placement, precision,
        progress, checkpoints and resume.
        """

    @abstractmethod
    def encode(self, images: Tensor) -> Codes:
        """Codes of unseen images, float32 [0, 1], (N, C, S, S); deterministic."""

    @abstractmethod
    def decode(self, codes: Codes) -> Tensor:
        """Images, float32 [0, 1], (N, C, S, S), from codes; deterministic."""

    def decode_learned(self, codes: Codes) -> Tensor:
        """Images as from `decode`, but from codes of `train_codes` or `optimize_codes`.

        For methods that learn codes with another decoder than the one that `encode` is trained with; by
        default the same.
        """
        return self.decode(codes)

    def encode_class(self, images: Tensor) -> Tensor:
        """Class code, float32 (class size,), of K images of one class: by default the mean of their codes."""
        return self.encode(images).class_code.mean(dim=0)

    def deviations(self, images: Tensor) -> Codes | None:
        """Standard deviations of codes whose means `encode` returns, in its shapes; 0 for a plain code.

        For methods whose codes are Gaussian posteriors: probes then also read codes drawn from them. None if
        codes are not distributions.
        """
        return None

    def optimize_codes(self, images: ImageSet, context: Context) -> Codes | None:
        """Codes of unseen images by optimization, with the trained networks fixed, in order.

        The images' classes are known, and images of a class share its code. Images are then made by
        `decode_learned`. None if a method cannot do this.
        """
        return None

    def train_codes(self) -> Codes | None:
        """Codes of the training images, in order, if training learns them directly; else None.

        Images are then made by `decode_learned`.
        """
        return None


def placed(method: M, device: torch.device) -> M:
    """Move a method to a device, its convolutions channels last, in which they are faster."""
    return method.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


class Control(Method):
    """A method whose truth is known: it is shown the images and labels that it is evaluated on.

    Tables show controls apart, and never mark or rank them.
    """

    @abstractmethod
    def reveal(self, split: Split) -> None:
        """Take the images and labels of a split; called before each evaluation, and not saved."""
