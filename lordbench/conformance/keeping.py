"""Checks of what is kept of a method: its state, and codes that training or optimization found."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from lordbench import inference
from lordbench.checkpoints import load_module, save_module
from lordbench.conformance.check import FailedCheck, SkippedCheck, require
from lordbench.conformance.coding import equal, require_codes
from lordbench.conformance.trial import BATCH, CPU, Trial, state_bytes
from lordbench.device import Precision
from lordbench.images import ImageSet
from lordbench.method import Codes, Method
from lordbench.training import Budget, Context

OTHER_SEED = 1
OPTIMIZED = 10 * BATCH
"""Images seen when codes of unseen images are optimized."""


@torch.no_grad()
def state(trial: Trial) -> str:
    """All it has learned is in `state_dict`, as tensors: it is kept as safetensors, never as a pickle."""
    total = 0
    for what, method, images in trial.subjects():
        odd = [name for name, value in method.state_dict().items() if not isinstance(value, torch.Tensor)]
        require(
            not odd,
            f"{what}: state_dict holds what is no tensor: {', '.join(odd)}",
            "Keep it in a buffer (register_buffer), or make it anew in __init__ from the settings.",
        )
        other = trial.build(trial.data("colour" if images.shape[1] == 3 else "grey"), seed=OTHER_SEED)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.safetensors"
            save_module(path, method)
            total = path.stat().st_size
            load_module(path, other)
        before, after = method.encode(images), other.encode(images)
        require(
            equal(before, after) and torch.equal(method.decode(before), other.decode(after)),
            f"{what}: saved and loaded into a method built anew, it gives other codes or images",
            "What encode and decode use must be parameters or buffers: register_buffer(name, tensor).",
        )
    return f"{total / 1024:,.0f} KiB of safetensors bring back the same codes and images"


@torch.no_grad()
def learned_codes(trial: Trial) -> str:
    """`train_codes`, where a method has such, gives codes for all training images, as `encode` does."""
    method, data = trial.trained["colour"], trial.data()
    found = method.train_codes()
    if found is None:
        raise SkippedCheck("it learns no codes directly (train_codes gives None), which is fine")
    _require_fitting(found, method, data, "train_codes")
    return f"codes of {len(data)} training images"


def optimized_codes(trial: Trial) -> str:
    """`optimize_codes`, where a method has such, finds codes of unseen images; the networks stay the same."""
    method, data = trial.trained["colour"], trial.data()
    unseen = data.keep_classes(torch.arange(2).numpy())
    before = state_bytes(method)
    context = Context(CPU, Precision("float32", "cpu"), seed=0, budget=Budget(OPTIMIZED, BATCH))
    found = method.optimize_codes(unseen, context)
    if found is None:
        raise SkippedCheck("it does not optimize codes (optimize_codes gives None), which is fine")
    _require_fitting(found, method, unseen, "optimize_codes")
    if state_bytes(method) != before:
        raise FailedCheck(
            "optimize_codes changes the trained networks, and so the results of experiments after it",
            "Optimize the codes only; put requires_grad back afterwards.",
        )
    return f"codes of {len(unseen)} unseen images; the networks are as before"


def _require_fitting(found: Codes, method: Method, data: ImageSet, where: str) -> None:
    require_codes(found, len(data), where)
    like = inference.encode(method, data.images[:1], CPU)
    for name in ("class_code", "content_code"):
        mine, wanted = getattr(found, name).shape[1], getattr(like, name).shape[1]
        require(mine == wanted, f"{where}: {name} has {mine} values, that of encode {wanted}")
