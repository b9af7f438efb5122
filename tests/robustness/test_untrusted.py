"""Reading runs no code: neither files that a run folder or a preset names, nor commands in a pickle."""

from __future__ import annotations

import os
import pickle
import re
import resource
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fuzzing
import numpy as np
import pytest
import torch
import yaml
from commandline import Run
from fuzzing import altered, headers, load_profile, refusing
from hypothesis import given
from hypothesis import strategies as st
from run_folders import Folder
from safetensors.torch import save_file

import lordbench
from lordbench.config.presets import load_preset
from lordbench.nn.weights import store
from lordbench.nn.weights.from_pypi import unpickle_arrays
from lordbench.nn.weights.registry import entry
from lordbench.results.compare import read_side
from lordbench.results.leaderboard import collect
from lordbench.results.run_folder import CellFolder
from lordbench.runner.run_folder import encode_spec, read_spec
from lordbench.training.checkpoints import read_tensors, save_tensors
from lordbench.training.method import DataSpec
from lordbench.utils.errors import UserError
from lordbench.utils.files import write_json

CELL = "0123456789abcdef"
SPEC = DataSpec(3, 32, 10, 100)
FORBIDDEN = frozenset(
    (
        "open", "exec", "compile", "import", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen",
        "ctypes.dlopen",
    )
)  # fmt: skip
"""Audit events that no weights may cause."""


def described(**other: Any) -> dict[str, Any]:
    """A `cell.json`."""
    preset = load_preset("smoke", {}).model_dump(mode="json")
    known = {
        "id": CELL, "method": "mlvae", "method_name": "mlvae", "variant": "", "settings": {},
        "method_source": "", "dataset": "digits", "data_settings": {}, "data_variant": "",
        "data_fingerprint": "", "split": "samples", "labels": "", "preset_name": "smoke", "preset": preset,
        "seed": 0, "experiments": ["leakage"],
    }  # fmt: skip
    return known | other


def specified(folder: CellFolder) -> CellFolder:
    """A cell whose model records the data that it was built for."""
    tensors, metadata = read_tensors(folder.model)
    save_tensors(folder.model, tensors, metadata | encode_spec(SPEC))
    return folder


@pytest.fixture
def evil(tmp_path: Path, run: Run) -> Path:
    """A plug-in that leaves a trace when it is run."""
    path = tmp_path / "theirs" / "evil.py"
    path.parent.mkdir()
    path.write_text(f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n")
    return path


class TestCode:
    @pytest.mark.parametrize(
        "way", ["{}/evil.py", "{}/../theirs/evil.py", "theirs/evil.py", "./theirs/evil.py"]
    )
    def test_that_a_cell_names_is_not_run(self, evil: Path, tmp_path: Path, way: str) -> None:
        name = way.format(evil.parent)
        folder = specified(Folder(tmp_path / "runs").finish(CELL))
        write_json(folder.description, described(method=name))
        for plugins in ([], [Path(lordbench.__file__).parents[1] / "metrics" / "ssim.py"]):
            with pytest.raises(UserError, match="runs only where you name it") as refusal:
                lordbench.load_method(folder.path, plugins=plugins)
            assert f"lordbench.load_method('{folder.path}', plugins=['{name}'])" in refusal.value.hint
        assert not (tmp_path / "ran").exists()
        with pytest.raises(UserError, match="one complete subclass"):
            lordbench.load_method(folder.path, plugins=[name])
        assert (tmp_path / "ran").exists()

    def test_the_data_set_of_a_model_is_not_run(self, evil: Path, tmp_path: Path) -> None:
        """The model records what it needs of it; here it has other tensors than its method."""
        folder = specified(Folder(tmp_path / "runs").finish(CELL))
        write_json(folder.description, described(dataset=str(evil)))
        with pytest.raises(UserError, match=re.escape(str(folder.model))):
            lordbench.load_method(folder.path)
        assert not (tmp_path / "ran").exists()

    def test_that_a_run_folder_names_is_not_run_by_what_reads_it(
        self, evil: Path, tmp_path: Path, run: Run
    ) -> None:
        folder = Folder(tmp_path / "runs")
        cell = folder.finish(CELL)
        named = {"method": str(evil), "dataset": str(evil), "experiments": [str(evil)], "labels": str(evil)}
        write_json(cell.description, described(**named))
        folder.store.write_results()
        assert len(collect([folder.store.root]))
        read_side(str(cell.path))
        for command in (
            ["status"], ["leaderboard"], ["differences"], ["claims"], ["report", "--out", "page.html"],
        ):  # fmt: skip
            assert run(command[0], "runs", *command[1:]) in (0, 2)
        assert run("compare", "runs", "runs") == 0
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize("key", ["methods", "dataset", "experiments"])
    def test_that_a_preset_names_is_not_run(
        self, evil: Path, tmp_path: Path, run: Run, key: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        part = {key: "theirs/evil.py" if key == "dataset" else ["theirs/evil.py"]}
        Path("theirs.yaml").write_text(yaml.safe_dump({"summary": "s", "extends": "smoke", "grid": [part]}))
        assert run("run", "--preset", "theirs.yaml") == 2
        said = " ".join(capsys.readouterr().err.split())
        assert "runs only where you name it, too" in said
        assert "add --plugins theirs/evil.py" in said
        assert not (tmp_path / "ran").exists()


class Command:
    """Runs a command when it is unpickled."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def network() -> dict[str, Any]:
    layer = {"kernel": np.ones((2, 2, 3, 4), np.float32), "bias": np.zeros(4, np.float32)}
    return {"VGG": {"Conv_0": layer}, "NetLin0": {"kernel": np.ones(3, np.float32)}}


class TestPickles:
    @pytest.mark.parametrize(
        "command",
        [
            Command(os.system, "touch ran"), Command(os.mkdir, "ran"), Command(exec, "open('ran', 'w')"),
            Command(eval, "open('ran', 'w')"), Command(subprocess.run, ["touch", "ran"]),
            Command(np.load, "ran"), Command(torch.load, "ran"), Command(getattr, np.ndarray, "tofile"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("protocol", [0, 2, 4, 5])
    def test_run_no_command(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command, protocol: int
    ) -> None:
        monkeypatch.chdir(tmp_path)
        content = pickle.dumps(network() | {"a": command}, protocol)
        with pytest.raises(pickle.UnpicklingError, match="is not allowed"):
            unpickle_arrays(content)
        path = tmp_path / entry("vgg16").file
        path.write_bytes(content)
        with pytest.raises(UserError, match="sha256 begins"):
            store.read("vgg16", path)
        assert not (tmp_path / "ran").exists()

    def test_of_arrays_are_read(self) -> None:
        for protocol in (3, 4):
            found = unpickle_arrays(pickle.dumps(network(), protocol))
            assert found["VGG"]["Conv_0"]["kernel"].shape == (2, 2, 3, 4)

    def test_that_were_altered_give_arrays_or_nothing(self, tmp_path: Path) -> None:
        # In its own process, with little memory: an altered pickle may request any amount, which only the
        # sha256 of the real one prevents.
        program = ALTERED.format(
            here=str(Path(__file__).parent), support=str(Path(fuzzing.__file__).parent), amount=2 << 30
        )
        ended = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=300,
            check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr[-2000:]


ALTERED = """
import sys
sys.path[:0] = [{here!r}, {support!r}]
import test_untrusted
test_untrusted.load_altered({amount})
"""


def load_altered(amount: int) -> None:
    """Load altered pickles under an audit hook that ends the process when anything is run or opened."""
    load_profile()
    content = pickle.dumps(network(), 4)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + amount, used + amount))
    watching = False

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event in FORBIDDEN:
            os.write(2, f"{event} {arguments}".encode())
            os._exit(3)

    sys.addaudithook(hook)
    # To show a warning, or an error that cannot be raised, Python would open our own source.
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _: None

    @given(altered(content))
    def load(changed: bytes) -> None:
        nonlocal watching
        watching = True
        try:
            unpickle_arrays(changed)
        except Exception:
            pass
        finally:
            watching = False

    load()


class TestWeights:
    @given(content=st.one_of(st.binary(max_size=40), headers()))
    def test_of_our_own_format_are_refused_if_they_are_others(
        self, tmp_path_factory: pytest.TempPathFactory, content: bytes
    ) -> None:
        for name in ("alexnet", "inception"):
            path = tmp_path_factory.getbasetemp() / f"{name}.safetensors"
            path.write_bytes(content)
            with refusing(UserError, path):
                store.read(name, path)
                raise AssertionError("read")

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64, torch.float8_e4m3fn])
    def test_of_another_type_are_refused(self, tmp_path: Path, dtype: torch.dtype) -> None:
        path = tmp_path / "inception.safetensors"
        save_file({"x": torch.zeros(2, 2, dtype=dtype)}, path, {"digest": "0"})
        with pytest.raises(UserError, match="which no weights have"):
            store.read("inception", path)


def test_the_data_specification_of_a_model_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = specified(Folder(tmp_path).train(CELL))
    assert read_spec(folder) == SPEC
    tensors, metadata = read_tensors(folder.model)
    for wrong in ('{"channels": "many"}', "[1]", "{", '{"channels": 3}'):
        save_tensors(folder.model, tensors, metadata | {"spec": wrong})
        with pytest.raises(UserError, match="not readable"):
            read_spec(folder)
