"""Executors, which run the cells of a plan; each module has a `Config`, from which its `make` makes one."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lordbench.utils.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from lordbench.runner.executors.base import Executor

NAMES = ("local", "ray", "slurm")


def make(name: str, settings: Mapping[str, Any]) -> Executor:
    """Make the executor `name`, one of `NAMES`, from the settings of its `Config`; nothing is started yet.

    Raises:
        UserError: the name is unknown, a setting is wrong, or a package is not installed.
    """
    if name not in NAMES:
        raise UserError(
            f"unknown executor {name!r}{did_you_mean(name, NAMES)}", f"There are: {', '.join(NAMES)}."
        )
    from lordbench.utils.settings import validated

    module = importlib.import_module(f"{__name__}.{name}")
    for other in NAMES:
        for setting in settings.keys() - module.Config.model_fields.keys():
            if setting in importlib.import_module(f"{__name__}.{other}").Config.model_fields:
                raise UserError(
                    f"{setting} is a setting of --executor {other}, not of {name}",
                    f"Leave it out, or run with --executor {other}.",
                )
    executor: Executor = module.make(validated(module.Config, dict(settings), f"executor {name}"))
    return executor
