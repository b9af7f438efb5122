"""Settings and networks that the methods have in common, so that a comparison compares the methods."""

from __future__ import annotations

from pydantic import Field

from lordbench.method import DataSpec, MethodConfig
from lordbench.nn.encoder import Encoder
from lordbench.nn.generator import Generator
from lordbench.nn.reconstruction import Reconstruction


class TrunkConfig(MethodConfig):
    """Sizes shared by all methods; the defaults are LORD's published ones at 64 px.

    Attributes:
        class_size: length of the class code.
        content_size: length of the content code.
        width: channels of the generator's modulated layers and of the encoders' deepest layers.
        slope: of LeakyReLU.
        reconstruction: which reconstruction loss; see `lordbench.nn.reconstruction`.
    """

    class_size: int = Field(256, ge=1)
    content_size: int = Field(128, ge=1)
    width: int = Field(256, ge=8)
    slope: float = Field(0.01, ge=0)
    reconstruction: Reconstruction = "perceptual"

    def weights(self) -> tuple[str, ...]:
        """VGG16, for the perceptual loss."""
        return ("vgg16",) if self.reconstruction == "perceptual" else ()

    def encoder(self, spec: DataSpec, code_size: int) -> Encoder:
        """Build an encoder for codes of `code_size`."""
        return Encoder(spec.channels, spec.size, code_size, self.width, self.slope)

    def generator(self, spec: DataSpec) -> Generator:
        """Build the generator."""
        return Generator(spec.channels, spec.size, self.class_size, self.content_size, self.width, self.slope)
