"""Memory management of the process."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from lordbench.utils import hardware

PAGES = """
import resource, torch
from lordbench.utils import hardware
{}
torch.set_num_threads(1)
layers = torch.nn.Sequential(*[torch.nn.LeakyReLU(0.5) for _ in range(4)])
images = torch.zeros(8, 16, 256, 256, requires_grad=True)
def pages(steps):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(steps):
        layers(images).sum().backward()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
pages(2)
print(pages(5))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")
def test_training_reuses_freed_memory() -> None:
    left_alone, kept = (
        int(subprocess.check_output([sys.executable, "-c", PAGES.format(call)], text=True))
        for call in ("", "hardware.keep_freed_memory()")
    )
    # Maps of 32 MiB; how many pages that is depends on their size.
    assert left_alone > 100
    assert kept < left_alone / 3


def test_a_slow_git_costs_the_commit_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("git", 10)

    monkeypatch.setattr(subprocess, "run", slow)
    assert hardware.git_sha() == ""
