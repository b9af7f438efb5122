"""Package faces whose names are imported at first use (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


def lazy_names(package: str, *modules: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a package, for the names in its `__all__`.

    A face must not import torch by itself: `lordbench.evaluation.measurement` is used by commands that only
    read results.

    Args:
        package: dotted name.
        modules: modules of the package that define the names; they are imported in this order until one has
            the name.
    """
    namespace = vars(sys.modules[package])

    def get(name: str) -> Any:
        if name in namespace["__all__"]:
            for module in modules:
                found = vars(import_module(f"{package}.{module}"))
                if name in found:
                    namespace[name] = found[name]
                    return found[name]
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return get, lambda: list(namespace["__all__"])
