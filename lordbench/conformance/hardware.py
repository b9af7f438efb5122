"""Check of a method on a GPU."""

from __future__ import annotations

import torch

from lordbench import inference
from lordbench.conformance.check import SkippedCheck, require
from lordbench.conformance.trial import BATCH, Trial


def gpu(trial: Trial) -> str:
    """It trains and codes on a GPU too: what it makes along the way lies on the device of its input."""
    if not torch.cuda.is_available():
        raise SkippedCheck("there is no GPU here")
    device, data = torch.device("cuda"), trial.data()
    method, _ = trial.train(data, 10 * BATCH, device)
    codes = inference.encode(method, data.images, device)
    for name in ("class_code", "content_code"):
        where = getattr(codes, name).device.type
        require(where == "cuda", f"encode gives the {name.replace('_', ' ')} on {where}")
    inference.decode(method, codes)
    return torch.cuda.get_device_name(device)
