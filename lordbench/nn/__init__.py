"""Blocks that methods share: encoders, generators, reconstruction and Gaussian losses, VGG16's features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lordbench.utils.lazy import lazy_names

if TYPE_CHECKING:
    from lordbench.nn.features import resize, to_rgb, vgg16_features
    from lordbench.nn.layers import UpsampledConv2d, adain
    from lordbench.nn.losses import (
        PerceptualLoss,
        ReconstructionLoss,
        average,
        divergence,
        draw,
        negative_log_likelihood,
        pyramid,
        reconstruction_loss,
    )
    from lordbench.nn.networks import DcganDecoder, DcganEncoder, Encoder, Generator, TrunkConfig
else:
    __getattr__, __dir__ = lazy_names(__name__, "networks", "losses", "layers", "features")

__all__ = [
    "DcganDecoder",
    "DcganEncoder",
    "Encoder",
    "Generator",
    "PerceptualLoss",
    "ReconstructionLoss",
    "TrunkConfig",
    "UpsampledConv2d",
    "adain",
    "average",
    "divergence",
    "draw",
    "negative_log_likelihood",
    "pyramid",
    "reconstruction_loss",
    "resize",
    "to_rgb",
    "vgg16_features",
]
