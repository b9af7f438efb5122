"""Settings of LORD."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lordbench.nn.trunk import TrunkConfig


class LordConfig(TrunkConfig):
    """Settings of LORD; the defaults are those of the authors' PyTorch release unless noted.

    Attributes:
        regularizer: of the content code. `noise`: Gaussian noise of fixed variance and an activation decay
            (the paper's); `kl`: a variance learned per image, under a KL term, as in a VAE; `none`.
        class_code: `latent`: one learned code per class (the paper's); `amortized`: a class encoder.
        content_code: `latent`: one learned code per image (the paper's); `amortized`: a content encoder.
        noise: standard deviation of the noise on content codes, in training only.
        decay: weight of the squared norm of the clean content code, averaged over the batch.
        kl_weight: weight of the KL term, in nats per image, with `regularizer=kl`.
        generator_rate: Adam's learning rate for the networks in stage 1.
        latent_rate: Adam's learning rate for the latent codes.
        encoder_rate: Adam's learning rate for all networks in stage 2.
        final_rate: where every learning rate ends, on a cosine.
        code_weight: weight of the mean squared error between encoded and learned codes in stage 2.
        stage1_share: share of the budget that stage 1 gets; 0.5 as published (200 epochs each).
    """

    def weights(self) -> tuple[str, ...]:
        """VGG16, for the perceptual loss, which is the published one too."""
        return () if self.reconstruction == "pyramid" else ("vgg16",)

    regularizer: Literal["noise", "kl", "none"] = "noise"
    class_code: Literal["latent", "amortized"] = "latent"
    content_code: Literal["latent", "amortized"] = "latent"
    noise: float = Field(1.0, ge=0)
    decay: float = Field(1e-4, ge=0)
    kl_weight: float = Field(1e-3, ge=0)
    generator_rate: float = Field(3e-4, gt=0)
    latent_rate: float = Field(3e-3, gt=0)
    encoder_rate: float = Field(1e-4, gt=0)
    final_rate: float = Field(1e-5, ge=0)
    code_weight: float = Field(10.0, ge=0)
    stage1_share: float = Field(0.5, gt=0, lt=1)
