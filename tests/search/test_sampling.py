"""Ranges, random settings, proposals, halving, criteria: what a search decides, without training."""

from itertools import pairwise

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from lordbench.config import registry
from lordbench.config.presets import load_preset
from lordbench.evaluation.measurement import Measurement
from lordbench.search.criterion import COLLAPSED_SCORE, CRITERIA, STEP, by_name, parse_criterion
from lordbench.search.method import scaled
from lordbench.search.outcome import Outcome
from lordbench.search.sampling import distributions, frozen, importances, proposals, random_settings
from lordbench.search.trials import Trial, best, survivors
from lordbench.training import Choice, Range, ranges_of
from lordbench.utils.errors import UserError

METHODS = ["adagvae", "cyclevae", "drnet", "gvae", "lord", "mathieu", "mlvae", "overlord"]
RANGES = {"rate": Range(1e-4, 1e-2, log=True), "size": Range(4, 128, log=True), "kind": Choice(("a", "b"))}


def trial(number: int, *scores: float, **fields: object) -> Trial:
    settings = random_settings(RANGES, 0, number)
    source = "random" if number else "start"
    return Trial(number=number, source=source, settings=settings, scores=scores).with_result(**fields)


def test_a_range_spans_its_scale() -> None:
    assert [RANGES["rate"].at(share) for share in (0.0, 0.5, 1.0)] == [1e-4, 1e-3, 1e-2]
    assert [RANGES["size"].at(share) for share in (0.0, 0.4, 1.0)] == [4, 16, 128]
    assert Range(0, 1.0).at(0.12345) == 0.123
    assert [RANGES["kind"].at(share) for share in (0.0, 0.49, 0.5, 0.999)] == ["a", "a", "b", "b"]
    inside = [value in RANGES["size"] for value in (3, 4, 4.5, 128, 129, "4")]
    assert inside == [False, True, False, True, False, False]


@pytest.mark.parametrize("ends", [(2, 1, False), (0.0, 1.0, True), (1, float("inf"), False)])
def test_an_impossible_range_is_refused(ends: tuple[float, float, bool]) -> None:
    with pytest.raises(ValueError, match="Range"):
        Range(*ends)
    with pytest.raises(ValueError, match="two different"):
        Choice(("a", "a"))


@pytest.mark.parametrize("name", METHODS)
def test_all_methods_have_ranges_that_hold_defaults_and_presets(name: str) -> None:
    config = registry.find("methods", name).load().Config
    ranges = ranges_of(config)
    assert 3 <= len(ranges.keys() - config().without_effect()) <= 6
    for preset in ("smoke", "quick", "paper"):
        values = config(**load_preset(preset, {}).settings(name, config))
        assert all(getattr(values, key) in own for key, own in ranges.items()), preset
    for key, own in ranges.items():
        assert getattr(config(), key) in own
        for end in own.ends:
            config(**{key: end})


def test_settings_that_methods_share_have_one_range() -> None:
    seen: dict[str, set[object]] = {}
    for name in METHODS:
        for key, own in ranges_of(registry.find("methods", name).load().Config).items():
            seen.setdefault(key, set()).add(own)
    assert {key: own for key, own in seen.items() if len(own) > 1} == {}
    assert "learning_rate" in seen


def test_random_settings_are_shared_and_differ_by_number() -> None:
    one, other = {"rate": RANGES["rate"], "size": RANGES["size"]}, {"rate": RANGES["rate"]}
    assert random_settings(one, 0, 3)["rate"] == random_settings(other, 0, 3)["rate"]
    drawn = [random_settings(RANGES, 0, number)["rate"] for number in range(200)]
    assert len(set(drawn)) > 150
    # Half of a logarithmic range lies below its geometric middle.
    assert 80 <= sum(value < 1e-3 for value in drawn) <= 120


def test_proposals_repeat_and_approach_the_optimum() -> None:
    def score(settings: dict[str, float]) -> float:
        return -abs(settings["size"] - 100)

    trials = [trial(i) for i in range(12)]
    trials = [each.with_result(scores=(score(each.settings),) * 3) for each in trials]
    first = proposals(RANGES, trials, 4, seed=1)
    assert first == proposals(RANGES, trials, 4, seed=1)
    assert first != proposals(RANGES, trials, 4, seed=2)
    assert all(value in RANGES[key] for settings in first for key, value in settings.items())
    means = [sum(map(score, many)) / len(many) for many in (proposals(RANGES, trials, 20, 1), [
        each.settings for each in trials
    ])]  # fmt: skip
    assert means[0] > means[1]


def test_proposals_follow_the_scores() -> None:
    """If small sizes are good, smaller ones are proposed than if large ones are."""
    means = []
    for sign in (-1, 1):
        trials = [
            each.with_result(scores=(sign * each.settings["size"],) * 3) for each in map(trial, range(12))
        ]
        means.append(sum(settings["size"] for settings in proposals(RANGES, trials, 20, seed=1)) / 20)
    assert means[1] > 2 * means[0]


def test_the_sampler_knows_the_scale_of_each_setting() -> None:
    known = distributions(RANGES | {"share": Range(0.0, 1.0)})
    assert known == {
        "rate": FloatDistribution(1e-4, 1e-2, log=True),
        "size": IntDistribution(4, 128, log=True),
        "kind": CategoricalDistribution(("a", "b")),
        "share": FloatDistribution(0.0, 1.0),
    }


def test_the_sampler_is_told_of_the_largest_budget_and_ranks_unfinished_trials_below() -> None:
    complete, pruned = (frozen(trial(1, *scores), RANGES) for scores in ((0.9, 0.5, 0.1), (0.9, 0.5)))
    assert (complete.state.name, complete.value) == ("COMPLETE", 0.1)
    assert (pruned.state.name, pruned.value) == ("PRUNED", None)
    assert pruned.intermediate_values == {0: 0.9, 1: 0.5}


def test_importance_finds_the_setting_that_matters() -> None:
    trials = [each.with_result(scores=(float(each.settings["size"]),)) for each in map(trial, range(40))]
    shares = importances(RANGES, trials, 0)
    assert shares["size"] > 0.8
    assert sum(shares.values()) == pytest.approx(1)
    assert importances(RANGES, trials[:3], 0) == {}
    # What counts is the least budget: one that collapsed there and recovered is left out, another is not.
    recovered = trials[0].with_result(scores=(-1e6, 0.1, 0.2))
    collapsed = trials[1].with_result(scores=(*trials[1].scores, -1e6), collapsed=True)
    assert importances(RANGES, [recovered, collapsed, *trials[2:]], 0) == importances(RANGES, trials[1:], 0)


def test_the_best_third_and_the_start_go_on() -> None:
    trials = [trial(i, score) for i, score in enumerate([0.0, 0.9, 0.1, 0.8, 0.2, 0.3])]
    assert survivors(trials, 0) == {0, 1, 3}
    # Earlier rounds count: of a worse round none goes on, and one that is good enough does.
    assert survivors([*trials, trial(6, 0.15), trial(7, 0.05)], 0) & {6, 7} == set()
    assert survivors([*trials, trial(6, 0.5), trial(7, 0.6)], 0) & {6, 7} == {7}
    diverged = [trial(0, -2e6, error="NaN"), trial(1, -2e6, error="NaN"), trial(2, 0.1)]
    assert survivors(diverged, 0) == {2}


def test_a_part_of_a_budget_is_a_share_of_both_its_bounds() -> None:
    preset = load_preset("quick", {"budget.images": 900, "budget.epochs": 18})
    for share, images, epochs in ((1, 900, 18), (1 / 3, 300, 6), (1 / 9, 100, 2)):
        budget = scaled(preset, share).budget
        assert (budget.images, budget.epochs) == (images, pytest.approx(epochs))
    assert scaled(load_preset("quick", {"budget.images": 2}), 1 / 9).budget.images == 1
    in_epochs = scaled(load_preset("quick", {"budget.epochs": 3}), 1 / 3).budget
    assert (in_epochs.images, in_epochs.epochs) == (None, pytest.approx(1))


def test_trials_are_compared_at_the_budget_that_all_of_them_had() -> None:
    """Of those that went on, the scores at larger budgets say nothing of who should follow."""
    assert survivors([trial(1, 0.9, 0.1), trial(2, 0.5), trial(3, 0.4)], 0) == {1}
    assert survivors([trial(1, 0.9, 0.1, 0.0), trial(2, 0.5, 0.05, 0.9), trial(3, 0.4)], 1) == {1}


def test_the_best_is_so_after_the_whole_training() -> None:
    slow = trial(2, 0.1, 0.5, 0.9)
    assert best([trial(1, 0.9, 0.5, 0.1), slow, trial(3, 0.5, 0.95, 0.5)]) == slow


def test_the_best_is_complete() -> None:
    assert best([trial(0, 0.1, 0.2, 0.3), trial(1, 0.9, 0.9), trial(2, 0.0, 0.1, 0.3)]) == trial(
        *(0, 0.1, 0.2, 0.3)
    )
    assert best([trial(0, 0.5)]) is None


def measured(both: float, l1: float, collapsed: float = 0.0, n: int = 500) -> dict[str, Measurement]:
    kinds = {"experiment": "content-transfer", "subject": "transfer", "codes": "encoded", "n": n}
    collapse = {"experiment": "reconstruction", "subject": "reconstruction", "codes": "encoded", "n": n}
    return by_name([
        Measurement(**kinds, metric="both_agreement", value=both, higher_is_better=True),
        Measurement(**kinds, metric="l1", value=l1, higher_is_better=False),
        Measurement(**collapse, metric="collapsed", value=collapsed, higher_is_better=False),
    ])  # fmt: skip


def test_right_in_both_comes_first_then_l1_and_collapse_last() -> None:
    score = CRITERIA["both"].score
    in_order = [(0.0, 0.9, 1.0), (1.0, 0.0, 1.0), (0.5, 1.0, 0.0), (0.506, 0.2, 0.0), (0.5, 0.0, 0.0)]
    in_order += [(0.52, 1.0, 0.0), (0.98, 0.3, 0.0), (1.0, 0.9, 0.0)]
    scores = [score(measured(*values)) for values in in_order]
    assert scores == sorted(set(scores))
    assert scores[1] < COLLAPSED_SCORE / 2 < scores[2]


def test_every_step_of_right_in_both_counts_more_than_l1() -> None:
    steps = [round(STEP * i, 2) for i in range(int(1 / STEP) + 1)]
    score = CRITERIA["both"].score
    for less, more in pairwise(steps):
        assert score(measured(less, 0.0)) < score(measured(more, 1.0)), more


def test_other_criteria_choose_no_collapsed_training_either() -> None:
    l1 = "content-transfer/encoded/transfer/l1"
    trials = [
        trial(number, 0.5, 0.5, 0.5, values={l1: value}, collapsed=collapsed)
        for number, (value, collapsed) in enumerate([(0.3, False), (0.1, True), (0.2, False)])
    ]
    outcome = Outcome(CRITERIA["both"], {}, {"lord": trials}, measured(0.0, 0.4), "squares")
    assert outcome.chosen("lord", CRITERIA["l1"]) == trials[2]


def test_a_criterion_by_name_or_quantity() -> None:
    l1 = parse_criterion("content-transfer/encoded/transfer/l1")
    assert l1.score(measured(0, 0.1)) > l1.score(measured(1, 0.2))
    assert l1.experiments == ["content-transfer", "reconstruction"]
    with pytest.raises(UserError, match="did you mean lpips"):
        parse_criterion("lpip")
    with pytest.raises(UserError, match=r"no value of leakage/.*it is not measured"):
        CRITERIA["leak"].require(measured(0, 0), "squares")
