"""The versions of the package and of its protocol."""

__version__ = "0.1.0"

PROTOCOL_VERSION = 4
"""Raised whenever an experiment's definition changes; leaderboards refuse to mix versions."""
