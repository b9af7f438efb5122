"""Where a user's plug-ins are: folders and files named by `--plugins` or `$LORDBENCH_PLUGINS`.

The environment variable is the one place that says so: worker processes inherit it, so cells stay plain data.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from lordbench.errors import UserError

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
def using(paths: Iterable[Path | str]) -> Iterator[None]:
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


def refuse_unnamed(name: str, where: str, way: str) -> None:
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
