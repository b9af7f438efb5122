"""Selectors, presets and overrides: parsed as written, and mistakes are named."""

import re
from pathlib import Path

import pytest

from lordbench.config.presets import BudgetConfig, load_grid, load_preset, presets
from lordbench.config.selectors import Selector, assignment, describe, parse, split_list
from lordbench.lord import LordConfig
from lordbench.training.method import MethodConfig
from lordbench.utils.errors import UserError
from lordbench.utils.settings import validated


def test_selectors() -> None:
    assert parse("lord") == Selector("lord")
    assert parse("lord[regularizer=kl, decay=1e-3]") == Selector("lord", {"regularizer": "kl", "decay": 1e-3})
    assert parse("folder:a/b[pattern={class}/{content}.png]").settings == {"pattern": "{class}/{content}.png"}
    assert split_list("lord[a=1,b=2], drnet,./m.py") == ["lord[a=1,b=2]", "drnet", "./m.py"]
    assert describe({"b": 2, "a": "x"}) == "a=x,b=2"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("k=1", 1),
        ("k=0.5", 0.5),
        ("k=1e4", 1e4),
        ("k=true", True),
        ("k=null", None),
        ("k=a b", "a b"),
        ("k=", None),
    ],
)
def test_values_are_parsed_as_written(text: str, value: object) -> None:
    assert assignment(text) == ("k", value)


@pytest.mark.parametrize("text", ["lord[", "lord]", "[a=1]", "lord[a]", "lord[=1]"])
def test_malformed_selectors_are_refused(text: str) -> None:
    with pytest.raises(UserError):
        parse(text)


@pytest.mark.parametrize("name", sorted(presets()))
def test_every_preset_gives_all_methods_valid_settings(name: str) -> None:
    from lordbench.config import registry

    preset = load_preset(load_grid(name).extends, {})
    for method, component in registry.available("methods").items():
        kind = component.load()
        validated(kind.Config, preset.settings(method, kind.Config), method)


def test_all_methods_share_budget_and_sizes() -> None:
    """A preset that gave one method a wider network or another loss would make the table unfair."""
    for name in presets():
        for settings in load_preset(load_grid(name).extends, {}).methods.values():
            assert not settings.keys() & {"width", "reconstruction", "slope"}


def test_overrides() -> None:
    preset = load_preset("quick", {"budget.epochs": 2, "methods.lord.noise": 0.5, "image_size": 64})
    assert preset.budget.budget(n_images=100).images == 200
    assert preset.settings("lord", LordConfig)["noise"] == 0.5
    assert preset.image_size == 64


def test_settings_of_a_method_override_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "summary: mine\nimage_size: 16\nbudget: {epochs: 1}\n"
        "defaults: {width: 8, decay: 0.1}\nmethods: {lord: {decay: 0.5}}\n"
    )
    preset = load_preset(str(path), {})
    assert preset.settings("lord", LordConfig) == {"width": 8, "decay": 0.5}
    assert preset.settings("another", LordConfig) == {"width": 8, "decay": 0.1}


def test_with_overrides_no_method_counts_as_searched() -> None:
    assert "lord" in load_preset("quick", {}).searched
    for overrides in ({"image_size": 32}, {"budget.images": 64}, {"methods.lord.noise": 0.5}):
        assert load_preset("quick", overrides).searched == {}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("image_size", 64),
        ("precision", "float32"),
        ("threads", 3),
        ("budget.images", 5),
        ("budget.batch_size", 7),
        ("budget.accumulate", 2),
        ("evaluation.pairs", 5),
        ("evaluation.grid", [2, 3]),
    ],
)
def test_sizes_are_all_that_trainings_and_experiments_depend_on(key: str, value: object) -> None:
    preset = load_preset("quick", {})
    assert load_preset("quick", {key: value}).sizes() != preset.sizes()
    about_methods = {"summary": "other", "defaults": {}, "methods": {}, "searched": {}}
    assert preset.model_copy(update=about_methods).sizes() == preset.sizes()


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"image_sise": 32}, "image_size"),
        ({"budget.image": 5}, "budget.image"),
        ({"image_size": "big"}, "image_size"),
        ({"image_size": 48}, "8, 16, 32, 64"),
        ({"budget.images": -1}, "budget.images"),
    ],
)
def test_wrong_overrides_are_named(overrides: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=re.escape(words)):
        load_preset("quick", overrides)


def test_unknown_preset_gets_a_suggestion() -> None:
    with pytest.raises(UserError, match="did you mean quick"):
        load_preset("quik", {})


def test_a_users_preset_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("summary: mine\nimage_size: 16\nbudget: {epochs: 1}\n")
    assert load_preset(str(path), {}).image_size == 16
    path.write_text("summary: [unclosed\n")
    with pytest.raises(UserError, match=r"mine\.yaml"):
        load_preset(str(path), {})


def test_unknown_settings_get_a_suggestion() -> None:
    with pytest.raises(UserError, match="did you mean noise"):
        validated(LordConfig, {"noize": 1}, "method lord")


def test_a_setting_without_a_default_is_named() -> None:
    class Config(MethodConfig):
        weight: float

    with pytest.raises(UserError, match="method mine: weight has neither a value nor a default"):
        validated(Config, {}, "method mine")


@pytest.mark.parametrize(
    ("bounds", "n_images", "seen"),
    [
        ({"images": 1000}, 10, 1000),
        ({"epochs": 2.5}, 10, 25),
        ({"images": 1000, "epochs": 20}, 49, 1000),
        ({"images": 1000, "epochs": 20}, 51, 1020),
    ],
)
def test_a_budget_is_the_larger_of_images_and_epochs(
    bounds: dict[str, int], n_images: int, seen: int
) -> None:
    assert BudgetConfig(**bounds).budget(n_images).images == seen  # type: ignore[arg-type]


def test_a_budget_has_a_bound() -> None:
    with pytest.raises(ValueError, match="images, epochs or both"):
        BudgetConfig()  # type: ignore[call-arg]


def test_a_bound_that_is_set_replaces_those_of_the_preset() -> None:
    assert load_preset("quick", {"budget.images": 64}).budget.budget(10**6).images == 64
    assert load_preset("quick", {"budget.epochs": 1}).budget.budget(100).images == 100
    both = load_preset("quick", {"budget.epochs": 1, "budget.images": 64})
    assert (both.budget.budget(100).images, both.budget.budget(10).images) == (100, 64)


class TestExtends:
    def test_a_file_may_begin_from_another_preset(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.yaml"
        path.write_text(
            "summary: mine\nextends: quick\nbudget: {images: 10}\ndefaults: {width: 16}\n"
            "methods: {lord: {decay: 0.5}}\n"
        )
        mine, quick = load_preset(str(path), {}), load_preset("quick", {})
        assert mine.budget == BudgetConfig(images=10)
        assert mine.defaults == {**quick.defaults, "width": 16}
        assert mine.methods["lord"] == {**quick.methods["lord"], "decay": 0.5}
        assert mine.methods["drnet"] == quick.methods["drnet"]
        assert mine.evaluation == quick.evaluation

    def test_a_path_is_taken_from_the_folder_of_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "mine").mkdir()
        (tmp_path / "base.yaml").write_text("summary: base\nextends: quick\nimage_size: 64\n")
        (tmp_path / "mine/sizes.yaml").write_text("summary: sizes\nextends: ../base.yaml\n")
        (tmp_path / "mine/grid.yaml").write_text("summary: grid\nextends: sizes.yaml\ngrid: [{}]\n")
        grid = load_grid(str(tmp_path / "mine/grid.yaml"))
        assert load_preset(grid.extends, {}).image_size == 64

    def test_how_settings_were_chosen_is_not_taken_over(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.yaml"
        path.write_text("summary: mine\nextends: quick\nimage_size: 64\n")
        assert load_preset(str(path), {}).searched == {}

    @pytest.mark.parametrize(
        ("base", "words"),
        [("mine.yaml", "extends itself"), ("ablation", "extends a grid"), ("quik", "did you mean quick")],
    )
    def test_a_wrong_base_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: str, words: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("mine.yaml").write_text(f"summary: mine\nextends: {base}\n")
        with pytest.raises(UserError, match=words):
            load_preset("mine.yaml", {})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_not_finite_is_refused_wherever_it_is(value: float) -> None:
    with pytest.raises(UserError, match=r"lord: final_rate: -?(nan|inf) is not a finite number"):
        validated(LordConfig, {"final_rate": value}, "lord")
    with pytest.raises(UserError, match=r"budget\.epochs: .*; methods\.lord\.decay: .*finite"):
        load_preset("quick", {"methods.lord.decay": value, "budget.epochs": value})
