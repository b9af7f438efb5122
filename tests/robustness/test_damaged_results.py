"""Damaged files of results are found by their checksum, named, and repaired by the next run."""

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest
import torch
from commandline import STAMPS, TINY, Run, results

from lordbench.api import load_method
from lordbench.results.damage import DamageWarning, damage
from lordbench.results.leaderboard import collect
from lordbench.results.run_folder import CellFolder, Store
from lordbench.results.status import read_status
from lordbench.training.checkpoints import CheckpointStore, Progress, load_module, read_tensors, save_module
from lordbench.utils import integrity
from lordbench.utils.errors import UserError
from lordbench.utils.files import read_json, write_json, write_text
from lordbench.utils.integrity import (
    CHECKSUM,
    checksum_file,
    differs_from_checksum,
    read_metadata,
    read_verified,
    verified,
    with_checksum,
    write_text_with_checksum,
    write_with_checksum,
)

ONE = [*TINY, "--methods", "mlvae", "--experiments", "content-transfer,reconstruction"]
Harm = Callable[[Path], None]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    """Flip a bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def another_number(path: Path) -> None:
    """Raise the first number in it: it stays valid JSON of the same form."""

    def raised(value: object) -> tuple[object, bool]:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return value + 1, True
        items = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        for key, item in items:
            changed, done = raised(item)
            if done:
                value[key] = changed  # type: ignore[index]
                return value, True
        return value, False

    document, done = raised(read_json(path))
    assert done
    write_json(path, document)


CHECKED_JSON = ["cell.json", "content-transfer.json", "reconstruction.json", "seconds.json"]
EXPERIMENT_FILES = ["content-transfer.npz", "reconstruction.npz", "transfer-encoded.png"]
ALL = [*CHECKED_JSON, *EXPERIMENT_FILES, "curve.csv", "model.safetensors"]
# What can be damaged at once: a damaged record hides the files in it, a damaged model the whole cell.
FIRST = ("cell.json", "seconds.json", "curve.csv", "content-transfer.json", "reconstruction.npz")
SECOND = ("reconstruction.json", "content-transfer.npz", "transfer-encoded.png")
MODEL = ("model.safetensors",)
HARMS = [(names, harm) for names in (FIRST, SECOND, MODEL) for harm in (truncate, empty, flip)]
NUMBERS = (("cell.json", "seconds.json", "content-transfer.json", "reconstruction.json"), another_number)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the finished run of this module, made by the first test that needs it."""
    return tmp_path_factory.mktemp("finished") / "runs"


@pytest.fixture
def cell(run: Run, finished: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The only cell of a finished run in `runs`."""
    if not finished.exists():
        assert run(*ONE) == 0
        shutil.copytree("runs", finished)
    else:
        shutil.copytree(finished, "runs")
    capsys.readouterr()
    (found,) = Path("runs/cells").iterdir()
    return found


def named(text: str, path: Path) -> bool:
    return any(f"{path}: " in line for line in text.splitlines() if line.startswith("Damaged: "))


def assert_as(before: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(results().drop(columns=STAMPS), before.drop(columns=STAMPS))


class TestARun:
    @pytest.mark.parametrize(("names", "harm"), [*HARMS, NUMBERS])
    def test_names_damaged_files_and_repairs_them(
        self, run: Run, cell: Path, names: Sequence[str], harm: Harm, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before, damaged = results(), {}
        for name in names:
            harm(cell / name)
            damaged[name] = (cell / name).read_bytes()
        assert run(*ONE) == 0
        error = capsys.readouterr().err
        assert_as(before)
        assert damage(CellFolder(cell), read_tensors) == []
        for name, content in damaged.items():
            assert named(error, cell / name)
            folder, end = (f"{cell}.damaged", "") if names == MODEL else (str(cell), ".damaged")
            assert Path(folder, name + end).read_bytes() == content

    @pytest.mark.parametrize("names", [["curve.csv", *EXPERIMENT_FILES], MODEL])
    def test_names_missing_files_and_repairs_them(
        self, run: Run, cell: Path, names: Sequence[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = results()
        for name in names:
            (cell / name).unlink()
        assert run(*ONE) == 0
        error = capsys.readouterr().err
        assert_as(before)
        for name in names:
            assert named(error, cell / name)
            assert (cell / name).exists()

    def test_trains_again_only_if_the_model_is_damaged(self, run: Run, cell: Path) -> None:
        model = (cell / "model.safetensors").stat().st_mtime_ns
        untouched = (cell / "reconstruction.json").stat().st_mtime_ns
        for name in ALL:
            if name not in ("model.safetensors", "reconstruction.json", "reconstruction.npz"):
                flip(cell / name)
        assert run(*ONE) == 0
        assert (cell / "model.safetensors").stat().st_mtime_ns == model
        assert (cell / "reconstruction.json").stat().st_mtime_ns == untouched

    def test_a_second_damaged_file_replaces_the_first(self, cell: Path) -> None:
        folder = CellFolder(cell)
        for content in ("first", "second"):
            folder.curve.write_text(content)
            folder.move_aside(folder.curve)
        assert (cell / "curve.csv.damaged").read_text() == "second"
        for content in ("first", "second"):
            folder.description.write_text(content)
            folder.move_aside(folder.path)
            folder.path.mkdir()
        assert Path(f"{cell}.damaged", "cell.json").read_text() == "second"
        assert [its.path for its in Store(Path("runs")).cells()] == [folder.path]

    @pytest.mark.parametrize("harm", [truncate, flip])
    def test_restarts_a_training_whose_checkpoint_is_damaged(
        self, run: Run, cell: Path, harm: Harm, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before, path = results(), cell / "checkpoint.safetensors"
        for file in cell.iterdir():
            if file.name != "cell.json":
                file.unlink()
        CheckpointStore(path).save(Progress(phase="no such", step=3), torch.nn.Linear(20, 20), [])
        harm(path)
        assert run(*ONE) == 0
        assert named(capsys.readouterr().err, path)
        assert_as(before)

    def test_restarts_a_training_that_was_begun_in_another_arithmetic(self, tmp_path: Path) -> None:
        path = tmp_path / "checkpoint.safetensors"
        CheckpointStore(path, arithmetic="bfloat16 on cpu").save(
            Progress(phase="training", step=3), torch.nn.Linear(2, 2), []
        )
        assert CheckpointStore(path, arithmetic="float32 on cpu").progress() is None
        found = CheckpointStore(path, arithmetic="bfloat16 on cpu").progress()
        assert found is not None
        assert found.step == 3

    def test_deletes_the_checkpoint_of_a_finished_training(self, run: Run, cell: Path) -> None:
        """A kill between the model and the end of its checkpoint leaves both."""
        checkpoint = cell / "checkpoint.safetensors"
        CheckpointStore(checkpoint).save(Progress(), torch.nn.Linear(2, 2), [])
        (cell / "reconstruction.json").unlink()
        assert run(*ONE) == 0
        assert not checkpoint.exists()

    def test_names_damaged_cells_that_were_not_requested_and_leaves_them(
        self, run: Run, cell: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        truncate(cell / "model.safetensors")
        assert run(*TINY, "--methods", "drnet", "--experiments", "reconstruction") == 0
        assert named(capsys.readouterr().err, Path(cell / "model.safetensors").resolve())
        assert set(results()["method"]) == {"drnet"}
        assert not list(Path("runs").rglob("*.damaged"))

    def test_accepts_files_without_a_checksum(
        self, run: Run, cell: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = Path("runs/results.csv").read_bytes()
        for name in CHECKED_JSON:
            document = read_verified(cell / name)
            document.pop("files", None)
            write_json(cell / name, document)
        Path("runs/results.csv.sha256").unlink()
        assert damage(CellFolder(cell), read_tensors) == []
        assert run(*ONE) == 0
        assert "nothing: done before" in capsys.readouterr().err
        assert Path("runs/results.csv").read_bytes() == before

    def test_never_touches_a_file_elsewhere(self, cell: Path) -> None:
        document = read_verified(cell / "reconstruction.json")
        for name in ("../../results.csv", "/results.csv", "..", ""):
            write_with_checksum(cell / "reconstruction.json", {**document, "files": {name: "0" * 64}})
            (found,) = damage(CellFolder(cell), read_tensors)
            assert found.aside == (cell / "reconstruction.json",)


class TestReading:
    @pytest.mark.parametrize("command", [["leaderboard"], ["report", "--out", "page"], ["status"]])
    @pytest.mark.parametrize("names", [FIRST, SECOND, MODEL])
    def test_names_damaged_files(
        self,
        run: Run,
        cell: Path,
        command: list[str],
        names: Sequence[str],
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        for name in names:
            truncate(cell / name)
        assert run(command[0], "runs", *command[1:]) == 0
        captured = capsys.readouterr()
        text = "".join((captured.out + captured.err).split())  # Tables and their notes are wrapped.
        assert "Damaged:" in text
        for name in names:
            assert f"{name}:" in text

    def test_shows_no_altered_number(self, run: Run, cell: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("leaderboard", "runs", "--format", "csv") == 0
        before = capsys.readouterr().out
        for name in ("content-transfer.json", "reconstruction.json"):
            another_number(cell / name)
        assert run("leaderboard", "runs", "--format", "csv") == 0
        assert capsys.readouterr().out == before
        assert run(*TINY, "--methods", "drnet", "--experiments", "reconstruction") == 0
        assert "mlvae" not in set(results()["method"])

    def test_skips_altered_pictures_and_curves(self, cell: Path) -> None:
        from PIL import Image

        from lordbench.results.cells import cell_records

        (record,) = cell_records([Path("runs")])
        assert record.curve is not None
        assert cell / "transfer-encoded.png" in record.pictures
        Image.new("RGB", (8, 8)).save(cell / "transfer-encoded.png")
        flip(cell / "curve.csv")
        (record,) = cell_records([Path("runs")])
        assert record.curve is None
        assert cell / "transfer-encoded.png" not in record.pictures

    def test_status_knows_what_will_be_repeated(self, cell: Path) -> None:
        flip(cell / "reconstruction.npz")
        (status,) = read_status(Path("runs")).cells
        assert (status.state, status.missing) == ("interrupted", ("reconstruction",))
        assert "reconstruction.npz" in status.notes[0]

    def test_a_model_with_altered_tensors_is_not_loaded(self, cell: Path) -> None:
        load_method(cell, device="cpu")
        flip(cell / "model.safetensors")
        with pytest.raises(UserError, match=r"model\.safetensors: altered since it was written"):
            load_method(cell, device="cpu")


class TestResultsCsv:
    def altered(self) -> None:
        text = Path("runs/results.csv").read_text()
        Path("runs/results.csv").write_text(text.replace(",mlvae,", ",mlvea,"))

    def test_has_its_checksum_beside_it(self, cell: Path) -> None:
        digest = hashlib.sha256(Path("runs/results.csv").read_bytes()).hexdigest()
        assert Path("runs/results.csv.sha256").read_text() == f"{digest}  results.csv\n"

    def test_is_read_from_the_cells_if_it_was_altered(
        self, run: Run, cell: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run("leaderboard", "runs", "--format", "csv") == 0
        before = capsys.readouterr().out
        self.altered()
        assert run("leaderboard", "runs", "--format", "csv") == 0
        captured = capsys.readouterr()
        assert captured.out == before
        assert named(captured.err, Path("runs/results.csv").resolve())

    def test_is_written_again_by_a_run(
        self, run: Run, cell: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = Path("runs/results.csv").read_bytes()
        self.altered()
        assert run(*ONE) == 0
        assert named(capsys.readouterr().err, Path("runs/results.csv"))
        assert Path("runs/results.csv").read_bytes() == before

    def test_by_itself_is_refused_if_it_was_altered(
        self, run: Run, cell: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.altered()
        for name in ("results.csv", "results.csv.sha256"):
            shutil.copy(Path("runs") / name, name)
        assert run("leaderboard", "results.csv") == 2
        error = capsys.readouterr().err
        assert "results.csv: altered since it was written" in error
        assert "delete" in error
        Path("results.csv.sha256").unlink()
        assert run("leaderboard", "results.csv") == 0

    def test_a_crash_between_the_table_and_its_checksum_is_no_damage(
        self, cell: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = Store(Path("runs"))

        def crash(path: Path, text: str) -> None:
            if path == checksum_file(store.results):
                raise ZeroDivisionError
            write_text(path, text)

        store.results.write_text("older")
        with monkeypatch.context() as patch:
            patch.setattr(integrity, "write_text", crash)
            with pytest.raises(ZeroDivisionError):
                store.write_results()
        assert store.results.read_text() != "older"
        assert not differs_from_checksum(store.results)

    def test_a_crash_between_samples_and_their_record_is_no_damage(
        self, run: Run, cell: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = CellFolder(cell)
        found = folder.measurements("reconstruction")
        assert found

        def crash(*_: object) -> None:
            raise ZeroDivisionError

        with monkeypatch.context() as patch:
            patch.setattr(integrity, "write_with_checksum", crash)
            with pytest.raises(ZeroDivisionError):
                folder.write_measurements("reconstruction", found[:1])
        assert folder.measurements("reconstruction") is None
        assert damage(folder, read_tensors) == []

    def test_being_written_at_this_moment_is_no_damage(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A reader that has the old checksum and the new table reads again."""
        path, checksums = tmp_path / "a.csv", list[str | None]()
        for text in ("old", "new"):
            write_text_with_checksum(path, text)
            checksums.append(integrity._read_checksum(path))
        answers = iter([*checksums, checksums[-1]])
        monkeypatch.setattr(integrity, "_read_checksum", lambda _: next(answers))
        assert not differs_from_checksum(path)
        monkeypatch.undo()
        checksum_file(path).write_text("")
        assert differs_from_checksum(path)


class TestWriting:
    @pytest.mark.skipif(os.name == "nt", reason="folders are not flushed there")
    def test_flushes_the_file_then_renames_then_flushes_the_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        done: list[str] = []
        fsync, replace = os.fsync, os.replace

        def flush(descriptor: int) -> None:
            done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
            fsync(descriptor)

        def rename(source: Path, target: Path) -> None:
            done.append("rename")
            replace(source, target)

        monkeypatch.setattr(os, "fsync", flush)
        monkeypatch.setattr(os, "replace", rename)
        write_with_checksum(tmp_path / "a.json", {"a": 1})
        assert done == ["file", "rename", "folder"]


class TestChecksums:
    def test_reveal_any_change_but_order_and_layout(self, tmp_path: Path) -> None:
        document = {"b": [1.5, None, "ä"], "a": {"n": 1e-300}}
        path = tmp_path / "a.json"
        write_with_checksum(path, document)
        assert read_verified(path) == document
        path.write_text(json.dumps(dict(reversed(read_json(path).items()))))
        assert read_verified(path) == document
        for other in ({**document, "c": 1}, {"b": document["b"]}, {**document, "a": {"n": 2e-300}}):
            with pytest.raises(ValueError, match="altered"):
                verified({**other, CHECKSUM: with_checksum(document)[CHECKSUM]})

    def test_a_document_without_one_is_accepted(self) -> None:
        assert verified({"a": 1}) == {"a": 1}
        with pytest.raises(ValueError, match="not a JSON object"):
            verified([1])

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.bool])
    def test_of_tensors_of_any_type(self, tmp_path: Path, dtype: torch.dtype) -> None:
        module = torch.nn.Module()
        module.register_buffer("scalar", torch.ones((), dtype=dtype))
        module.register_buffer("none", torch.ones((0, 3), dtype=dtype))
        module.register_buffer(
            "last", torch.ones((2, 3, 4, 4), dtype=dtype).to(memory_format=torch.channels_last)
        )
        path = tmp_path / "m.safetensors"
        save_module(path, module, {"a": "b"})
        load_module(path, module)
        assert read_metadata(path)["a"] == "b"
        content = path.read_bytes()
        for place in range(len(content) - 4, len(content)):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            with pytest.raises(UserError, match="altered"):
                load_module(path, module)

    def test_every_bit_of_the_header_is_covered(self, tmp_path: Path) -> None:
        """An altered header is found, or means the same: nothing else is ever read."""
        path = tmp_path / "m.safetensors"
        module = torch.nn.Linear(2, 2)
        save_module(path, module, {"provenance": "12345"})
        whole, metadata = path.read_bytes(), read_metadata(path)
        length = int.from_bytes(whole[:8], "little")
        found = 0
        for place in range(8, 8 + length):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            try:
                assert read_metadata(path)["provenance"] == metadata["provenance"]
                load_module(path, torch.nn.Linear(2, 2))
            except UserError:
                found += 1
        assert found > length * 0.8


def test_collecting_warns_in_python(cell: Path) -> None:
    flip(cell / "reconstruction.json")
    with pytest.warns(DamageWarning, match=r"reconstruction\.json"):
        collect([Path("runs")])
