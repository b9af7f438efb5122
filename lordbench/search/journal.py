"""The journal of a search: the finished trials of each method, in a file of JSON lines that only grows.

It is Optuna's journal storage, so `optuna` and its dashboard can read it. A trial is written when it is
finished. What a killed search had not finished is proposed again: proposals depend on finished trials only,
and the trainings lie in the run folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from pydantic import ValidationError

from lordbench.search.sampling import Ranges, frozen
from lordbench.search.trials import Trial
from lordbench.utils.errors import UserError

SETUP = "setup"
"""User attribute of a study: all that its trials depend on."""


class Journal:
    """The journal file of a run folder whose lock is held.

    Raises:
        UserError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        _drop_unfinished_line(path)
        try:
            self.storage = JournalStorage(JournalFileBackend(str(path), _RunFolderLock(str(path))))
            self.studies = {study.study_name: study for study in self._load()}
        except Exception as error:
            # Optuna raises nearly any exception for a malformed line.
            raise self._damaged(str(error) or type(error).__name__) from None

    def _load(self) -> list[optuna.Study]:
        names = optuna.get_all_study_names(self.storage)
        return [optuna.load_study(study_name=name, storage=self.storage) for name in names]

    def begin(self, method: str, setup: dict[str, Any]) -> None:
        """Begin the search of a method, or resume it.

        Raises:
            UserError: the journal has another search of it, such as one of another protocol.
        """
        study = self.studies.get(method)
        if study is None:
            study = optuna.create_study(study_name=method, storage=self.storage, direction="maximize")
            self.studies[method] = study
        known = study.user_attrs.get(SETUP)
        # A search that has not finished a try may still begin otherwise.
        if known is None or not study.get_trials(deepcopy=False):
            study.set_user_attr(SETUP, setup)
        elif known != setup:
            differing = [name for name in {**setup, **known} if known.get(name) != setup.get(name)]
            values = "; ".join(_change(name, known.get(name), setup.get(name)) for name in differing)
            raise UserError(
                f"{self.path}: the search of {method} was begun with other {', '.join(differing)} ({values})",
                "Continue it as it was begun, or choose another folder with --out.",
            )

    def trials(self, method: str) -> list[Trial]:
        """The finished trials of a method that has begun, in the order of their numbers.

        Raises:
            UserError: one of them is damaged.
        """
        try:
            stored = [trial.user_attrs["trial"] for trial in self.studies[method].get_trials(deepcopy=False)]
            trials = [Trial.model_validate(values) for values in stored]
        except (KeyError, ValidationError) as error:
            raise self._damaged(str(error).splitlines()[0]) from None
        if [trial.number for trial in trials] != list(range(len(trials))):
            raise self._damaged(f"trials of {method} are missing")
        return trials

    def add(self, method: str, trials: Sequence[Trial], ranges: Ranges) -> None:
        """Write finished trials of a method, in the order of their numbers."""
        for trial in trials:
            self.studies[method].add_trial(frozen(trial, ranges))

    def _damaged(self, reason: str) -> UserError:
        return UserError(
            f"{self.path}: not a readable journal: {reason}",
            "Move it aside: the search begins anew, and trainings in the folder are not repeated.",
        )


def _change(name: str, before: Any, now: Any) -> str:
    """What has changed; of settings by name only those that have."""
    if isinstance(before, dict) and isinstance(now, dict):
        before, now = (
            {key: value for key, value in own.items() if value != other.get(key)}
            for own, other in ((before, now), (now, before))
        )
    return f"{name} {before}, now {now}"


class _RunFolderLock(JournalFileOpenLock):
    """No lock: whoever writes holds the lock of the run folder, which ends with its process.

    Optuna's own locks outlive a killed process.
    """

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        return None


def _drop_unfinished_line(path: Path) -> None:
    """Remove what follows the last line break: a line that a killed process did not finish."""
    if path.exists():
        with path.open("r+b") as file:
            content = file.read()
            file.truncate(content.rfind(b"\n") + 1)
