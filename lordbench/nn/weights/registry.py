"""Which pretrained weights there are, and how each file is told from any other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torchvision import models

from lordbench.utils.errors import UserError, did_you_mean

Tensors = dict[str, Tensor]
"""A state dict: float32 tensors by name."""


@dataclass(frozen=True)
class Pretrained:
    """A set of pretrained weights.

    Attributes:
        name: what lordbench calls it.
        used_for: what needs it, for people.
        file: the publisher's file name.
        url: where the publisher keeps it.
        size: of that file, in bytes.
        sha256: of that file; its first eight digits are the ones in the file's name.
        kept: prefix of the tensors that are used; classifier heads are left out.
    """

    name: str
    used_for: str
    file: str
    url: str
    size: int
    sha256: str
    kept: str = ""

    @property
    def own_file(self) -> str:
        """Name of the file in lordbench's own form."""
        return f"{self.name}.safetensors"


_ALL = (
    Pretrained(
        name="alexnet",
        used_for="lpips",
        file="alexnet-owt-7be5be79.pth",
        url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        size=244_408_911,
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        kept="features.",
    ),
    Pretrained(
        name="vgg16",
        used_for="fd_vgg16, kd_vgg16, the perceptual training loss",
        file="vgg16-397923af.pth",
        url="https://download.pytorch.org/models/vgg16-397923af.pth",
        size=553_433_881,
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        kept="features.",
    ),
    Pretrained(
        name="inception",
        used_for="fid",
        file="pt_inception-2015-12-05-6726825d.pth",
        url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
        "pt_inception-2015-12-05-6726825d.pth",
        size=95_628_359,
        sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    ),
)
REGISTRY = {entry.name: entry for entry in _ALL}


def entry(name: str) -> Pretrained:
    """Look weights up by name.

    Raises:
        UserError: there are none of that name.
    """
    if name not in REGISTRY:
        raise UserError(
            f"unknown weights {name!r}{did_you_mean(name, REGISTRY)}",
            f"There are: {', '.join(REGISTRY)}.",
        )
    return REGISTRY[name]


def skeleton(name: str) -> torch.nn.Sequential:
    """The convolutional part of torchvision's `alexnet` or `vgg16`, without memory behind its parameters.

    On the meta device, since filling 500 MB with random numbers only to overwrite them costs seconds and
    draws from the global generator.
    """
    with torch.device("meta"):
        network = {"alexnet": models.alexnet, "vgg16": models.vgg16}[name](weights=None)
    features: torch.nn.Sequential = network.features
    return features


def check(name: str, tensors: Tensors, where: str) -> None:
    """Compare tensors with the network they are for, as far as torchvision has that network.

    Raises:
        UserError: a tensor is missing, is one too many, or has another shape.
    """
    if strange := {str(value.dtype) for value in tensors.values()} - {"torch.float32", "torch.int64"}:
        raise UserError(
            f"{where}: values of {min(strange)}, which no weights have",
            "Delete the file, then run `lordbench weights --fetch`.",
        )
    if name == "inception":
        return  # pytorch-fid's own network; it is loaded strictly where it is built
    if {key: value.shape for key, value in tensors.items()} != _shapes(name):
        raise UserError(
            f"{where}: the tensors are not those of torchvision's {name}",
            "Delete the file, then run `lordbench weights --fetch`.",
        )


@cache
def _shapes(name: str) -> dict[str, torch.Size]:
    return {f"features.{key}": value.shape for key, value in skeleton(name).state_dict().items()}
