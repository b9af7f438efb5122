"""The Python API: data frames of results, and trained methods."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import broken_methods
import numpy as np
import pytest
from commandline import TINY, Run
from helpers import halves
from safetensors.torch import load_file, save_file

import lordbench
from lordbench.api import Model
from lordbench.evaluation.collapse import CollapseWarning
from lordbench.utils.errors import UserError
from lordbench.utils.integrity import read_metadata

SETTINGS = {"budget.images": 640, "precision": "float32"}
TINY_REQUEST: dict[str, Any] = {
    "dataset": "./halves_set.py",
    "preset": "tiny.yaml",
    "experiments": "reconstruction",
}


def cell_of(run: Run, method: str = "lord") -> Path:
    assert run(*TINY, "--methods", method, "--experiments", "reconstruction") == 0
    (cell,) = Path("runs/cells").iterdir()
    return cell


def test_importing_it_imports_no_torch_and_dir_lists_its_functions() -> None:
    program = (
        "import sys, lordbench; assert {'run', 'leaderboard', 'image_set'} <= set(dir(lordbench));"
        "assert not {'torch', 'pandas', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = lordbench.nothing  # type: ignore[attr-defined]


class TestResults:
    def test_a_run_returns_the_rows_of_the_requested_cells(self, run: Run) -> None:
        request = {
            "dataset": "./halves_set.py",
            "preset": "tiny.yaml",
            "experiments": ["reconstruction"],
            "quiet": True,
        }
        lordbench.run(["mlvae"], seeds=[1], **request)
        rows = lordbench.run(["mlvae"], seeds=[0], **request)
        assert set(rows["seed"]) == {0}
        assert set(lordbench.load_results("runs")["seed"]) == {0, 1}
        assert list(rows.columns) == list(lordbench.load_results("runs").columns)

    def test_failures_are_warnings_and_other_cells_have_rows(self, run: Run) -> None:
        with pytest.warns(UserWarning, match=r"broken on \./halves_set\.py, seed 0: ValueError"):
            rows = lordbench.run(
                ["./broken.py", "mlvae"],
                "./halves_set.py",
                "tiny.yaml",
                experiments=["reconstruction"],
                quiet=True,
            )
        assert set(rows["method"]) == {"mlvae"}

    def test_a_text_stands_for_a_list_of_one_or_several(self, run: Run) -> None:
        rows = lordbench.run(
            "mlvae,drnet",
            "./halves_set.py",
            "tiny.yaml",
            seeds=1,
            experiments="reconstruction",
            labels="own",
            plugins="broken.py",
            quiet=True,
        )
        assert set(rows["method"]) == {"mlvae", "drnet"}
        assert set(rows["seed"]) == {1}

    def test_a_quiet_run_shows_no_notices(
        self, run: Run, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
    ) -> None:
        Path("never.py").write_text(broken_methods.NEVER_LEARNS)
        assert len(lordbench.run("./never.py", **TINY_REQUEST, quiet=True))
        assert not recwarn.list
        assert capsys.readouterr().err == ""
        with pytest.warns(CollapseWarning):
            lordbench.run("./never.py", **TINY_REQUEST, force=True)

    def test_numbers_of_numpy_are_taken_as_pythons(self, run: Run) -> None:
        numbers: dict[str, Any] = {
            "seeds": np.int64(3),
            "settings": {"budget.images": np.int64(320), "mlvae.slope": np.float32(0.25)},
        }
        rows = lordbench.run("mlvae", **TINY_REQUEST, **numbers, quiet=True)
        same = lordbench.run(
            "mlvae",
            **TINY_REQUEST,
            seeds=[3],
            settings={"budget.images": 320, "mlvae.slope": 0.25},
            quiet=True,
        )
        assert set(rows["cell"]) == set(same["cell"])
        several: Any = np.array([3])
        assert set(lordbench.run("mlvae", **TINY_REQUEST, seeds=several, quiet=True)["seed"]) == {3}

    def test_a_tilde_is_the_home_folder(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(Path("elsewhere").resolve()))
        rows = lordbench.run("mlvae", **TINY_REQUEST, out="~/results", quiet=True)
        assert Path("elsewhere/results/results.csv").exists()
        assert not Path("~").exists()
        assert len(lordbench.load_results("~/results")) == len(rows)
        assert repr(lordbench.load_method(f"~/results/cells/{rows['cell'].iloc[0]}")).startswith("mlvae on")

    def test_no_results_are_an_error_that_names_the_folder(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=str(tmp_path)):
            lordbench.load_results(tmp_path)


class TestLoadMethod:
    def test_restores_the_weights_of_the_cell(self, run: Run) -> None:
        cell = cell_of(run)
        model = lordbench.load_method(cell)
        state = load_file(cell / "model.safetensors")
        for name, value in model.method.state_dict().items():
            assert np.array_equal(state[f"module.{name}"].numpy(), value.cpu().numpy())
        images = halves(n_classes=8, n_contents=16).images[:4]
        assert np.array_equal(model.decode(model.encode(images)), model.transfer(images, images))

    def test_is_shown_in_a_line_with_its_headline_value(self, run: Run) -> None:
        cell = cell_of(run)
        rows = lordbench.load_results("runs")
        (l1,) = rows.loc[
            (rows["metric"] == "l1") & (rows["subject"] == "reconstruction") & (rows["codes"] == "encoded"),
            "value",
        ]
        wanted = f"lord on ./halves_set.py, seed 0, preset tiny.yaml, 16 px, recon. L1 {l1:.3f}"
        assert repr(lordbench.load_method(cell)) == wanted
        for file in cell.glob("reconstruction.json"):
            file.unlink()
        assert repr(lordbench.load_method(cell)) == "lord on ./halves_set.py, seed 0, preset tiny.yaml, 16 px"

    def test_requires_that_the_model_records_its_data(self, run: Run) -> None:
        cell = cell_of(run)
        metadata = read_metadata(cell / "model.safetensors")
        tensors = load_file(cell / "model.safetensors")
        del metadata["spec"]
        save_file(tensors, cell / "model.safetensors", metadata)
        with pytest.raises(UserError, match="data specification is not readable"):
            lordbench.load_method(cell)

    def test_requires_a_trained_cell(self, run: Run, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="cannot read a cell"):
            lordbench.load_method(tmp_path)
        cell = cell_of(run, "mlvae")
        (cell / "model.safetensors").unlink()
        with pytest.raises(UserError, match="training is not finished"):
            lordbench.load_method(cell)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("method") / "flat.py"
    path.write_text(broken_methods.GOOD)
    return lordbench.fit_method(str(path), halves(), preset="smoke", device="cpu")


class TestModel:
    def test_transfers_the_content_of_one_image_onto_the_class_of_another(self, model: Model) -> None:
        images = halves().images
        moved = model.transfer(images[:9], images[20])
        assert (moved.shape, moved.dtype) == ((9, 3, 16, 16), np.uint8)
        single = [model.transfer(images[i], images[20:21])[0] for i in range(9)]
        assert np.abs(moved.astype(int) - np.stack(single)).max() <= 1
        truth = images[18:27].astype(float)
        assert np.abs(moved - truth).mean() < np.abs(images[:9] - truth).mean()

    def test_accepts_floats_and_bytes(self, model: Model) -> None:
        images = halves().images[:5]
        codes, of_floats = model.encode(images), model.encode(images / 255)
        assert np.array_equal(codes.content_code.numpy(), of_floats.content_code.numpy())
        assert model.class_code(images).shape == codes.class_code.shape[1:]

    @pytest.mark.parametrize(
        ("images", "words"),
        [
            (np.zeros((2, 16, 16, 3), np.uint8), "Channels come first"),
            (np.zeros((2, 3, 32, 32), np.uint8), "trained on"),
            (np.full((2, 3, 16, 16), 7.0), r"float in \[0, 1\]"),
            (np.zeros((2, 3, 16, 16), np.int64), "uint8"),
            (np.zeros((0, 3, 16, 16), np.uint8), "no images"),
            (np.zeros((0, 3, 16, 16), np.float32), "no images"),
        ],
    )
    def test_names_the_required_form_of_images(self, model: Model, images: np.ndarray, words: str) -> None:
        with pytest.raises(UserError, match=words):
            model.encode(images)

    def test_model_codes_and_images_are_shown_in_a_line(self, model: Model) -> None:
        images = halves()
        assert repr(model) == "flat on halves, seed 0, preset smoke, 16 px"
        assert repr(model.encode(images.images[:2])).startswith("codes of 2 images: class (2, ")
        assert repr(images) == "halves: 54 images 3 x 16 x 16, classes 6, contents 9"
        unlabelled = lordbench.image_set(images.images, ["a", "b"] * 27)
        assert repr(unlabelled) == "images: 54 images 3 x 16 x 16, classes 2, contents not labelled"

    def test_names_counts_of_images_that_do_not_match(self, model: Model) -> None:
        images = halves().images
        with pytest.raises(UserError, match="2 images for the class of 3"):
            model.transfer(images[:3], images[:2])


def test_equal_seeds_train_equal_methods() -> None:
    images = lordbench.image_set(halves().images, ["a", "b", 3] * 18, name="mine")
    assert images.class_names == ("3", "a", "b")
    one, same, other = (
        lordbench.fit_method("mlvae", images, "smoke", seed, settings=SETTINGS, device="cpu")
        for seed in (0, 0, 1)
    )
    codes = [model.encode(images.images[:3]).class_code for model in (one, same, other)]
    assert codes[0].equal(codes[1])
    assert not codes[0].equal(codes[2])


def test_images_may_be_a_mirrored_view() -> None:
    mirrored = halves().images[:, ::-1, :, ::-1]
    images = lordbench.image_set(mirrored, ["a", "b", "c"] * 18)
    assert np.array_equal(images.images, mirrored)
    model = lordbench.fit_method("mlvae", images, "smoke", settings=SETTINGS, device="cpu")
    assert model.transfer(mirrored[:2], mirrored[2:4]).shape == (2, 3, 16, 16)


def test_settings_are_also_those_of_the_method_and_of_numpy() -> None:
    images = halves()
    settings: dict[str, Any] = {**SETTINGS, "budget.images": np.int64(64), "mlvae.class_size": np.int64(5)}
    seed: Any = np.int64(1)
    model = lordbench.fit_method("mlvae", images, "smoke", seed, settings=settings, device="cpu")
    assert repr(model).startswith("mlvae[class_size=5] on halves, seed 1, ")
    assert model.encode(images.images[:2]).class_code.shape == (2, 5)


@pytest.mark.parametrize(
    ("size", "request_", "words"),
    [
        (20, {}, "networks make images of 8, 16, 32, 64, .*for example to 16 px"),
        (24, {}, "images of 24 px"),
        (4, {}, "8 px or more"),
        (16, {"preset": "ablation"}, "a grid of several runs.*such as quick"),
        (16, {"settings": {"mlvae.no_such": 1}}, "unknown setting 'no_such'"),
        (16, {"settings": {"drnet.class_size": 5}}, "a method in this run"),
        (16, {"method": "mlvae[class_size=4]", "settings": {"mlvae.class_size": 5}}, "given as 4 and as 5"),
    ],
)
def test_what_cannot_be_trained_is_refused(size: int, request_: dict[str, Any], words: str) -> None:
    images = lordbench.image_set(np.zeros((4, 3, size, size), np.uint8), ["a", "b"] * 2)
    request = {"method": "mlvae", "preset": "smoke", "device": "cpu", **request_}
    with pytest.raises(UserError, match=f"(?s){words}"):
        lordbench.fit_method(images=images, **request)


def test_no_images_are_refused() -> None:
    with pytest.raises(UserError, match="images: no images"):
        lordbench.fit_method("mlvae", lordbench.image_set(np.zeros((0, 3, 16, 16), np.uint8), []), "smoke")
    with pytest.raises(UserError, match="size 0"):
        lordbench.load_dataset("digits", size=0)


def test_a_plugin_without_these_networks_may_have_other_sizes(tmp_path: Path) -> None:
    path = tmp_path / "flat.py"
    path.write_text(broken_methods.GOOD)
    images = halves(size=24)
    assert lordbench.fit_method(str(path), images, "smoke", device="cpu").method.spec.size == 24


def test_a_control_is_no_model() -> None:
    with pytest.raises(UserError, match="a control looks up the images"):
        lordbench.fit_method("control", halves(), "smoke", settings=SETTINGS, device="cpu")
