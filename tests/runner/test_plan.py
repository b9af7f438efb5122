"""What could not be trained or scored, or would have no effect, is refused before anything is trained."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from commandline import TINY, Run

from lordbench.config import registry
from lordbench.config.presets import load_preset
from lordbench.evaluation.sizes import EvaluationConfig
from lordbench.runner import cell
from lordbench.runner.cell import make_cell
from lordbench.utils.errors import UserError
from lordbench.utils.settings import distinct, parse_yaml

PERCEPTUAL = "lord[reconstruction=perceptual]"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "image_size=8"], "image_size 8 is too small for: metric ssim"),
        (["--methods", f"mlvae,{PERCEPTUAL}"], f"image_size 16 is too small for: method {PERCEPTUAL}"),
        (["--methods", "overlord[reconstruction=published]"], "too small for: method overlord"),
        (["--set", "evaluation.pairs=0"], "evaluation.pairs"),
        (["--set", "evaluation.pars=5"], "did you mean pairs"),
        (["--set", "evaluation.grid=0"], "evaluation.grid"),
        (["--set", "budget.epochs=0"], "budget.epochs"),
        (["--set", "budget.images=64", "--set", "budget.images=65"], "64 and as 65"),
        (["--set", "mlvae.kl_weight=1", "--methods", "mlvae[kl_weight=2]"], "2 and as 1"),
        (["--set", "methods.mlvea.kl_weight=1"], "did you mean mlvae"),
        (["--set", "defaults.widht=8"], "did you mean width"),
        (["--set", "mlvea.kl_weight=1"], "mlvea.kl_weight: unknown setting"),
        (["--methods", "mlvae,mlvae"], "mlvae is listed twice"),
        (["--methods", "mlvae,mlvae[width=8]"], "are the same training"),
        (["--methods", "mlvae[width=8,width=16]"], "8 and as 16"),
        (["--seeds", "0,1,0"], "0 is listed twice"),
        (["--experiments", "leakage,leakage"], "leakage is listed twice"),
        (["--labels", "own,own"], "own is listed twice"),
    ],
)
def test_it_is_refused(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    methods = [] if "--methods" in arguments else ["--methods", "mlvae"]
    assert run(*TINY, *methods, *arguments) == 2
    assert words in capsys.readouterr().err.replace("\n", " ")
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("defaults: {class_size: 8", "defaults: {widht: 8, class_size: 8"),
        ("", "methods: {mlvea: {kl_weight: 1}}\n"),
        ("", "methods: {gvae: {kl_wieght: 1}}\n"),
        ("image_size: 16\n", "image_size: 16\nimage_size: 32\n"),
        ("pairs: 30", "pairs: 30, pairs: 40"),
    ],
)
def test_a_preset_with_settings_without_effect_is_refused(
    run: Run, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    preset = Path("tiny.yaml").read_text()
    Path("tiny.yaml").write_text(preset.replace(text, words) if text else preset + words)
    assert run(*TINY, "--methods", "mlvae") == 2
    message = capsys.readouterr().err
    assert "tiny.yaml" in message
    assert "did you mean" in message or "is already given in line" in message
    assert not Path("runs").exists()


def test_a_preset_may_name_a_users_method(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    Path("tiny.yaml").write_text(Path("tiny.yaml").read_text() + "methods: {broken: {}}\n")
    assert run(*TINY, "--methods", "mlvea", "--plugins", "broken.py") == 2
    assert "unknown method 'mlvea'" in capsys.readouterr().err
    assert (
        run(*TINY, "--methods", "./broken.py", "--experiments", "reconstruction") == 1
    )  # it runs, and fails
    assert "no such luck" in capsys.readouterr().err


@pytest.mark.parametrize("split", ["samples", "classes"])
def test_a_data_set_too_small_for_the_split_is_refused(
    run: Run, capsys: pytest.CaptureFixture[str], split: str
) -> None:
    text = Path("halves_set.py").read_text()
    Path("halves_set.py").write_text(text.replace("n_classes=8, n_contents=16", "n_classes=3, n_contents=1"))
    assert run(*TINY, "--methods", "mlvae", "--split", split) == 2
    assert re.search("cannot hold out images|are too few", capsys.readouterr().err)
    assert not Path("runs").exists()


def test_a_data_set_without_pairs_is_refused_for_the_methods_that_need_them(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    text = Path("halves_set.py").read_text()
    Path("halves_set.py").write_text(text.replace("n_classes=8, n_contents=16", "n_classes=24, n_contents=1"))
    assert run(*TINY, "--methods", "lord,drnet,mlvae", "--split", "classes") == 2
    message = capsys.readouterr().err
    assert "each class has one image, and drnet, mlvae need pairs" in message
    assert not Path("runs").exists()
    assert run(*TINY, "--methods", "lord,mlvae[per_class=1]", "--split", "classes") == 0


class TestSizes:
    def test_of_every_method_by_its_loss(self) -> None:
        """As found by training at 8, 16 and 32 pixels: only VGG16 needs more than a generator, 32."""
        for component in registry.available("methods").values():
            config = component.load().Config
            if "reconstruction" not in config.model_fields:
                continue  # a control, which is not trained
            assert config(reconstruction="pyramid").min_image_size() == 8
            assert config(reconstruction="perceptual").min_image_size() == 32
            published = config(reconstruction="published")
            assert published.min_image_size() == (32 if published.weights() else 8)

    def test_of_every_shipped_preset_suffice(self) -> None:
        for name in ("smoke", "quick", "paper"):
            preset = load_preset(name, {})
            for component in registry.available("methods").values():
                config = component.load().Config
                settings = config(**preset.settings(component.name, config))
                assert settings.min_image_size() <= preset.image_size

    def test_of_experiments_are_positive(self) -> None:
        for values in ({"grid": (0, 4)}, {"shots": (0,)}, {"shots": (-1,)}):
            with pytest.raises(ValueError, match="greater than or equal to 1"):
                EvaluationConfig(**values)


class TestIds:
    """The id of a cell covers all that its result depends on, so that no stale result is used again."""

    VALUES: ClassVar[dict[str, Any]] = {
        "method": "lord",
        "method_name": "lord",
        "variant": "",
        "settings": {"noise": 1.0},
        "method_source": "1234",
        "dataset": "toycars",
        "data_settings": {"n_cars": 4},
        "data_variant": "n_cars=4",
        "data_fingerprint": "abcd",
        "split": "samples",
        "labels": "",
        "reserved": (),
        "searched": "",
        "preset_name": "quick",
        "preset": load_preset("quick", {}),
        "seed": 0,
    }

    def of(self, experiments: Sequence[str] = ("leakage",), **changed: Any) -> str:
        return make_cell(self.VALUES | changed, list(experiments)).id

    @pytest.mark.parametrize(
        "changed",
        [
            {"method_name": "drnet"},
            {"settings": {"noise": 0.5}},
            {"method_source": "1235"},
            {"data_fingerprint": "abce"},
            {"split": "classes"},
            {"labels": "clusters"},
            {"reserved": (0, 1)},
            {"preset_name": "mine"},
            {"preset": load_preset("quick", {"evaluation.pairs": 5})},
            {"preset": load_preset("quick", {"precision": "float32"})},
            {"seed": 1},
        ],
        ids=lambda changed: next(iter(changed)),
    )
    def test_another_training_has_another(self, changed: dict[str, Any]) -> None:
        assert self.of(**changed) != self.of()

    def test_seeds_that_are_reserved_differ(self) -> None:
        assert len({self.of(reserved=reserved) for reserved in ((), (0,), (1,), (0, 1))}) == 4

    @pytest.mark.parametrize("version", ["SPLIT_VERSION", "PROTOCOL_VERSION"])
    def test_another_version_of_splits_or_protocol_has_another(
        self, monkeypatch: pytest.MonkeyPatch, version: str
    ) -> None:
        before = self.of()
        monkeypatch.setattr(cell, version, getattr(cell, version) + 1)
        assert self.of() != before

    @pytest.mark.parametrize(
        "changed",
        [
            {"experiments": ["retrieval"]},
            {"metrics": ["fid"]},
            {"without": ["lpips"]},
            {"searched": "40 tries"},
            {"method": "elsewhere/lord.py"},
        ],
        ids=lambda changed: next(iter(changed)),
    )
    def test_what_changes_no_training_changes_no_id(self, changed: dict[str, Any]) -> None:
        assert self.of(**changed) == self.of()


class TestYaml:
    def test_a_key_twice_is_an_error_with_both_lines(self) -> None:
        with pytest.raises(ValueError, match="line 4: 'b' is already given in line 2"):
            parse_yaml("a:\n  b: 1\n  c: 2\n  'b': 3\n")

    def test_anchors_and_merges_may_be_overridden(self) -> None:
        text = "base: &base {a: 1, b: 3}\nlast: {<<: *base, a: 4}\n"
        assert parse_yaml(text)["last"] == {"a": 4, "b": 3}

    def test_a_setting_twice_with_one_value_is_no_conflict(self) -> None:
        assert distinct([("a", 1), ("a", 1)], "here") == {"a": 1}
        with pytest.raises(UserError, match="here: a is given as 1 and as 2"):
            distinct([("a", 1), ("a", 2)], "here")
