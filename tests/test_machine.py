"""What the process asks of the machine."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, torch
from lordbench import machine
{}
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(2**24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")
def test_freed_memory_is_used_again_without_new_pages() -> None:
    left_alone, kept = (
        int(subprocess.check_output([sys.executable, "-c", FAULTS.format(call)], text=True))
        for call in ("", "machine.keep_freed_memory()")
    )
    # 64 MiB; how many pages that is depends on their size.
    assert left_alone > 10
    assert kept <= left_alone // 10
