"""A training step of every method, as published and as lordbench takes it, side by side."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.page import table
from benchmarks.published import published_style
from benchmarks.stepping import build, images, measured
from lordbench.config import load_preset
from lordbench.images import ImageSet

METHODS = ("lord", "drnet", "mlvae")
SIZES = {"paper": (64, 17_568), "quick": (32, 1_728)}
"""By preset: pixels, and the training images of Cars3D and toycars."""
BATCH = 16
"""As the quick preset has it; the paper's 128 takes minutes a step on a CPU."""
PRECISIONS = ("float32", "bfloat16")
GIGA = 1e9


def steps(preset_names: list[str], rounds: int, n_steps: int) -> str:
    """Measure in `rounds`, each of `n_steps` steps of everything in turn, and give the tables."""
    return "\n\n".join(_of_preset(name, rounds, n_steps) for name in preset_names)


def _of_preset(name: str, rounds: int, n_steps: int) -> str:
    size, n = SIZES[name]
    data = images(n, size)
    preset = load_preset(name, {})
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    flops: dict[str, float] = {}
    for _ in range(rounds):
        for method in METHODS:
            settings = preset.settings(method, type(build(method, {}, data).config))
            with published_style():
                plain = build(method, settings, data, channels_last=False)
                _note(times, method, "published", measured(plain, data, "float32", BATCH, n_steps))
            for precision in PRECISIONS:
                ours = build(method, settings, data)
                _note(times, method, precision, measured(ours, data, precision, BATCH, n_steps))
            if method not in flops:
                flops |= _flops(method, settings, data)
    rates = {precision: matrix_rate(precision) for precision in PRECISIONS}
    rows = []
    for step in flops:
        seconds = {kind: min(times[step, kind]) for kind in ("published", *PRECISIONS)}
        rows.append(
            [step, f"{1e3 * seconds['published']:,.0f}"]
            + [f"{1e3 * seconds[p]:,.0f} ({seconds['published'] / seconds[p]:.2f})" for p in PRECISIONS]
            + [f"{flops[step] / GIGA:,.0f}"]
            + [f"{flops[step] / seconds[p] / rates[p]:.0%}" for p in PRECISIONS]
        )
    header = [
        f"{name}: {size} px, batch {BATCH}", "published style, ms", "float32, ms (ratio)",
        "bfloat16, ms (ratio)", "GFLOP", "of float32 products", "of bfloat16 products",
    ]  # fmt: skip
    products = ", ".join(f"{rate / GIGA:,.0f} GFLOP/s in {name}" for name, rate in rates.items())
    return f"{table(header, rows)}\n\nMatrix products, measured in the same run: {products}."


def _note(
    times: dict[tuple[str, str], list[float]], method: str, kind: str, medians: dict[str, float]
) -> None:
    for phase, seconds in medians.items():
        times[_step(method, phase), kind].append(seconds)


def _step(method: str, phase: str) -> str:
    return f"{method}, {phase}" if method == "lord" else method


def _flops(method: str, settings: dict[str, Any], data: ImageSet) -> dict[str, float]:
    """Arithmetic of a step in convolutions and products, forward and backward, as lordbench takes it."""
    with FlopCounterMode(display=False) as counter:
        found = measured(
            build(method, settings, data), data, "float32", BATCH, 1, lambda: float(counter.get_total_flops())
        )
    return {_step(method, phase): count for phase, count in found.items()}


def matrix_rate(precision: str) -> float:
    """The machine's own rate in large square matrix products, FLOP/s: the best of several."""
    n = 2048
    a, b = (torch.randn(n, n).to(getattr(torch, precision)) for _ in range(2))
    best = float("inf")
    for _ in range(10):
        began = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - began)
    return 2 * n**3 / best
