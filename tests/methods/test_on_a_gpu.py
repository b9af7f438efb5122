"""On a GPU methods train without waiting for it, and their values are those of a CPU. Skipped without one."""

from __future__ import annotations

from typing import Any

import mechanisms
import numpy as np
import pytest
import torch
from helpers import context, halves

from lordbench.config import registry
from lordbench.evaluation import inference
from lordbench.nn.layers import adain
from lordbench.training import Budget, Context, Precision
from lordbench.training.batches import DeviceImages
from lordbench.training.method import placed
from lordbench.training.optimizers import RowAdam

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
]
CPU, GPU = torch.device("cpu"), torch.device("cuda")
METHODS = ("adagvae", "cyclevae", "dcodr", "drnet", "gvae", "gzsnet", "lord", "mathieu", "mlvae", "overlord")
METHODS += ("pdc", "szabo")
DATA = halves()


def build(name: str) -> Any:
    return mechanisms.build(name, DATA, width=16)


def on_gpu(images: int, precision: str = "float32") -> Context:
    return Context(GPU, Precision(precision, "cuda"), seed=0, budget=Budget(images, 32))  # type: ignore[arg-type]


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
@pytest.mark.parametrize("name", METHODS)
def test_it_learns(name: str, precision: str) -> None:
    method = placed(build(name), GPU)
    training = on_gpu(3200, precision)
    method.fit(DATA, training)
    first, last = training.progress.history[0], training.progress.history[-1]
    assert all(np.isfinite(value) for key, value in last.items() if key not in ("phase", "step"))
    if first["phase"] == last["phase"]:
        assert last["reconstruction"] < first["reconstruction"]


@pytest.mark.parametrize("name", METHODS)
def test_a_trained_method_gives_the_outputs_of_a_cpu(name: str) -> None:
    method = build(name)
    method.fit(DATA, context(320))
    method.eval()
    expected = inference.decode(method, inference.encode(method, DATA.images, CPU))
    method = method.to(GPU)
    outputs = inference.decode(method, inference.encode(method, DATA.images, GPU))
    assert np.abs(outputs.astype(int) - expected).max() <= 1
    again = inference.decode(method, inference.encode(method, DATA.images, GPU))
    np.testing.assert_array_equal(again, outputs)


@pytest.mark.parametrize("name", METHODS)
def test_no_step_waits_for_the_gpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    update = Context._update

    def watched(self: Context, *arguments: object) -> object:
        torch.cuda.set_sync_debug_mode("error")
        try:
            return update(self, *arguments)  # type: ignore[arg-type]
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(Context, "_update", watched)
    method = placed(build(name), GPU)
    method.fit(DATA, on_gpu(640))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_adain_keeps_channels_last(dtype: torch.dtype) -> None:
    x = torch.randn(4, 16, 8, 8, device=GPU, dtype=dtype).contiguous(memory_format=torch.channels_last)
    x.requires_grad_()
    offset, scale = (torch.randn(4, 16, 1, 1, device=GPU) for _ in range(2))
    y = adain(x, offset, scale)
    y.sum().backward()
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert x.grad is not None
    assert x.grad.is_contiguous(memory_format=torch.channels_last)
    expected = adain(x.detach().float().cpu(), offset.cpu(), scale.cpu())
    assert torch.allclose(y.float().cpu(), expected, atol=1e-4 if dtype == torch.float32 else 0.1)


def test_batches_are_the_images() -> None:
    data = DeviceImages(DATA, GPU)
    index = np.array([3, 1, 3])
    batch = data.request(index)(torch.Generator(GPU))
    np.testing.assert_array_equal((batch.images * 255).round().cpu().numpy(), DATA.images[index])
    spilled = DeviceImages(DATA, GPU, limit=0).request(index)(torch.Generator(GPU))
    assert torch.equal(spilled.images, batch.images)


def test_row_adam_moves_rows_as_on_a_cpu() -> None:
    codes = []
    for device in (CPU, GPU):
        table = torch.nn.Embedding(20, 4, sparse=True)
        with torch.no_grad():
            table.weight.copy_(torch.linspace(-1, 1, 80).view(20, 4))
        table = table.to(device)
        optimizer = RowAdam([table], 1e-2, (0.5, 0.999))
        for step in range(60):
            rows = torch.tensor([step % 20, 7 * step % 20], device=device)
            optimizer.zero_grad(set_to_none=True)
            table(rows).square().sum().backward()
            optimizer.step()
        optimizer.finish()
        codes.append(table.weight.detach().cpu())
    assert torch.allclose(*codes, atol=1e-5)


@pytest.mark.parametrize("name", ["probe_linear", "probe_kernel", "probe_mlp"])
def test_probes_read_as_on_a_cpu(name: str) -> None:
    from lordbench.evaluation.probes import ProbeTask

    generator = np.random.default_rng(0)
    labels = generator.integers(5, size=400)
    codes = (generator.normal(size=(5, 8))[labels] + generator.normal(size=(400, 8))).astype(np.float32)
    task = ProbeTask(codes[:300], labels[None, :300], None, codes[300:], 0)
    probe = registry.find("metrics", name).load()()
    on_cpu, on_gpu = (probe.predict_all([task], device)[0][0].labels for device in (CPU, GPU))
    assert np.mean(on_cpu == on_gpu) > 0.95
