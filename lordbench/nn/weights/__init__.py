"""Pretrained weights: found on this machine or fetched, checked, and loaded without running any of it."""

from lordbench.nn.weights.store import Status, checksum, ensure, find, load, status

__all__ = ["Status", "checksum", "ensure", "find", "load", "status"]
