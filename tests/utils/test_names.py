"""Names of files as text: nothing is lost, and two names stay two."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from lordbench.utils.names import restored, shown, spelled

NAMES = st.one_of(st.binary(max_size=12).map(os.fsdecode), st.text("\\x5ce9\udce9é", max_size=12))


@given(name=NAMES)
def test_a_spelled_name_can_be_written_and_is_restored(name: str) -> None:
    spelled(name).encode("utf-8")
    assert restored(spelled(name)) == name


def test_usual_names_stay_as_they_are() -> None:
    for name in ("scans [2024]", "café", r"C:\Users\xaver", "a\nb"):
        assert spelled(name) == shown(name) == name


def test_bytes_that_are_not_utf8_are_shown_by_their_number() -> None:
    assert spelled("caf\udce9") == shown("caf\udce9") == r"caf\xe9"
    assert spelled(r"caf\xe9") == r"caf\x5cxe9"
