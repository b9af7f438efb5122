"""A check of at most eight minutes for a machine with a GPU: right values, time of steps, of evaluation."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.evaluation import draw_subjects
from benchmarks.page import ROOT, here, table
from benchmarks.steps import GIGA, METHODS, matrix_rate, turn
from lordbench.config import registry
from lordbench.evaluation.measurement import MeasurementKey
from lordbench.evaluation.scoring import Scoring
from lordbench.utils.files import write_text
from lordbench.utils.hardware import resolve_device

KINDS = ("published", "float32", "tf32", "bfloat16")
BATCHES = (16, 32, 64, 128, 256)
QUANTITIES = ["experiment", "codes", "subject", "metric"]


def gpu(out: Path, images: int, n_steps: int) -> str:
    """Run all parts, and return their tables; after each, `out` has what is there so far."""
    parts: dict[str, Callable[[], str]] = {
        "Tests": tests,
        "Steps of `paper`, batch 128": lambda: steps(n_steps),
        "Batches": lambda: batches(n_steps),
        "Evaluation": lambda: evaluation(images),
        "One cell beside the CPU": cell,
    }
    text = f"# lordbench on a GPU\n\n*{here()}*\n"
    for title, part in parts.items():
        began = time.monotonic()
        try:
            result = part()
        except Exception as error:
            # The other parts say something all the same.
            result = f"Failed: {type(error).__name__}: {error}"
        text += f"\n## {title}\n\n{result}\n\n{time.monotonic() - began:.0f} s.\n"
        write_text(out, text)
    return text


def tests() -> str:
    """The end of `pytest -m gpu`."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return "\n".join(["```", *run.stdout.splitlines()[-20:], "```"])


def steps(n_steps: int) -> str:
    """Milliseconds of a step of each method in each precision, with the ratio to the published style."""
    rows = []
    for method in METHODS:
        times = {kind: turn("paper", method, kind, n_steps, batch=128) for kind in KINDS}
        for step, published in times["published"].items():
            own = [times[kind][step] for kind in KINDS[1:]]
            cells = [f"{1e3 * seconds:.1f} ({published / seconds:.2f})" for seconds in own]
            rows.append([step, f"{1e3 * published:.1f}", *cells])
    rates = [
        f"{matrix_rate(precision) / GIGA:,.0f} GFLOP/s in {precision}"
        for precision in ("float32", "bfloat16")
    ]
    header = ["", "published style, ms", *(f"{kind}, ms (ratio)" for kind in KINDS[1:])]
    return f"{table(header, rows)}\n\nMatrix products: {', '.join(rates)}."


def batches(n_steps: int) -> str:
    """Images per second of LORD's steps against the batch size."""
    rows = []
    for batch in BATCHES:
        seconds = turn("paper", "lord", "bfloat16", n_steps, batch=batch)
        rows.append([f"{batch}", *(f"{batch / value:,.0f}" for value in seconds.values())])
    return table(["batch", *(f"{step}, images/s" for step in seconds)], rows)


def evaluation(n: int) -> str:
    """Seconds of the metrics that use networks, on the GPU and on the CPU."""
    subjects = draw_subjects(n)
    key = MeasurementKey("content-transfer", "transfer", "encoded")
    rows = []
    for name in ("lpips", "fd_vgg16"):
        values = []
        for device in (resolve_device("auto"), torch.device("cpu")):
            scoring = Scoring(device, {name: registry.find("metrics", name).load()})
            began = time.monotonic()
            fake = {key: subjects.transfers["first"]}
            if name == "lpips":
                found = list(scoring.pairs(fake, subjects.truth, np.arange(n), 0))
            else:
                found = list(scoring.sets(fake, subjects.real, "real"))
            values.append((time.monotonic() - began, found[0].value or 0.0))
        (fast, ours), (slow, theirs) = values
        rows.append([name, f"{fast:.1f}", f"{slow:.1f}", f"{abs(ours - theirs):.1g}"])
    return table([f"{n:,} images of 64 px", "GPU, s", "CPU, s", "difference"], rows)


def cell() -> str:
    """Values of a short training of LORD on the GPU and on the CPU."""
    arguments = ["--methods", "lord", "--set", "budget.images=20000", "--set", "precision=float32"]
    values, seconds = [], []
    with tempfile.TemporaryDirectory() as temporary:
        for device in (resolve_device("auto").type, "cpu"):
            out = Path(temporary) / device
            began = time.monotonic()
            command = [sys.executable, "-m", "lordbench", "run", "--device", device, "--out", str(out)]
            subprocess.run([*command, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
            seconds.append(time.monotonic() - began)
            rows = pd.read_csv(out / "results.csv")
            values.append(rows.set_index(QUANTITIES)["value"])
    both = pd.concat(values, axis=1, keys=["GPU", "CPU"]).dropna()
    of_lord = both[both.index.get_level_values("codes") != ""]
    shown = of_lord[of_lord.index.get_level_values("metric").isin(["l1", "lpips", "both_agreement"])]
    lines = [["/".join(name), f"{gpu:.4f}", f"{cpu:.4f}"] for name, gpu, cpu in shown.itertuples()]
    return f"{table(['value', 'GPU', 'CPU'], lines)}\n\nWhole runs: {seconds[0]:.0f} and {seconds[1]:.0f} s."
