"""Any content of a run folder is read or reported as damaged, in bounded memory, without leaving it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import struct
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from fuzzing import VALUES, altered, as_json, changed, headers, memory_below, refusing, safetensors
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from reporting import made_up_run, measurements
from rich.console import Console
from run_folders import NOW, Folder, moment, planned
from synthetic import cell

from lordbench.evaluation.measurement import Samples
from lordbench.evaluation.pictures import CHUNK, read_parts
from lordbench.report.status import status_json, status_view
from lordbench.results import samples
from lordbench.results.cells import cell_records
from lordbench.results.leaderboard import aggregate, by_seed, collect
from lordbench.results.loading import NoSamplesError, SampleFiles, Value
from lordbench.results.rows import COLUMNS
from lordbench.results.run_folder import Store
from lordbench.results.samples import Block, read_samples, write_samples
from lordbench.results.status import read_status
from lordbench.runner.run_folder import read_spec
from lordbench.training.checkpoints import CheckpointStore, Progress, load_module
from lordbench.utils.errors import UserError
from lordbench.utils.files import write_json
from lordbench.utils.integrity import read_metadata

CELL = "0123456789abcdef"
PROGRESS = moment().model_dump(mode="json")
FAILURE = {"error": "ValueError: no", "traceback": "Traceback", "when": NOW.isoformat()}
RESULTS = {"measurements": [m.model_dump() for m in measurements(0.4)]}
TIMES = {"leakage": 5.0, "reconstruction": 2.0}
CSV = cell(*measurements(0.4), cell=CELL).to_csv(index=False).encode()
BLANK = Console(file=io.StringIO(), width=200)


def plan() -> dict[str, Any]:
    cells = [planned(CELL).model_dump(mode="json"), planned("b" * 16, seed=1).model_dump(mode="json")]
    return {"began": NOW.isoformat(), "jobs": 2, "host": "here", "pid": 7, "cells": cells}


def files(fields: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """A JSON file: its fields changed, its bytes altered, or any other content."""
    content = as_json(fields)
    return st.one_of(
        changed(fields).map(as_json), altered(content), VALUES.map(as_json), st.binary(max_size=40)
    )


def npz(arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A run with a cell that is done, one running, one failed, and one that is not in the plan."""
    folder = Folder(tmp_path_factory.mktemp("outside") / "run")
    folder.plan(planned(CELL), planned("b" * 16, seed=1))
    folder.finish(CELL)
    folder.run("b" * 16)
    folder.fail("c" * 16)
    return folder


def look(folder: Folder) -> None:
    """Do what `lordbench status` does."""
    found, now = read_status(folder.store.root), datetime.now(NOW.tzinfo)
    json.loads(status_json([found], now), parse_constant=lambda text: pytest.fail(f"{text} in JSON"))
    BLANK.file = io.StringIO()
    BLANK.print(status_view([found], now))
    BLANK.file.getvalue().encode()


class TestStatus:
    @given(
        fields=st.one_of(
            files(plan()), changed(plan()["cells"][0]).map(lambda c: as_json(plan() | {"cells": [c]}))
        )
    )
    @example(fields=b"[" * 100_000)
    @example(fields=as_json(plan() | {"jobs": 10**400}))
    def test_of_any_plan(self, run_folder: Folder, fields: bytes) -> None:
        self.of(run_folder, run_folder.store.plan, fields, as_json(plan()))

    @given(fields=files(PROGRESS))
    @example(fields=as_json(PROGRESS | {"rate": 5e-324}))
    @example(fields=as_json(PROGRESS | {"images": 10**400, "images_in_all": 10**401}))
    @example(fields=as_json(PROGRESS | {"began": "0001-01-01T00:00:00+14:00"}))
    def test_of_any_progress(self, run_folder: Folder, fields: bytes) -> None:
        self.of(run_folder, run_folder.store.cell("b" * 16).progress, fields, as_json(PROGRESS))

    @given(fields=files(FAILURE))
    @example(fields=as_json(FAILURE | {"when": "0001-01-01T00:00:00+14:00"}))
    @example(fields=as_json(FAILURE | {"error": "\ud800"}))
    def test_of_any_failure(self, run_folder: Folder, fields: bytes) -> None:
        self.of(run_folder, run_folder.store.cell("c" * 16).failure, fields, as_json(FAILURE))

    @given(fields=files(TIMES))
    @example(fields=b'{"leakage": 1e999}')
    @example(fields=b'{"leakage": NaN}')
    def test_of_any_times(self, run_folder: Folder, fields: bytes) -> None:
        self.of(run_folder, run_folder.store.cell(CELL).times, fields, as_json(TIMES))

    @given(
        fields=st.one_of(
            files(RESULTS), changed(RESULTS["measurements"][0]).map(lambda m: as_json({"measurements": [m]}))
        )
    )
    def test_of_any_measurements(self, run_folder: Folder, fields: bytes) -> None:
        self.of(run_folder, run_folder.store.cell(CELL).path / "leakage.json", fields, as_json(RESULTS))
        run_folder.store.rows()

    def test_of_files_of_any_year(self, run_folder: Folder) -> None:
        file = run_folder.store.cell(CELL).path / "leakage.json"
        for year in (0, 3000, 40_000):
            os.utime(file, ns=(0, year * 365 * 86_400 * 10**9 // 2))
            look(run_folder)

    def of(self, folder: Folder, file: Path, content: bytes, before: bytes) -> None:
        file.write_bytes(content)
        try:
            look(folder)
        finally:
            file.write_bytes(before)


@given(content=files(plan() | {"id": CELL}))
def test_any_cell_description_is_read_or_skipped(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    root = tmp_path_factory.getbasetemp() / "described"
    file = Store(root).cell(CELL).description
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    assert len(cell_records([root])) <= 1


@pytest.mark.parametrize(
    "name", ["../../../secret", "/etc", "..", "a/b", "a\\b", "a\0b", "\ud800", "a\nb", "", "x" * 300]
)
def test_no_name_leaves_its_folder(tmp_path: Path, name: str) -> None:
    write_json(tmp_path / "secret.json", RESULTS)
    write_samples(tmp_path / "secret.npz", {})
    store = Store(tmp_path / "run")
    folder = store.cell(CELL)
    folder.path.mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="is not a file name"):
        store.cell(name)
    assert folder.measurements(name) is None
    with pytest.raises(FileNotFoundError):
        folder.samples(name)
    for cell_id, experiment in ((name, "leakage"), (CELL, name)):
        with pytest.raises(NoSamplesError, match="not kept"):
            SampleFiles([tmp_path / "run"]).samples(Value(0.0, 1, 0, cell_id, experiment, "encoded/x/l1"))
    store.plan.write_bytes(as_json(plan() | {"cells": [plan()["cells"][0] | {"id": name}]}))
    assert "no readable plan" in read_status(store.root).notes[0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_pipe_in_place_of_a_file_blocks_nothing(run_folder: Folder) -> None:
    file = run_folder.store.cell("c" * 16).failure
    file.unlink()
    os.mkfifo(file)
    look(run_folder)
    file.unlink()
    file.write_bytes(as_json(FAILURE))


class TestResults:
    @given(
        content=st.one_of(
            st.binary(max_size=60),
            altered(CSV),
            st.tuples(st.sampled_from(COLUMNS), st.text(max_size=12)).map(
                lambda other: (
                    pd.read_csv(io.BytesIO(CSV), dtype=str, keep_default_na=False)
                    .assign(**{other[0]: other[1]})
                    .to_csv(index=False)
                    .encode("utf-8", "surrogatepass")
                )
            ),
        )
    )
    @example(content=CSV.replace(b",0,", b",9223372036854775808,"))
    @example(content=CSV.replace(b"False", b"maybe"))
    @example(content=CSV.replace(b"0.4", b"inf"))
    @example(content=CSV[: CSV.index(b"\n") + 1])
    def test_a_csv_is_read_or_refused(self, tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
        file = tmp_path_factory.getbasetemp() / "results.csv"
        file.write_bytes(content)
        with refusing(UserError, Path("")):
            rows = collect([file])
            assert list(rows.columns) == list(COLUMNS)
            assert rows["seed"].dtype == rows["n"].dtype == np.int64
            assert not np.isinf(rows["value"].to_numpy("float64")).any()
            assert len(aggregate(rows)) <= len(by_seed(rows)) <= len(rows)

    def test_a_compressed_csv_is_not_unpacked(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "rows.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("rows.csv", CSV)
        with pytest.raises(UserError, match=r"rows\.csv\.zip"):
            collect([tmp_path / "rows.csv.zip"])

    @given(content=st.one_of(st.binary(max_size=60), altered(b"phase,step,loss\na,1,0.5\na,2,0.25\nb,1,3\n")))
    @example(content=b"phase,step,loss\na,1,much\n")
    @example(content=b"phase,step,loss\na,99999999999999999999,1\n")
    @example(content=b"phase,step\na,-9223372036854775808\n")
    @example(content=b"step,step,phase\n1,2,3\n")
    def test_a_curve_is_read_or_skipped(self, drawn: Path, content: bytes) -> None:
        from lordbench.report.figures.curves import by_panel, draw_curve
        from lordbench.report.figures.drawing import figure
        from lordbench.report.figures.signs import term_signs

        Store(drawn).cell("lord-0").curve.write_bytes(content)
        for found in by_panel(cell_records([drawn])).values():
            for curve in found:
                draw_curve(figure(1, 1).subplots(), curve, term_signs(map(str, curve.columns)))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_run(tmp_path_factory.mktemp("drawn") / "run", {"lord": 0.4}, seeds=(0,))


KEPT = {"encoded/transfer/l1": Samples.of(np.arange(6.0), np.arange(6))}


class TestSamples:
    @given(data=st.data())
    def test_are_read_or_refused(self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
        file = tmp_path_factory.getbasetemp() / "samples.npz"
        write_samples(file, KEPT)
        file.write_bytes(data.draw(altered(file.read_bytes())))
        self.read(file)

    @given(
        header=st.one_of(
            st.text(max_size=60),
            st.builds(
                "{{'descr': {!r}, 'fortran_order': {}, 'shape': {}}}".format,
                st.sampled_from(["<f4", "|O", "<U7", "|V0", "<f4,<i8", "zz", "|S99999999"]),
                st.sampled_from(["True", "False", "7"]),
                st.sampled_from(
                    ["()", "(1,)", "(1, 6)", "(-1, -6)", "(2**40,)", "(1099511627776,)", "(0, 10**20)"]
                ),
            ),
        )
    )
    @example(header="(" * 9000)
    def test_with_any_header_are_read_or_refused(
        self, tmp_path_factory: pytest.TempPathFactory, header: str
    ) -> None:
        file = tmp_path_factory.getbasetemp() / "headers.npz"
        with zipfile.ZipFile(file, "w") as archive:
            text = header.encode("latin1", "replace") + b"\n"
            for name in ("keys", "values", "groups"):
                content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(24)
                archive.writestr(f"0.{name}.npy", content)
        with memory_below(64 << 20):
            self.read(file)

    def test_that_are_objects_or_unpack_to_gigabytes_are_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Evil:
            def __reduce__(self) -> tuple[Any, ...]:
                return os.mkdir, (str(tmp_path / "ran"),)

        arrays = {f"0.{name}": np.array([Evil()], dtype=object) for name in ("keys", "values", "groups")}
        (tmp_path / "objects.npz").write_bytes(npz(arrays))
        claim = {"descr": "<f4", "fortran_order": False, "shape": (1 << 40,)}
        np.lib.format.write_array_header_1_0(header := io.BytesIO(), claim)
        for name, amount in (("claims", 0), ("bomb", 4 << 20)):
            with zipfile.ZipFile(tmp_path / f"{name}.npz", "w", zipfile.ZIP_DEFLATED) as archive:
                for part in ("keys", "values", "groups"):
                    archive.writestr(f"0.{part}.npy", header.getvalue() + bytes(amount))
        kinds = {"keys": ("<U0", (1 << 40,)), "values": ("<f4", (1 << 40, 0)), "groups": ("<i8", (1, 0))}
        with zipfile.ZipFile(tmp_path / "nothing.npz", "w") as archive:
            for part, (kind, shape) in kinds.items():
                claim = {"descr": kind, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(header := io.BytesIO(), claim)
                archive.writestr(f"0.{part}.npy", header.getvalue())
        monkeypatch.setattr(samples, "LARGEST", 1 << 20)
        refused = {
            "objects": "pickle", "claims": "header claims", "bomb": "unpacks to more", "nothing": "<U0",
        }  # fmt: skip
        for name, why in refused.items():
            with memory_below(1 << 20), pytest.raises(ValueError, match=f"(?s)damaged: .*{why}"):
                read_samples(tmp_path / f"{name}.npz")
        assert not (tmp_path / "ran").exists()

    def read(self, file: Path) -> None:
        with contextlib.suppress(OSError), refusing(ValueError, file):
            assert all(isinstance(block, Block) for block in read_samples(file))


class TestModels:
    @given(data=st.data())
    def test_are_read_or_refused(self, run_folder: Folder, data: st.DataObject) -> None:
        file = run_folder.store.cell(CELL).model
        before = file.read_bytes()
        file.write_bytes(data.draw(st.one_of(altered(before[:1200]), altered(before), headers())))
        module = torch.nn.Linear(1, 1, bias=False)
        folder = run_folder.store.cell(CELL)
        readers = (
            folder.provenance, lambda: read_spec(folder), folder.rows, lambda: load_module(file, module),
        )  # fmt: skip
        for read in readers:
            with memory_below(64 << 20), refusing(UserError, file):
                read()
        look(run_folder)
        file.write_bytes(before)

    @given(progress=st.one_of(changed(vars(Progress())).map(as_json), VALUES.map(as_json)))
    @example(progress=b"[" * 100_000)
    def test_of_unfinished_trainings_are_resumed_or_restarted(
        self, tmp_path_factory: pytest.TempPathFactory, progress: bytes
    ) -> None:
        file = tmp_path_factory.getbasetemp() / "checkpoint.safetensors"
        file.write_bytes(safetensors({"__metadata__": {"progress": progress.decode()}}))
        found = CheckpointStore(file).progress()
        assert found is None or (isinstance(found.step, int) and isinstance(found.finished, list))


AREA = {"x": 0, "y": 0, "lines": 2, "columns": 2}
PART = {"title": "t", "areas": {"outputs": AREA}, "columns": ["a"]}
LAYOUT = {"size": 4, "scale": 2, "step": 8, "parts": [PART]}


def png(layout: bytes, size: int = 16) -> bytes:
    text, buffer = PngImagePlugin.PngInfo(), io.BytesIO()
    text.add_text(CHUNK, layout.decode())
    Image.new("RGB", (size, size)).save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()


class TestPictures:
    @given(
        content=st.one_of(
            altered(png(as_json(LAYOUT))),
            st.binary(max_size=40),
            files(LAYOUT).filter(bytes.isascii).map(png),
        )
    )
    @example(content=png(as_json(LAYOUT | {"step": 1, "size": 1 << 12, "scale": 1})))
    @example(content=png(as_json(LAYOUT | {"parts": LAYOUT["parts"] * 1000})))
    def test_are_read_or_refused(self, tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
        file = tmp_path_factory.getbasetemp() / "picture.png"
        file.write_bytes(content)
        with memory_below(64 << 20), refusing(ValueError, file):
            for part, tiles in read_parts(file):
                assert {role: found.shape[:2] for role, found in tiles.items()} == {
                    role: (area.lines, area.columns) for role, area in part.areas.items()
                }

    def test_of_overlapping_images_are_refused(self, tmp_path: Path) -> None:
        area = {"x": 0, "y": 0, "lines": 1024, "columns": 1024}
        bomb = LAYOUT | {
            "size": 4096,
            "scale": 1,
            "step": 1,
            "parts": [{"title": "", "areas": {"outputs": area}}],
        }
        (tmp_path / "bomb.png").write_bytes(png(as_json(bomb)))
        with pytest.raises(ValueError, match="images overlap"):
            read_parts(tmp_path / "bomb.png")


def test_metadata_of_any_length_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", 1 << 60) + b"{}")
    with memory_below(1 << 20), pytest.raises(UserError, match=r"a\.safetensors"):
        read_metadata(tmp_path / "a.safetensors")
