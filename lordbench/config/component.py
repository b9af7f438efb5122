"""Component: a method, data set, metric or experiment that can be loaded from a file or a module."""

import hashlib
import importlib
import importlib.util
import inspect
import sys
from abc import ABC
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from lordbench.utils import errors
from lordbench.utils.errors import BrokenComponentError

Kind = Literal["methods", "datasets", "metrics", "experiments"]
CONTRACTS: dict[Kind, tuple[str, str]] = {
    "methods": ("lordbench.training.method", "Method"),
    "datasets": ("lordbench.data.dataset", "Dataset"),
    "metrics": ("lordbench.evaluation.metric", "Metric"),
    "experiments": ("lordbench.evaluation.experiment", "Experiment"),
}
"""Module and name of the class that components of a kind derive from; most of them import torch."""
SOURCE = "__lordbench_source__"
"""Attribute of a plug-in's module: the bytes that it was made of."""


@dataclass(frozen=True)
class Component:
    """A component that is not imported yet.

    `module` is its dotted name, of a plug-in file (`path`) the one that it is imported under; `attribute` is
    the class in the module, empty where the file defines just one.
    """

    kind: Kind
    name: str
    module: str
    path: Path | None = None
    attribute: str = ""

    @property
    def where(self) -> str:
        """The file or the module that defines it."""
        return str(self.path or self.module)

    def load(self) -> type[Any]:
        """Import its class; BrokenComponentError unless there is exactly one complete class of its kind."""
        what = f"{self.kind[:-1]} {self.name!r}"
        module, contract = _imported(self.module, self.path, what), _contract(self.kind)
        if not self.attribute:
            return _only_class(module, [contract], self.where)
        value = getattr(module, self.attribute, None)
        if not inspect.isclass(value) or not issubclass(value, contract) or inspect.isabstract(value):
            raise BrokenComponentError(
                f"{what} is broken: {self.module}:{self.attribute} is not a complete subclass of "
                f"{contract.__name__}"
            )
        return value

    def source_files(self) -> list[Path]:
        """Return the source files of the component: the plug-in file, or its package's modules."""
        return module_files(self.module) if self.path is None else [self.path]


def from_file(kind: Kind, path: Path) -> Component:
    """Return the component of a kind in a plug-in file, given by its absolute path, without importing it."""
    return Component(kind, path.stem, _module_name(path), path)


def identify(path: Path) -> Component:
    """Import a plug-in file, given by its absolute path, to find out its kind.

    BrokenComponentError: the import fails, or there is not exactly one complete class of one kind.
    """
    module = _imported(_module_name(path), path, f"plug-in {path.stem!r}")
    contracts = {kind: _contract(kind) for kind in CONTRACTS}
    defined = _only_class(module, contracts.values(), str(path))
    (kind,) = (kind for kind, contract in contracts.items() if issubclass(defined, contract))
    return from_file(kind, path)


def module_files(name: str) -> list[Path]:
    """Return the files of an importable module, given by its dotted name; of a package, all its modules."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return []
    origin = Path(spec.origin)
    return sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]


def _contract(kind: Kind) -> type[ABC]:
    module, name = CONTRACTS[kind]
    contract: type[ABC] = getattr(importlib.import_module(module), name)
    return contract


def _module_name(path: Path) -> str:
    # Unique, so that a user's `metrics.py` or `utils.py` shadows no other module.
    unique = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    return f"lordbench_plugin_{unique}_{path.stem}"


def _imported(module: str, path: Path | None, what: str) -> ModuleType:
    try:
        return importlib.import_module(module) if path is None else _load_file(module, path)
    except (Exception, SystemExit) as error:
        line = errors.line_of(error, path) if path else ""
        hint = f"It is in {path or module}" + (f", {line}." if line else ".")
        if isinstance(error, ImportError) and "relative import" in str(error):
            hint += " A plug-in is one file; install code in several files as a package, with pip."
        raise BrokenComponentError(f"{what} is broken: {type(error).__name__}: {error}", hint) from error


def _load_file(name: str, path: Path) -> ModuleType:
    # In a notebook a file is edited between two runs: what it was before must not run under its new hash.
    source, known = path.read_bytes(), sys.modules.get(name)
    if known is not None and vars(known).get(SOURCE) == source:
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    vars(module)[SOURCE] = source
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _only_class(module: ModuleType, contracts: Collection[type[ABC]], where: str) -> type[Any]:
    """Return the one complete subclass of any of the contracts that a module defines."""
    classes = [value for value in vars(module).values() if inspect.isclass(value)]
    own = [value for value in classes if value.__module__ == module.__name__]
    defined: list[type[Any]] = [value for value in own if issubclass(value, tuple(contracts))]
    complete = [value for value in defined if not inspect.isabstract(value)]
    if len(complete) == 1:
        return complete[0]
    kinds = " or ".join(contract.__name__ for contract in contracts)
    names = ", ".join(value.__name__ for value in complete) or "none"
    incomplete = "; ".join(
        f"{value.__name__} lacks {', '.join(sorted(value.__abstractmethods__))}" for value in defined
    )
    raise BrokenComponentError(
        f"{where}: exactly one complete subclass of {kinds} is required, found {names}"
        + (f" ({incomplete})" if incomplete and not complete else "")
    )
