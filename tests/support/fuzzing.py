"""Random and altered inputs for the tests `test_fuzz_*.py`."""

from __future__ import annotations

import contextlib
import json
import os
import struct
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

PROFILE = "HYPOTHESIS_PROFILE"
"""Environment variable: `ci` tests the same inputs every time, so that no test fails by chance; `thorough`
tests new and more ones."""
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 10**30, -(10**400), 2**63, 1e308, 5e-324, float("inf"), float("nan")]),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["", "..", "../../x", "/etc/passwd", "\ud800", "\0", "a" * 300, "9999-12-31T23:59:59-14:00"]
    ),
    st.sampled_from(["0001-01-01T00:00:00+14:00", "2024-05-01T12:00:00+00:00", "lord", "samples", "x.py"]),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def load_profile() -> None:
    """Load the profile of this process from the environment."""
    settings.register_profile("ci", max_examples=30, deadline=None, derandomize=True, database=None)
    settings.register_profile("thorough", max_examples=300, deadline=None, database=None)
    settings.load_profile(os.environ.get(PROFILE, "ci"))


def as_json(value: Any) -> bytes:
    """JSON with everything that Python reads: NaN, half surrogate pairs, numbers of any size."""
    return json.dumps(value).encode()


def altered(content: bytes) -> st.SearchStrategy[bytes]:
    """A file that was truncated, overwritten in some places, or had bytes inserted."""
    place = st.integers(0, len(content))
    cut = place.map(lambda at: content[:at])
    flips = st.lists(st.tuples(place, st.integers(0, 255)), min_size=1, max_size=4)
    grown = st.tuples(place, st.binary(max_size=8)).map(
        lambda change: content[: change[0]] + change[1] + content[change[0] :]
    )
    return st.one_of(cut, flips.map(lambda changes: _overwritten(content, changes)), grown)


def changed(fields: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A mapping with some values replaced or missing."""
    others = st.dictionaries(st.sampled_from(sorted(fields)), VALUES, min_size=1, max_size=3)
    missing = st.sets(st.sampled_from(sorted(fields)), max_size=1)
    return st.tuples(others, missing).map(
        lambda change: {k: v for k, v in (fields | change[0]).items() if k not in change[1]}
    )


@contextlib.contextmanager
def memory_below(most: int) -> Iterator[None]:
    """Fail if Python and NumPy together use more than `most` bytes at any moment of the block."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


@contextlib.contextmanager
def refusing(kind: type[Exception], file: Path) -> Iterator[None]:
    """Allow a block to raise an error of this kind that names the file, and no other."""
    try:
        yield
    except kind as error:
        if str(file) not in str(error):
            raise AssertionError(f"{file} is not named") from error


def _overwritten(content: bytes, changes: list[tuple[int, int]]) -> bytes:
    made = bytearray(content)
    for at, value in changes:
        if at < len(made):
            made[at] = value
    return bytes(made)


def safetensors(header: Any, values: bytes = bytes(4)) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + values


def headers() -> st.SearchStrategy[bytes]:
    """Headers of safetensors files, with arbitrary claims."""
    dtype = st.sampled_from(["F32", "F64", "BF16", "F8_E4M3", "F8_E8M0", "F4", "BOOL", "C64", "U64", "x"])
    size = st.sampled_from([0, 1, 2, 4, 2**40, 2**63, -1])
    tensor = st.builds(
        lambda kind, shape, ends: {"dtype": kind, "shape": shape, "data_offsets": ends},
        dtype, st.lists(size, max_size=2), st.lists(size, min_size=2, max_size=2),
    )  # fmt: skip
    names = st.dictionaries(st.sampled_from(["module.weight", "module.bias"]), tensor | VALUES, max_size=2)
    return st.one_of(names.map(safetensors), VALUES.map(safetensors), st.binary(max_size=30))
