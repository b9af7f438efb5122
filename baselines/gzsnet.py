"""GZS-Net: group-supervised learning by swaps (Ge, Abu-El-Haija, Xin & Itti, ICLR 2021).

Published: one encoder, whose code is cut into a part for each attribute; each image must be reconstructed
from its own code, from a code whose part of an attribute comes from an image with the same value of it, and,
after a part has been exchanged with any image, by encoding both outputs and exchanging it back; the authors'
release takes L1 between images.

Ours: the attributes are class, which is labelled, and content, which is not, so that only the class part is
known to be shared. To exchange either part of two images gives the same two images. The generator, which the
methods have in common, takes the two parts apart. All weights and rates.
"""

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from lordbench.nn import ReconstructionLoss
from lordbench.nn.methods import GroupTrained, GroupTrainedConfig, swap_pairs
from lordbench.training import Batch, Codes, DataSpec, MethodConfig
from lordbench.training.ranges import Range


class GzsNetConfig(GroupTrainedConfig):
    """Settings of GZS-Net; the defaults are ours.

    Attributes:
        swap: weight of the reconstruction from the class part of another image of the class.
        cycle: weight of the reconstruction after two swaps with an image of another class.
    """

    swap: Annotated[float, Range(0.1, 10.0, log=True)] = Field(1.0, ge=0)
    cycle: Annotated[float, Range(0.1, 10.0, log=True)] = Field(1.0, ge=0)


class GzsNet(GroupTrained):
    """An encoder whose code has a class part and a content part, which are swapped between images."""

    summary: ClassVar[str] = "one code in two parts, swapped within a class, and across classes and back"
    source: ClassVar[str] = "Ge et al., Zero-shot Synthesis with Group-Supervised Learning, ICLR 2021"
    Config: ClassVar[type[MethodConfig]] = GzsNetConfig
    couples = True
    published_loss = staticmethod(F.l1_loss)
    config: GzsNetConfig

    def __init__(self, config: GzsNetConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.encoder = config.encoder(spec, config.class_size + config.content_size)
        self.generator = config.generator(spec)

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        return self.encoder, self.generator

    def loss(self, batch: Batch, reconstruct: ReconstructionLoss) -> dict[str, Tensor]:
        """Each image from its code, its partner's class part, and after a swap across classes and back."""
        config, codes = self.config, self.encode(batch.images)
        within = Codes(swap_pairs(codes.class_code), codes.content_code)
        mixed = self.encode(self.decode(swap_couples(codes)))
        return {
            "reconstruction": reconstruct(self.decode(codes), batch.images),
            "swap": config.swap * reconstruct(self.decode(within), batch.images),
            "cycle": config.cycle * reconstruct(self.decode(swap_couples(mixed)), batch.images),
        }

    def encode(self, images: Tensor) -> Codes:
        """The two parts of the code."""
        return Codes(*self.encoder(images).split([self.config.class_size, self.config.content_size], dim=1))

    def decode(self, codes: Codes) -> Tensor:
        """Images by the generator."""
        images: Tensor = self.generator(codes.class_code, codes.content_code)
        return images


def swap_couples(codes: Codes) -> Codes:
    """Exchange the class codes of neighbouring pairs: those of images 0 and 2, 1 and 3, 4 and 6, and so on.

    In batches with `couples` neighbouring pairs are of two classes, unless most of the batch is of one.
    """
    pairs = codes.class_code.reshape(len(codes) // 2, -1)
    return Codes(swap_pairs(pairs).view_as(codes.class_code), codes.content_code)
