"""The contract of a method: what every model in the benchmark can do, and nothing else is asked of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from lordbench.data.images import ImageSet, Int64Array

if TYPE_CHECKING:
    from lordbench.training.loop import Context


@dataclass(frozen=True)
class Codes:
    """The two halves of images.

    Attributes:
        class_code: float32, (N, class size): what the images of one class share.
        content_code: float32, (N, content size): the rest.
    """

    class_code: Tensor
    content_code: Tensor

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
    """What a method must know of its training set to build its networks.

    Attributes:
        channels: 1 or 3.
        size: height and width in pixels.
        n_classes: number of training classes.
        n_images: number of training images.
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
    """Settings of a method. Unknown keys are errors; a preset fills in the fields that a method declares."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def weights(self) -> tuple[str, ...]:
        """Names of the pretrained weights that training needs; without them a run stops before it begins."""
        return ()


class Method(nn.Module, ABC):
    """One method. A plug-in file holds one subclass; the file's name is the method's name.

    It is an `nn.Module`, so `state_dict` and `load_state_dict` are there already: every parameter and
    buffer is saved in safetensors form and restored, nothing else is. Networks are built in `__init__`
    (the harness seeds it), on the CPU; the harness then moves the module to its device.

    Attributes:
        summary: one line for `lordbench list methods`.
        source: the paper.
        built_on: dotted names of modules and packages whose code decides the method's numbers, beside its own
            file and what every method stands on; a change in one gives the method's cells new ids.
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
        """Learn from `train` within `context.budget`.

        Randomness comes from `context` only. Training through `context.run` gives device placement,
        precision, progress, checkpoints and resume for free.
        """

    @abstractmethod
    def encode(self, images: Tensor) -> Codes:
        """Codes of unseen images, float32 [0, 1], (N, C, S, S); deterministic."""

    @abstractmethod
    def decode(self, codes: Codes) -> Tensor:
        """Images, float32 [0, 1], (N, C, S, S), from codes; deterministic."""

    def encode_class(self, images: Tensor) -> Tensor:
        """One class code, float32 (class size,), from K images of one class: by default the codes' mean."""
        return self.encode(images).class_code.mean(dim=0)

    def optimize_codes(self, images: ImageSet, context: Context) -> Codes | None:
        """Codes of unseen images found by optimization, with the trained networks as they are, in order.

        Which images share a class is known; the rows of a class share its code. None where a method has no
        such way.
        """
        return None

    def train_codes(self) -> Codes | None:
        """The codes that training learned for its images, in order, where a method learns them directly."""
        return None
