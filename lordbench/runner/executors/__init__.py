"""Executors: where the cells of a plan are run. One file each, `NAME.py`, with its `Config` and `make`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lordbench.utils.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from lordbench.runner.executors.base import Executor


NAMES = ("local", "ray", "slurm")


def make(name: str, settings: Mapping[str, Any]) -> Executor:
    """Make an executor; nothing is started before it runs a plan.

    Args:
        name: one of `NAMES`.
        settings: of its `Config`.

    Raises:
        UserError: there is no such executor, a setting is wrong, or a package that it needs is not installed.
    """
    if name not in NAMES:
        raise UserError(
            f"unknown executor {name!r}{did_you_mean(name, NAMES)}", f"There are: {', '.join(NAMES)}."
        )
    from lordbench.utils.settings import validated

    module = importlib.import_module(f"{__name__}.{name}")
    made: Executor = module.make(validated(module.Config, dict(settings), f"executor {name}"))
    return made
