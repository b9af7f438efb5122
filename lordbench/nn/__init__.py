"""Blocks that methods share: encoders, generators, reconstruction and Gaussian losses, VGG16's features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lordbench.utils.lazy import lazy_names

if TYPE_CHECKING:
    from lordbench.nn.dependence import distance_correlation
    from lordbench.nn.features import resize, to_rgb, vgg16_features
    from lordbench.nn.layers import UpsampledConv2d, adain
    from lordbench.nn.losses import (
        PerceptualLoss,
        ReconstructionLoss,
        average,
        divergence,
        draw,
        negative_log_likelihood,
        product,
        pyramid,
        reconstruction_loss,
    )
    from lordbench.nn.methods import EncoderDecoder, GroupTrained, GroupTrainedConfig, swap_pairs
    from lordbench.nn.networks import DcganDecoder, DcganEncoder, Encoder, Generator, TrunkConfig
else:
    __getattr__, __dir__ = lazy_names(
        __name__, "networks", "losses", "layers", "features", "methods", "dependence"
    )

__all__ = ["DcganDecoder", "DcganEncoder", "Encoder", "Generator", "TrunkConfig", "UpsampledConv2d", "adain"]
__all__ += [
    "PerceptualLoss",
    "ReconstructionLoss",
    "negative_log_likelihood",
    "pyramid",
    "reconstruction_loss",
]
__all__ += ["average", "divergence", "draw", "product", "resize", "to_rgb", "vgg16_features"]
__all__ += ["EncoderDecoder", "GroupTrained", "GroupTrainedConfig", "distance_correlation", "swap_pairs"]
