"""Which settings are tried next: the start, then random ones, then those that Optuna's sampler proposes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from lordbench.search.criterion import COLLAPSED_SCORE
from lordbench.search.trials import SHARES, Trial
from lordbench.training import Choice, Range
from lordbench.utils import seeds

Ranges = Mapping[str, Range | Choice]

optuna.logging.set_verbosity(optuna.logging.WARNING)


def distributions(ranges: Ranges) -> dict[str, BaseDistribution]:
    """Return Optuna's form of ranges."""
    return {name: _distribution(declared) for name, declared in ranges.items()}


def random_settings(ranges: Ranges, seed: int, number: int) -> dict[str, Any]:
    """Draw settings at random: each by its name, its range, the seed and the number of the trial only.

    So methods that share a setting are tried with the same values of it.
    """
    return {
        name: declared.at(float(seeds.numpy_generator(seed, "search", name, number).random()))
        for name, declared in ranges.items()
    }


def proposals(ranges: Ranges, trials: Iterable[Trial], count: int, seed: int) -> list[dict[str, Any]]:
    """Propose settings from finished trials, by a tree-structured Parzen estimator (Bergstra et al. 2011).

    It models all settings jointly, and takes proposals of the same call as bad, so that they differ. The
    result depends on the arguments only.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(
            seed=seed % 2**32, n_startup_trials=1, multivariate=True, constant_liar=True
        )
        study = optuna.create_study(sampler=sampler, direction="maximize")
        study.add_trials([frozen(trial, ranges) for trial in trials])
        asked = [study.ask(distributions(ranges)).params for _ in range(count)]
    return [{name: ranges[name].rounded(value) for name, value in params.items()} for params in asked]


def frozen(trial: Trial, ranges: Ranges) -> FrozenTrial:
    """Return Optuna's form of a finished trial, with the trial itself among its user attributes.

    One that was not trained with the whole budget is pruned: the sampler ranks it below complete trials, by
    the budget and the score that it reached.
    """
    return create_trial(
        state=TrialState.COMPLETE if trial.complete else TrialState.PRUNED,
        value=trial.scores[-1] if trial.complete else None,
        params=trial.settings,
        distributions=distributions(ranges),
        intermediate_values=dict(enumerate(trial.scores)),
        user_attrs={"trial": trial.model_dump(mode="json")},
    )


def importances(ranges: Ranges, trials: Sequence[Trial], seed: int) -> dict[str, float]:
    """Return each setting's share of the variance of scores at the least budget, which all trials have.

    By functional ANOVA of a random forest (Hutter et al. 2014); empty if the scores are too few or equal.
    """
    # Whatever came of it later: with the least budget it neither collapsed nor diverged.
    compared = [trial for trial in trials if trial.scores and trial.scores[0] > COLLAPSED_SCORE / 2]
    if len(compared) <= len(ranges) or len({trial.scores[0] for trial in compared}) < 2:
        return {}
    study = optuna.create_study(direction="maximize")
    for trial in compared:
        at_least_budget = trial.model_copy(update={"scores": trial.scores[:1] * len(SHARES)})
        study.add_trial(frozen(at_least_budget, ranges))
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed % 2**32)
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))


def _distribution(declared: Range | Choice) -> BaseDistribution:
    if isinstance(declared, Choice):
        return CategoricalDistribution(declared.values)
    kind = IntDistribution if declared.whole else FloatDistribution
    return kind(declared.low, declared.high, log=declared.log)  # type: ignore[arg-type]
