"""What `lordbench weights` tells."""

from __future__ import annotations

from typing import NamedTuple

from lordbench.errors import UserError
from lordbench.weights import store
from lordbench.weights.registry import REGISTRY


class Status(NamedTuple):
    """Where one set of weights stands.

    Attributes:
        name: of the weights.
        used_for: what needs them.
        found: the file found, or how to get one; for a damaged file, what is wrong with it.
        checksum: of the tensors; empty where there is no file, or a damaged one.
    """

    name: str
    used_for: str
    found: str
    checksum: str


def status() -> list[Status]:
    """Look for all weights, and check those found; fetches nothing."""
    return [_status(name) for name in REGISTRY]


def _status(name: str) -> Status:
    entry = REGISTRY[name]
    try:
        checksum = store.checksum(name)
    except UserError as error:
        return Status(name, entry.used_for, str(error), "")
    found = f"no: `lordbench weights --fetch`, or put {entry.file} into $LORDBENCH_WEIGHTS"
    return Status(name, entry.used_for, str(store.find(name) or found), checksum)
