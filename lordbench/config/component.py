"""Component: something that can be loaded from a file or a module, and the one class in it."""

from __future__ import annotations

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

from lordbench.data.dataset import Dataset
from lordbench.evaluation.experiment import Experiment
from lordbench.evaluation.metric import Metric
from lordbench.training.method import Method
from lordbench.utils import errors
from lordbench.utils.errors import BrokenComponentError

Kind = Literal["methods", "datasets", "metrics", "experiments"]
CONTRACTS: dict[Kind, type[ABC]] = {
    "methods": Method,
    "datasets": Dataset,
    "metrics": Metric,
    "experiments": Experiment,
}


@dataclass(frozen=True)
class Component:
    """Something that can be loaded.

    Attributes:
        kind: which contract it fulfils.
        name: how it is called on the command line.
        module: dotted module name; for a plug-in file, the name it is loaded under.
        path: the plug-in file, or None for an importable module.
        attribute: the class in the module; empty where the file has just one.
    """

    kind: Kind
    name: str
    module: str
    path: Path | None = None
    attribute: str = ""

    @property
    def where(self) -> str:
        """The file, or the module, that it is in."""
        return str(self.path or self.module)

    def load(self) -> type[Any]:
        """Import the component's class.

        Raises:
            BrokenComponentError: the import fails, or there is not exactly one complete class of its kind.
        """
        what = f"{self.kind[:-1]} {self.name!r}"
        module, contract = _imported(self.module, self.path, what), CONTRACTS[self.kind]
        if not self.attribute:
            return _only_class(module, [contract], self.where)
        found = getattr(module, self.attribute, None)
        if not inspect.isclass(found) or not issubclass(found, contract) or inspect.isabstract(found):
            raise BrokenComponentError(
                f"{what} is broken: {self.module}:{self.attribute} is no complete subclass of "
                f"{contract.__name__}"
            )
        return found

    def source_files(self) -> list[Path]:
        """The files that make up the component: the plug-in file, or its package's modules."""
        return module_files(self.module) if self.path is None else [self.path]


def module_files(name: str) -> list[Path]:
    """Find the files of an importable module, given by its dotted name; of a package, all its modules."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return []
    origin = Path(spec.origin)
    return sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]


def from_file(kind: Kind, path: Path) -> Component:
    """The component of a kind in a plug-in file, by its absolute path; nothing is imported yet."""
    return Component(kind, path.stem, _module_name(path), path)


def identify(path: Path) -> Component:
    """Find out which kind of component a plug-in file holds, by its absolute path, which imports it.

    Raises:
        BrokenComponentError: the import fails, or there is not exactly one complete class of one kind.
    """
    module = _imported(_module_name(path), path, f"plug-in {path.stem!r}")
    found = _only_class(module, CONTRACTS.values(), str(path))
    (kind,) = (kind for kind, contract in CONTRACTS.items() if issubclass(found, contract))
    return from_file(kind, path)


def _module_name(path: Path) -> str:
    # A module name of its own keeps a user's `metrics.py` or `utils.py` from shadowing anything.
    unique = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    return f"lordbench_plugin_{unique}_{path.stem}"


def _imported(module: str, path: Path | None, what: str) -> ModuleType:
    try:
        return importlib.import_module(module) if path is None else _load_file(module, path)
    except Exception as error:
        line = errors.line_of(error, path) if path else ""
        raise BrokenComponentError(
            f"{what} is broken: {type(error).__name__}: {error}",
            f"It is in {path or module}" + (f", {line}." if line else ".") + _advice(error),
        ) from error


def _abstract(kind: type[Any]) -> list[str]:
    """Names of what a subclass has yet to define."""
    return sorted(getattr(kind, "__abstractmethods__", ()))


def _load_file(name: str, path: Path) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _only_class(module: ModuleType, contracts: Collection[type[ABC]], where: str) -> type[Any]:
    """The one complete subclass of any of the contracts that a module defines."""
    defined = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, tuple(contracts))
        and value.__module__ == module.__name__
    ]
    complete = [value for value in defined if not inspect.isabstract(value)]
    if len(complete) == 1:
        return complete[0]
    kinds = " or ".join(contract.__name__ for contract in contracts)
    names = ", ".join(value.__name__ for value in complete) or "none"
    lacking = [f"{value.__name__} lacks {', '.join(_abstract(value))}" for value in defined]
    raise BrokenComponentError(
        f"{where}: one complete subclass of {kinds} is needed, found {names}"
        + (f" ({'; '.join(lacking)})" if lacking and not complete else "")
    )


def _advice(error: Exception) -> str:
    if isinstance(error, ImportError) and "relative import" in str(error):
        return " A plug-in is one file; code in several files comes as a package, installed with pip."
    return ""
