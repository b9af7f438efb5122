"""Time of a training step of LORD, DrNet and ML-VAE, in the published style and in lordbench's."""

from __future__ import annotations

import multiprocessing
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.page import table
from benchmarks.published import published_style
from benchmarks.stepping import build, images, measured, seconds
from lordbench.config import registry
from lordbench.config.presets import load_preset
from lordbench.data.images import ImageSet
from lordbench.utils import hardware

METHODS = ("lord", "drnet", "mlvae")
SIZES = {"paper": (64, 17_568), "quick": (32, 1_728)}
"""By preset: image size, and the number of training images of Cars3D and toycars."""
BATCH = 16
"""Of the quick preset; the paper's 128 takes minutes per step on a CPU."""
PRECISIONS = ("float32", "bfloat16")
GIGA = 1e9


def steps(preset_names: list[str], rounds: int, n_steps: int) -> str:
    """Return the tables of `rounds` rounds, each of `n_steps` steps of every method and style."""
    return "\n\n".join(_of_preset(name, rounds, n_steps) for name in preset_names)


def _of_preset(name: str, rounds: int, n_steps: int) -> str:
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    flops: dict[str, float] = {}
    for _ in range(rounds):
        for method in METHODS:
            for kind in ("published", *PRECISIONS):
                for step, took in _alone(turn, name, method, kind, n_steps).items():
                    times[step, kind].append(took)
            if not any(step.startswith(method) for step in flops):
                flops |= _alone(arithmetic, name, method)
    rates = {precision: matrix_rate(precision) for precision in PRECISIONS}
    rows = []
    for step in flops:
        best = {kind: min(times[step, kind]) for kind in ("published", *PRECISIONS)}
        rows.append(
            [step, f"{1e3 * best['published']:,.0f}"]
            + [f"{1e3 * best[p]:,.0f} ({best['published'] / best[p]:.2f})" for p in PRECISIONS]
            + [f"{flops[step] / GIGA:,.0f}"]
            + [f"{flops[step] / best[p] / rates[p]:.0%}" for p in PRECISIONS]
        )
    header = [
        f"{name}: {SIZES[name][0]} px, batch {BATCH}", "published style, ms", "float32, ms (ratio)",
        "bfloat16, ms (ratio)", "GFLOP", "of float32 products", "of bfloat16 products",
    ]  # fmt: skip
    products = ", ".join(f"{rate / GIGA:,.0f} GFLOP/s in {name}" for name, rate in rates.items())
    return f"{table(header, rows)}\n\nMatrix products, measured in the same run: {products}."


def turn(preset: str, method: str, kind: str, n_steps: int, batch: int = BATCH) -> dict[str, float]:
    """Seconds of a step by phase, in the published style or in lordbench's in a precision."""
    data, settings = _data_and_settings(preset, method)
    if kind == "published":
        with published_style():
            plain = build(method, settings, data, channels_last=False)
            return _named(method, measured(plain, data, "float32", batch, n_steps))
    hardware.keep_freed_memory()
    return _named(method, measured(build(method, settings, data), data, kind, batch, n_steps))


def arithmetic(preset: str, method: str) -> dict[str, float]:
    """Operations of lordbench's step in convolutions and products, forward and backward, by phase."""
    data, settings = _data_and_settings(preset, method)
    model = build(method, settings, data)
    with FlopCounterMode(display=False) as counter:
        flops = measured(model, data, "float32", BATCH, 1, lambda: float(counter.get_total_flops()))
    return _named(method, flops)


def _data_and_settings(preset: str, method: str) -> tuple[ImageSet, dict[str, Any]]:
    size, n = SIZES[preset]
    config = registry.find("methods", method).load().Config
    settings = load_preset(preset, {}).settings(method, config)
    # The same number of steps for all phases.
    equal = {"stage1_share": 1 / 3, "warmup_share": 0.5} if "stage1_share" in config.model_fields else {}
    return images(n, size), settings | equal


def _alone(function: Callable[..., dict[str, float]], *arguments: Any) -> dict[str, float]:
    """Call a function in its own process: settings of memory management cannot be undone."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def _named(method: str, by_phase: dict[str, float]) -> dict[str, float]:
    return {f"{method}, {phase}" if method == "lord" else method: value for phase, value in by_phase.items()}


def matrix_rate(precision: str) -> float:
    """Rate of large square matrix products on the device of the steps, FLOP/s: the best of ten."""
    device = hardware.resolve_device("auto")
    n = 2048 if device.type == "cpu" else 8192
    a, b = (torch.randn(n, n, device=device).to(getattr(torch, precision)) for _ in range(2))
    best = float("inf")
    for _ in range(10):
        began = seconds()
        a @ b
        best = min(best, seconds() - began)
    return 2 * n**3 / best
