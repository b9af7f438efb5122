"""Package faces whose names are imported at first use (PEP 562)."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


def lazy_names(package: str, *modules: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a package, for the names in its `__all__`.

    A face must not import torch by itself, since commands that only read results use some of its modules.
    `modules` are imported in order until one has the name.
    """
    namespace = vars(sys.modules[package])

    def get(name: str) -> Any:
        if name in namespace["__all__"]:
            for module in modules:
                names = vars(import_module(f"{package}.{module}"))
                if name in names:
                    return namespace.setdefault(name, names[name])
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return get, lambda: list(namespace["__all__"])
