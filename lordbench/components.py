"""Finds methods, data sets, metrics and experiments: by file, by entry point, by path.

One file holds one component, and its name is the file's. The project's own plug-in folders, a user's
`./my_method.py` and a pip-installed package all come in through the same code. Nothing is imported before
it is asked for, and a component that fails to import is listed as broken; it never stops the others.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import importlib
import importlib.util
import inspect
import sys
from abc import ABC
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from lordbench.dataset import Dataset
from lordbench.errors import UserError
from lordbench.experiment import Experiment
from lordbench.method import Method
from lordbench.metric import Metric

Kind = Literal["methods", "datasets", "metrics", "experiments"]
CONTRACTS: dict[Kind, type[ABC]] = {
    "methods": Method,
    "datasets": Dataset,
    "metrics": Metric,
    "experiments": Experiment,
}
PACKAGE = Path(__file__).resolve().parent
FOLDERS: dict[Kind, str] = {"methods": "baselines", "metrics": "metrics"}
"""Plug-in folders; the other kinds live in a package of their own, e.g. `lordbench.datasets`."""


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

    def load(self) -> type[Any]:
        """Import the component's class.

        Raises:
            UserError: the import fails, or the file does not hold exactly one class of its kind.
        """
        where = str(self.path or self.module)
        try:
            module = (
                importlib.import_module(self.module)
                if self.path is None
                else _load_file(self.module, self.path)
            )
        except Exception as error:
            raise UserError(
                f"{self.kind[:-1]} {self.name!r} is broken: {type(error).__name__}: {error}",
                f"It is in {where}.",
            ) from error
        if self.attribute:
            return getattr(module, self.attribute)  # type: ignore[no-any-return]
        found = [
            value
            for value in vars(module).values()
            if inspect.isclass(value)
            and issubclass(value, CONTRACTS[self.kind])
            and not inspect.isabstract(value)
            and value.__module__ == module.__name__
        ]
        if len(found) != 1:
            names = ", ".join(c.__name__ for c in found) or "none"
            contract = CONTRACTS[self.kind].__name__
            raise UserError(f"{where}: one complete subclass of {contract} is needed, found {names}")
        return found[0]

    def source_files(self) -> list[Path]:
        """The files that make up the component: the plug-in file, or its package's modules."""
        return module_files(self.module) if self.path is None else [self.path]


def plugin_folder(name: str) -> Path:
    """Find `baselines`, `metrics` or `configs`: beside the package in a checkout, inside it in a wheel."""
    inside = PACKAGE / "plugins" / name
    return inside if inside.is_dir() else PACKAGE.parent / name


@cache
def available(kind: Kind) -> dict[str, Component]:
    """All components of a kind that have a name, in alphabetical order."""
    found = {component.name: component for component in _named(kind)}
    return dict(sorted(found.items()))


def unbroken(kind: Kind) -> dict[str, type[Any]]:
    """Load all components of a kind that can be; `lordbench list` says what is wrong with the rest."""
    found = {}
    for name, component in available(kind).items():
        with contextlib.suppress(UserError):
            found[name] = component.load()
    return found


def find(kind: Kind, name: str) -> Component:
    """Look a component up by name, or by path where `name` ends in `.py`.

    Raises:
        UserError: there is none; names the closest ones.
    """
    if name.endswith(".py"):
        path = Path(name).expanduser().resolve()
        if not path.is_file():
            raise UserError(f"{name}: there is no such file", f"It should hold a {kind[:-1]}.")
        return _from_file(kind, path)
    components = available(kind)
    if name not in components:
        close = difflib.get_close_matches(name, components, n=3, cutoff=0.5)
        raise UserError(
            f"unknown {kind[:-1]} {name!r}" + (f": did you mean {' or '.join(close)}?" if close else ""),
            f"There are: {', '.join(components)}. See `lordbench list {kind}`.",
        )
    return components[name]


def module_files(name: str) -> list[Path]:
    """Find the files of an importable module, given by its dotted name; of a package, all its modules."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return []
    origin = Path(spec.origin)
    return sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]


def source_hash(files: list[Path]) -> str:
    """Hash source files to 16 hex digits, whatever their line endings and their folder."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()[:16]


def _named(kind: Kind) -> Iterator[Component]:
    if kind in FOLDERS:
        for path in sorted(plugin_folder(FOLDERS[kind]).glob("[!_]*.py")):
            yield _from_file(kind, path)
    else:
        for path in sorted((PACKAGE / kind).glob("[!_]*.py")):
            yield Component(kind, path.stem.replace("_", "-"), f"lordbench.{kind}.{path.stem}")
    for entry in entry_points(group=f"lordbench.{kind}"):
        yield Component(kind, entry.name, entry.module, attribute=entry.attr)


def _from_file(kind: Kind, path: Path) -> Component:
    # A module name of its own keeps a user's `metrics.py` or `utils.py` from shadowing anything.
    unique = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    return Component(kind, path.stem, f"lordbench_plugin_{unique}_{path.stem}", path)


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
