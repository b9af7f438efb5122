"""Finds methods, data sets, metrics and experiments: by file, by folder, by entry point, by path.

One file holds one component, and its name is the file's. The project's own plug-in folders, a user's
`./my_method.py` or plug-in folder and a pip-installed package all come in through the same code. Nothing is
imported before it is asked for, and a component that fails to import is listed as broken; it never stops the
others.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from lordbench.config.component import CONTRACTS, Component, Kind, from_file, identify
from lordbench.data.dataset import Dataset
from lordbench.utils.errors import BrokenComponentError, UserError, did_you_mean
from lordbench.utils.files import PACKAGE, plugin_folder
from lordbench.utils.settings import validated

VARIABLE = "LORDBENCH_PLUGINS"
SUBFOLDERS = ("methods", "datasets", "metrics", "experiments")
"""What a plug-in folder holds: files lie in the one of their kind, so that none is imported to be listed."""


def places() -> tuple[Path, ...]:
    """The folders and files in use, absolute and in order.

    Raises:
        UserError: one of them is not there, or a folder has no sub-folder of any kind.
    """
    named = [part for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    return tuple(_checked(Path(part)) for part in named)


@contextlib.contextmanager
def use_plugins(paths: Iterable[Path | str]) -> Iterator[None]:
    """Use the plug-ins in further folders and files for the block, here and in processes begun in it.

    Raises:
        UserError: as `places` does.
    """
    before = os.environ.get(VARIABLE)
    more = [str(_checked(Path(path))) for path in paths]
    os.environ[VARIABLE] = os.pathsep.join([*([before] if before else []), *more])
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def refuse_untrusted(name: str, where: str, way: str) -> None:
    """Refuse code that a file names by its path, unless the user names it among the plug-ins in use.

    A file of somebody else's, such as the `cell.json` of a run folder, could so name any code.

    Args:
        name: of a component, or its path.
        where: it is named.
        way: how to name it: becomes the error's hint.

    Raises:
        UserError: it is a path, and neither it nor a folder around it is in use.
    """
    if not name.endswith(".py"):
        return
    path = Path(name).expanduser().resolve()
    if not any(place in (path, *path.parents) for place in places()):
        raise UserError(f"{where}: it names the code in {path}, which runs only where you name it, too", way)


def _checked(path: Path) -> Path:
    path = path.expanduser().resolve()
    if path.is_file() and path.suffix == ".py":
        return path
    if not path.is_dir():
        raise UserError(
            f"{path}: there is no such plug-in folder or .py file", f"See --plugins and ${VARIABLE}."
        )
    if not any((path / name).is_dir() for name in SUBFOLDERS):
        raise UserError(
            f"{path}: no plug-ins are found here",
            f"Put each file into a sub-folder by its kind: {', '.join(f'{name}/' for name in SUBFOLDERS)}.",
        )
    return path


FOLDERS: dict[Kind, str] = {"methods": "baselines", "metrics": "metrics"}
"""Plug-in folders; the other kinds live in a package of their own, e.g. `lordbench.datasets`."""


def available(kind: Kind) -> dict[str, Component]:
    """All components of a kind that have a name, in alphabetical order.

    Raises:
        UserError: a user's plug-in has the name of another component, or is not there.
    """
    return _available(kind, places())


def load_all(kind: Kind) -> dict[str, type[Any]]:
    """Load all components of a kind that can be; `broken` says what is wrong with the rest."""
    found = {}
    for name, component in available(kind).items():
        with contextlib.suppress(BrokenComponentError):
            found[name] = component.load()
    return found


def broken(kind: Kind) -> dict[str, BrokenComponentError]:
    """What is wrong with each component of a kind that cannot be loaded."""
    found = {}
    for name, component in available(kind).items():
        try:
            component.load()
        except BrokenComponentError as error:
            found[name] = error
    return found


def find(kind: Kind, name: str) -> Component:
    """Look a component up by name, or by path where `name` ends in `.py`.

    Raises:
        UserError: there is none; names the closest ones.
    """
    if name.endswith(".py"):
        return from_file(kind, _existing(name, kind[:-1]))
    components = available(kind)
    if name not in components:
        raise UserError(
            f"unknown {kind[:-1]} {name!r}{_suggestion(name, components)}",
            f"{_in_this_folder(kind, name)}There are: {', '.join(components)}. See `lordbench list {kind}`.",
        )
    return components[name]


def locate(name: str) -> Component:
    """Look up a component of any kind, by name or by path.

    Raises:
        UserError: there is none, or components of several kinds have the name.
        BrokenComponentError: the file cannot be imported, or does not say of which kind it is.
    """
    if name.endswith(".py"):
        return identify(_existing(name, "plug-in"))
    found = [components[name] for kind in CONTRACTS if name in (components := available(kind))]
    if len(found) == 1:
        return found[0]
    if found:
        kinds = " and a ".join(component.kind[:-1] for component in found)
        raise UserError(f"{name!r} is a {kinds}", f"Give its file: {' or '.join(c.where for c in found)}.")
    names = [other for kind in CONTRACTS for other in available(kind)]
    raise UserError(
        f"there is no method, data set, metric or experiment {name!r}{_suggestion(name, names)}",
        "Give a name as `lordbench list` shows it, or the path of a .py file.",
    )


def source_hash(files: list[Path]) -> str:
    """Hash source files to 16 hex digits, whatever their line endings and their folder."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()[:16]


@cache
def _available(kind: Kind, named: tuple[Path, ...]) -> dict[str, Component]:
    found = {component.name: component for component in _shipped_and_installed(kind)}
    for component in _in_places(kind, named):
        other = found.setdefault(component.name, component)
        if other != component:
            raise UserError(
                f"two {kind} are called {component.name!r}: {other.where} and {component.where}",
                "Rename the file: its name is the plug-in's.",
            )
    return dict(sorted(found.items()))


def _shipped_and_installed(kind: Kind) -> Iterator[Component]:
    if kind in FOLDERS:
        for path in sorted(plugin_folder(FOLDERS[kind]).glob("[!_]*.py")):
            yield from_file(kind, path)
    else:
        for path in sorted((PACKAGE / kind).glob("[!_]*.py")):
            yield Component(kind, path.stem.replace("_", "-"), f"lordbench.{kind}.{path.stem}")
    for entry in entry_points(group=f"lordbench.{kind}"):
        yield Component(kind, entry.name, entry.module, attribute=entry.attr)


def _in_places(kind: Kind, named: tuple[Path, ...]) -> Iterator[Component]:
    for place in named:
        if place.is_dir():
            for path in sorted((place / kind).glob("[!_]*.py")):
                yield from_file(kind, path)
        elif (component := identify(place)).kind == kind:
            yield component


def _existing(name: str, what: str) -> Path:
    path = Path(name).expanduser().resolve()
    if not path.is_file():
        near = did_you_mean(path.name, [other.name for other in path.parent.glob("*.py")], before=", ")
        raise UserError(f"{name}: there is no such file{near}", f"It should hold a {what}.")
    return path


def _in_this_folder(kind: Kind, name: str) -> str:
    """What an unknown name stands for if a file or folder here was meant; empty where there is none."""
    if Path(f"{name}.py").is_file():
        return f"For the file {name}.py say ./{name}.py. "
    if kind == "datasets" and Path(name).is_dir():
        return f"For the images in the folder {name} say folder:{name}. "
    return ""


def _suggestion(name: str, names: list[str] | dict[str, Component]) -> str:
    return did_you_mean(name, names, most=3, cutoff=0.5)


def load_dataset(name: str, settings: dict[str, Any]) -> Dataset:
    """Make a data set from its name (with its source behind a colon) and its settings.

    Raises:
        UserError: the name is unknown, its source is missing, or a setting is wrong.
    """
    kind_name, colon, source = name.partition(":")
    kind: type[Dataset] = find("datasets", kind_name).load()
    if kind.takes_source and not source:
        raise UserError(f"data set {kind_name!r} needs a place", f"Write {kind_name}:PATH.")
    if colon and not kind.takes_source:
        raise UserError(f"data set {kind_name!r} takes no place, but {source!r} was given")
    return kind(validated(kind.Config, settings, f"data set {kind_name}"), source)
