"""lordbench: a benchmark suite for class/content disentanglement."""

__version__ = "0.1.0"

PROTOCOL_VERSION = 3
"""Raised whenever an experiment's definition changes; leaderboards refuse to mix versions."""
