"""The arithmetic of training."""

from __future__ import annotations

import contextlib
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

PrecisionSetting = Literal["auto", "float32", "tf32", "bfloat16"]


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 faster than float32, by its flags.

    A timing may vary on a busy machine, and with it the results of a seed.
    """
    if device.type == "cuda":
        import torch

        return torch.cuda.get_device_capability(device)[0] >= 8
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as lines:
        flags = next((line for line in lines if line.startswith("flags")), "")
        return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags.split())
    return False


@dataclass(frozen=True)
class Precision:
    """Arithmetic of training.

    `float32`; `tf32`: float32 whose products a GPU rounds to 10 bits, the same as float32 elsewhere;
    `bfloat16`: autocast with float32 weights and losses.
    """

    name: Literal["float32", "tf32", "bfloat16"]
    device_type: str

    @classmethod
    def resolve(cls, setting: PrecisionSetting, device: torch.device) -> Precision:
        """Return the precision of a setting; `auto` is bfloat16 on hardware that is fast at it."""
        if setting == "auto":
            setting = "bfloat16" if has_fast_bfloat16(device) else "float32"
        return cls(setting, device.type)

    def matrix_products(self) -> contextlib.AbstractContextManager[None]:
        """Let a GPU round float32 products to TF32 with `tf32` only; by default its convolutions do."""
        from lordbench.utils.parallel import gpu_arithmetic

        return gpu_arithmetic(tf32=self.name == "tf32")

    def autocast(self) -> torch.autocast:
        """Context in which matrix products and convolutions run in this precision."""
        import torch

        return torch.autocast(self.device_type, dtype=torch.bfloat16, enabled=self.name == "bfloat16")
