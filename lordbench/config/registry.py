"""Registry of methods, data sets, metrics and experiments.

One file holds one component, named after the file. Components come from lordbench's own folders, from a
user's .py file or plug-in folder, and from installed packages by their entry points. A component is imported
only when it is loaded; one that fails to import is listed as broken and does not affect the others.
"""

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from glob import escape
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple

from lordbench.config.component import CONTRACTS, Component, Kind, from_file, identify
from lordbench.data.dataset import Dataset
from lordbench.data.images import ImageSet
from lordbench.utils.errors import BrokenComponentError, UserError, described, did_you_mean, line_of
from lordbench.utils.files import PACKAGE, Stamp, plugin_folder, stamps
from lordbench.utils.names import restored
from lordbench.utils.progress import Track, untracked
from lordbench.utils.settings import validated

VARIABLE = "LORDBENCH_PLUGINS"
Plugins = Path | str | Iterable[Path | str]
"""Folders and files of plug-ins, or one of them."""
FOLDERS: dict[Kind, str] = {"methods": "baselines", "metrics": "metrics"}
"""lordbench's own plug-in folders; the other kinds have a package, e.g. `lordbench.datasets`."""


class PluginFile(NamedTuple):
    """A file of a plug-in; one in a plug-in folder is in the sub-folder of its kind.

    It has a stamp since a notebook adds and mends files between two runs.
    """

    path: Path
    stamp: Stamp
    in_folder: bool


def available(kind: Kind) -> dict[str, Component]:
    """Return all components of a kind, by name in alphabetical order; UserError if two have the same name."""
    return _available(kind, tuple(_plugin_files(kind, plugins_in_use())))


def load_all(kind: Kind) -> dict[str, type[Any]]:
    """Load all components of a kind that are not broken."""
    classes = {}
    for name, component in available(kind).items():
        with contextlib.suppress(BrokenComponentError):
            classes[name] = component.load()
    return classes


def broken(kind: Kind) -> dict[str, BrokenComponentError]:
    """Return the error of each component of a kind that cannot be loaded."""
    errors = {}
    for name, component in available(kind).items():
        try:
            component.load()
        except BrokenComponentError as error:
            errors[name] = error
    return errors


def find(kind: Kind, name: str) -> Component:
    """Find a component by name, or by path where `name` ends in `.py`; UserError if there is none."""
    if name.endswith(".py"):
        return from_file(kind, _existing(name, kind[:-1]))
    components = available(kind)
    if name not in components:
        raise UserError(
            f"unknown {kind[:-1]} {name!r}{did_you_mean(name, components, most=3, cutoff=0.5)}",
            f"{_local_hint(kind, name)}There are: {', '.join(components)}. See `lordbench list {kind}`.",
        )
    return components[name]


def distinct_components(kind: Kind, names: Iterable[str]) -> dict[str, Component]:
    """Find components; UserError if two have one name, by which tables and folders know them."""
    known, components = available(kind), {text: find(kind, text) for text in names}
    by_name: dict[str, Component] = {}
    for text, component in components.items():
        taken = known.get(component.name, component) != component
        if taken or by_name.setdefault(component.name, component) != component:
            message = f"{kind.removesuffix('s')} {text}: the name {component.name!r} already exists"
            raise UserError(message, "Rename the file: its name is the plug-in's.")
    return components


def locate(name: str) -> Component:
    """Find a component of any kind, by name or by path.

    UserError: there is none, or one of each of several kinds. BrokenComponentError: as from `identify`.
    """
    if name.endswith(".py"):
        return identify(_existing(name, "plug-in"))
    matches = [components[name] for kind in CONTRACTS if name in (components := available(kind))]
    if len(matches) == 1:
        return matches[0]
    if matches:
        kinds = " and a ".join(component.kind[:-1] for component in matches)
        raise UserError(
            f"{name!r} is a {kinds}", f"Give its file: {' or '.join(match.where for match in matches)}."
        )
    names = [known for kind in CONTRACTS for known in available(kind)]
    near = did_you_mean(name, names, most=3, cutoff=0.5)
    raise UserError(
        f"no method, data set, metric or experiment is called {name!r}{near}",
        "Give a name from `lordbench list`, or the path of a .py file.",
    )


def make_dataset(name: str, settings: dict[str, Any]) -> Dataset:
    """Make a data set from its name, with its source after a colon, and its settings; or raise UserError."""
    kind_name, colon, source = name.partition(":")
    kind: type[Dataset] = find("datasets", kind_name).load()
    if kind.takes_source and not source:
        raise UserError(f"data set {kind_name!r} needs a path", f"Write {kind_name}:PATH.")
    if colon and not kind.takes_source:
        raise UserError(f"data set {kind_name!r} takes no path, but {source!r} was given")
    return kind(validated(kind.Config, settings, f"data set {kind_name}"), restored(source))


def load_images(dataset: Dataset, size: int, track: Track[int] = untracked) -> ImageSet:
    """Load the images of a data set, (N, C, size, size).

    Raises:
        UserError: as from `Dataset.load`, or a plug-in's `load` has an error, or gives no ImageSet.
    """
    module = type(dataset).__module__
    if module.startswith("lordbench."):
        return dataset.load(size, track)
    path = Path(getattr(sys.modules[module], "__file__", None) or module)
    try:
        images: Any = dataset.load(size, track)
    except UserError:
        raise
    except Exception as error:
        message = f"the data set in {path} cannot be loaded: {described(error)}"
        where = f"{line}. " if (line := line_of(error, path)) else ""
        raise UserError(message, f"{where}Try it: lordbench check {path}") from error
    if not isinstance(images, ImageSet):
        message = f"the data set in {path}: `load` gives {type(images).__name__}, not an ImageSet"
        raise UserError(message, f"Try it: lordbench check {path}")
    if images.size != size:
        message = f"the data set in {path}: `load` gives images of {images.size} px, not of {size}"
        raise UserError(message, f"Resize them in `load`. Try it: lordbench check {path}")
    return images


def source_hash(files: list[Path]) -> str:
    """Hash source files to 16 hex digits, independent of their line endings and folders."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()[:16]


def plugins_in_use() -> tuple[Path, ...]:
    """Return the user's plug-in folders and files, absolute and in order; UserError if one holds none."""
    paths = [part for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    return tuple(_checked(Path(part)) for part in paths)


@contextlib.contextmanager
def use_plugins(paths: Plugins) -> Iterator[None]:
    """Add plug-in folders and files within the block, for this process and the ones it starts."""
    paths = [paths] if isinstance(paths, Path | str) else paths
    before = os.environ.get(VARIABLE)
    more = [str(_checked(Path(path))) for path in paths]
    os.environ[VARIABLE] = os.pathsep.join([*filter(None, [before]), *more])
    try:
        yield
    finally:
        del os.environ[VARIABLE]
        if before is not None:
            os.environ[VARIABLE] = before


def refuse_untrusted(name: str, where: str, hint: str) -> None:
    """Refuse a component that a file names by path, unless the user has it among the plug-ins in use.

    Somebody else's file, such as the `cell.json` of a run folder, could name any code. The message names that
    file as `where`, and ends with how to trust the code. UserError: `name` is a path, and neither it nor a
    folder around it is in use.
    """
    if not name.endswith(".py"):
        return
    path = Path(name).expanduser().resolve()
    if not any(trusted in (path, *path.parents) for trusted in plugins_in_use()):
        raise UserError(f"{where}: it names the code in {path}, which runs only where you name it, too", hint)


@cache
def _available(kind: Kind, files: tuple[PluginFile, ...]) -> dict[str, Component]:
    components: dict[str, Component] = {}
    for component in [*_shipped_and_installed(kind), *_in_plugins(kind, files)]:
        existing = components.setdefault(component.name, component)
        if existing != component:
            raise UserError(
                f"two {kind} are called {component.name!r}: {existing.where} and {component.where}",
                "Rename the file, after which a plug-in is named, or the entry point of the package.",
            )
    return dict(sorted(components.items()))


def _shipped_and_installed(kind: Kind) -> Iterator[Component]:
    if kind in FOLDERS:
        for path in sorted(plugin_folder(FOLDERS[kind]).glob("[!_]*.py")):
            yield from_file(kind, path)
    else:
        for path in sorted((PACKAGE / kind).glob("[!_]*.py")):
            yield Component(kind, path.stem.replace("_", "-"), f"lordbench.{kind}.{path.stem}")
    for entry in entry_points(group=f"lordbench.{kind}"):
        yield Component(kind, entry.name, entry.module, attribute=entry.attr)


def _plugin_files(kind: Kind, plugins: Iterable[Path]) -> Iterator[PluginFile]:
    """The files of plug-ins that may hold a component of a kind, as they are now."""
    for plugin in plugins:
        in_folder = plugin.is_dir()
        found = stamps(plugin / kind, "[!_]*.py") if in_folder else stamps(plugin.parent, escape(plugin.name))
        yield from (PluginFile(path, stamp, in_folder) for path, stamp in found.items())


def _in_plugins(kind: Kind, files: Iterable[PluginFile]) -> Iterator[Component]:
    for path, _, in_folder in files:
        component = from_file(kind, path)
        if not in_folder:
            # A file whose kind is unknown, since it is broken, is in the listings of all kinds.
            with contextlib.suppress(BrokenComponentError):
                component = identify(path)
        if component.kind == kind:
            yield component


def _checked(path: Path) -> Path:
    path = path.expanduser().resolve()
    if os.pathsep in str(path):
        message = f"{path}: {os.pathsep!r} in the path of a plug-in separates two paths in ${VARIABLE}"
        raise UserError(message, "Rename the folder, or move the plug-in.")
    if path.is_file() and path.suffix == ".py":
        return path
    if not path.is_dir():
        raise UserError(f"{path}: no such plug-in folder or .py file", f"See --plugins and ${VARIABLE}.")
    # The sub-folder gives the kind of a file: listings need not import it.
    if not any((path / kind).is_dir() for kind in CONTRACTS):
        hint = f"Put each file into a sub-folder by its kind: {', '.join(f'{kind}/' for kind in CONTRACTS)}."
        raise UserError(f"{path}: no plug-ins found", hint)
    return path


def _existing(name: str, what: str) -> Path:
    path = Path(name).expanduser().resolve()
    if not path.is_file():
        near = did_you_mean(path.name, [file.name for file in path.parent.glob("*.py")], before=", ")
        raise UserError(f"{name}: no such file{near}", f"It should hold a {what}.")
    return path


def _local_hint(kind: Kind, name: str) -> str:
    """Hint for an unknown name that is also a file or folder here; empty where it is not."""
    if Path(f"{name}.py").is_file():
        return f"For the file {name}.py, write ./{name}.py. "
    if kind == "datasets" and Path(name).is_dir():
        return f"For the images in the folder {name}, write folder:{name}. "
    return ""
