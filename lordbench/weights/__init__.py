"""Pretrained weights: found on this machine or fetched, checked, and loaded without running any of it."""

from lordbench.weights.fetch import ensure
from lordbench.weights.status import Status, status
from lordbench.weights.store import checksum, find, load

__all__ = ["Status", "checksum", "ensure", "find", "load", "status"]
