"""States of modules and checkpoints of unfinished trainings, as safetensors with JSON metadata."""

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import torch
from pydantic import TypeAdapter
from safetensors.torch import save_file
from torch import Tensor, nn

from lordbench.utils.errors import UserError
from lordbench.utils.files import replacing
from lordbench.utils.integrity import ALTERED, open_safetensors, verified, with_checksum

TENSORS = "tensors_sha256"
"""Key of the metadata that holds the hash of the tensors; the metadata has its own checksum."""
CHECKPOINT_SECONDS = 60.0
"""Default time between two checkpoints."""


@dataclass
class Progress:
    """How far a training has come.

    Attributes:
        phase: name of the running phase, in which `step` steps are done.
        seconds: training time, over all attempts.
        images: images seen, over all phases.
        history: one record per logged step: phase, step, and the mean of each loss term since the last.
    """

    phase: str = ""
    finished: list[str] = field(default_factory=list)
    step: int = 0
    seconds: float = 0.0
    images: int = 0
    history: list[dict[str, float | str]] = field(default_factory=list)


_PROGRESS = TypeAdapter(Progress)


def save_module(path: Path, module: nn.Module, metadata: dict[str, str] | None = None) -> None:
    """Write a module's state as safetensors, atomically."""
    save_tensors(path, _module_tensors(module), metadata)


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write tensors as safetensors, atomically, with the hashes of tensors and metadata."""
    # The format requires separate storages.
    owned = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    with replacing(path) as temporary:
        save_file(owned, temporary, with_checksum({**(metadata or {}), TENSORS: _hash(owned)}))


def load_module(path: Path, module: nn.Module) -> None:
    """Load a module's state in place; UserError if the file is damaged or of another architecture."""
    tensors, _ = read_tensors(path)
    state = {name.removeprefix("module."): t for name, t in tensors.items() if name.startswith("module.")}
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(f"{path}: the state does not fit the method: {error}") from None


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file: tensors on the CPU, and metadata; UserError if it is missing or damaged."""
    with open_safetensors(path, "pt") as file:
        metadata = verified(file.metadata() or {})
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if TENSORS in metadata and metadata[TENSORS] != _hash(tensors):
            raise ValueError(ALTERED)
        return tensors, metadata


def _module_tensors(module: nn.Module) -> dict[str, Tensor]:
    return {f"module.{name}": value for name, value in module.state_dict().items()}


def _hash(tensors: dict[str, Tensor]) -> str:
    """Hex sha256 over names, types, shapes and bytes of contiguous tensors on the CPU."""
    digest = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


class CheckpointStore:
    """Saves and restores a training at one path.

    Args:
        path: of the checkpoint; None for no checkpoints (a method used outside a run).
        every: seconds between checkpoints. Results do not depend on it: each step is a function of the state
            and its number, so a resumed training gives the same bytes as an uninterrupted one (on a GPU: the
            same up to rounding).
        arithmetic: of the training, in words; one that was saved with another starts over.
    """

    def __init__(self, path: Path | None, every: float = CHECKPOINT_SECONDS, arithmetic: str = "") -> None:
        self.path, self.every, self.arithmetic = path, every, arithmetic

    def save(self, progress: Progress, module: nn.Module, optimizers: list[torch.optim.Optimizer]) -> None:
        """Write the state that the rest of the training depends on."""
        if self.path is None:
            return
        tensors = _module_tensors(module)
        for i, optimizer in enumerate(optimizers):
            for parameter, values in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer.{i}.{parameter}.{name}": value for name, value in values.items()}
        about = {"progress": json.dumps(vars(progress)), "arithmetic": self.arithmetic}
        save_tensors(self.path, tensors, about)

    def progress(self) -> Progress | None:
        """Progress of the saved training; None if there is no checkpoint that it can go on from.

        That is also the case if it is damaged, or of another arithmetic: no number would be of either.
        """
        if self.path is None:
            return None
        try:
            metadata = read_tensors(self.path)[1]
            if metadata.get("arithmetic", self.arithmetic) != self.arithmetic:
                return None
            recorded = metadata["progress"]
            _PROGRESS.validate_json(recorded)
            return Progress(**json.loads(recorded))
        except (UserError, KeyError, TypeError, ValueError):
            return None  # Training starts over: a damaged checkpoint costs time only.

    def restore_optimizers(self, optimizers: list[torch.optim.Optimizer]) -> None:
        """Load the saved moments into optimizers built the same way; learning rates follow from the step."""
        assert self.path is not None
        tensors, _ = read_tensors(self.path)
        for i, optimizer in enumerate(optimizers):
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            state: dict[int, dict[str, Tensor]] = defaultdict(dict)
            for name, value in tensors.items():
                if name.startswith(f"optimizer.{i}."):
                    _, _, parameter, key = name.split(".", 3)
                    state[int(parameter)][key] = _laid_out_like(parameters[int(parameter)], value)
            optimizer.load_state_dict(optimizer.state_dict() | {"state": state})


def _laid_out_like(parameter: Tensor, value: Tensor) -> Tensor:
    """Give moments the memory layout of their parameter.

    Files hold values in the order of their indices, but weights may be channels last, and a fused optimizer
    reads both by address.
    """
    if value.shape != parameter.shape:
        return value
    return torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)
