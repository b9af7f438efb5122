"""`lordbench data fetch`: which files are fetched, checksums, and messages."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from commandline import Run
from preparing import jpeg, write_tar
from serving import FETCH, FETCHED, NAME, NEW, OLD, Publisher, left, offer

from lordbench.datasets import edges2shoes
from lordbench.utils import hardware


class TestWhole:
    def test_a_file_is_fetched_once(
        self, run: Run, publisher: Publisher, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(*FETCH) == 0
        assert FETCHED.read_bytes() == OLD
        assert left() == [NAME]
        said = capsys.readouterr().err
        assert f"1 of 1: {NAME}: fetched" in said
        assert "lordbench data prepare edges2shoes --from" in said
        assert run(*FETCH) == 0
        assert "already exists" in capsys.readouterr().err
        assert len(publisher.asked) == 1

    def test_it_may_be_prepared_at_once(
        self, run: Run, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pixels = np.random.default_rng(0).integers(256, size=(256, 512, 3), dtype=np.uint8)
        members = [(f"edges2shoes/{split}/1_AB.jpg", jpeg(pixels)) for split in ("train", "val")]
        publisher.files[f"/{NAME}"] = write_tar(Path("served"), members).read_bytes()
        monkeypatch.setattr(edges2shoes.Edges2shoes, "n_images", 4)
        monkeypatch.setattr(hardware, "cores", lambda: 1)
        assert run(*FETCH, "--to", "my files", "--prepare") == 0
        assert Path("my files", NAME).is_file()
        assert Path("home/prepared/edges2shoes-1-64px").is_dir()

    def test_each_of_several_files_is_named(
        self,
        run: Run,
        publisher: Publisher,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        publisher.files |= {"/a.gz": b"a", "/b.gz": b"b"}
        offer(publisher, monkeypatch, a_gz=hashlib.md5(b"a").hexdigest(), b_gz="")
        assert run(*FETCH) == 0
        said = capsys.readouterr().err
        assert "1 of 2: a.gz: fetched, checksum correct" in said
        assert "2 of 2: b.gz: fetched, complete; no checksum is known" in said

    def test_some_of_several_files_may_be_chosen(
        self,
        run: Run,
        publisher: Publisher,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        publisher.files |= {"/a.gz": b"a", "/b.gz": b"b"}
        offer(publisher, monkeypatch, a_gz="", b_gz="")
        assert run(*FETCH, "--file", "b.gz") == 0
        assert left() == ["b.gz"]
        capsys.readouterr()
        assert run(*FETCH, "--file", "c.gz") == 2
        said = capsys.readouterr().err
        assert "c.gz is not one of its official files" in said
        assert "a.gz, b.gz" in said

    def test_a_wrong_checksum_names_both_and_moves_the_file_aside(
        self,
        run: Run,
        publisher: Publisher,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        right, wrong = (hashlib.md5(content).hexdigest() for content in (OLD, NEW))
        offer(publisher, monkeypatch, edges2shoes_tar_gz=right)
        publisher.files[f"/{NAME}"] = NEW
        assert run(*FETCH) == 2
        said = capsys.readouterr().err
        for text in (NAME, right, wrong, f"moved aside as {NAME}.wrong", "Run the same command again"):
            assert text in said
        assert left() == [f"{NAME}.wrong"]
        publisher.files[f"/{NAME}"] = OLD
        assert run(*FETCH) == 0
        assert FETCHED.read_bytes() == OLD


class TestRefused:
    def refused(self, run: Run, capsys: pytest.CaptureFixture[str]) -> str:
        assert run(*FETCH) == 2
        assert not FETCHED.exists()
        return capsys.readouterr().err

    def test_no_such_file(self, run: Run, publisher: Publisher, capsys: pytest.CaptureFixture[str]) -> None:
        publisher.files.clear()
        assert f"{publisher.address}/{NAME}: HTTP Error 404" in self.refused(run, capsys)
        assert len(publisher.asked) == 1
        assert left() == []

    def test_no_server(
        self,
        run: Run,
        publisher: Publisher,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        publisher.address = "http://127.0.0.1:9"
        offer(publisher, monkeypatch, edges2shoes_tar_gz="")
        assert "refused" in self.refused(run, capsys)

    def test_a_web_page(self, run: Run, publisher: Publisher, capsys: pytest.CaptureFixture[str]) -> None:
        publisher.headers["Content-Type"] = "text/html; charset=utf-8"
        assert "a web page instead of the file" in self.refused(run, capsys)

    def test_a_file_of_unknown_length(
        self, run: Run, publisher: Publisher, capsys: pytest.CaptureFixture[str]
    ) -> None:
        publisher.says_length = False
        assert "does not state the size" in self.refused(run, capsys)

    def test_offline(self, run: Run, publisher: Publisher, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
        monkeypatch.setenv("LORDBENCH_OFFLINE", "1")
        assert f"{NAME}: not fetched, because LORDBENCH_OFFLINE is set" in self.refused(run, capsys)
        assert not publisher.asked

    def test_a_folder_that_is_a_file(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        Path("taken").write_text("")
        assert run(*FETCH, "--to", "taken") == 2
        assert run(*FETCH, "--to", "taken/below") == 2
        assert "Name another folder with --to" in capsys.readouterr().err

    @pytest.mark.parametrize("target", ["/secret", "file:///etc/passwd"])
    def test_a_redirect_leads_to_servers_only(
        self, run: Run, publisher: Publisher, monkeypatch: pytest.MonkeyPatch, target: str
    ) -> None:
        publisher.files["/secret"] = NEW
        answer = publisher.answer

        def redirecting(request) -> None:
            if request.path != f"/{NAME}":
                return answer(request)
            request.send_response(302)
            request.send_header("Location", target)
            request.end_headers()

        monkeypatch.setattr(publisher, "answer", redirecting)
        assert run(*FETCH) == (2 if target.startswith("file") else 0)
        assert FETCHED.exists() == (not target.startswith("file"))


class TestMessages:
    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("celeba", ["non-commercial research only", "img_align_celeba.zip, identity_CelebA.txt"]),
            ("rafd", ["has to ask them", "rafd.socsci.ru.nl"]),
        ],
    )
    def test_a_data_set_with_terms_says_where_to_ask(
        self, run: Run, capsys: pytest.CaptureFixture[str], name: str, words: list[str]
    ) -> None:
        assert run("data", "fetch", name) == 2
        said = capsys.readouterr().err
        for text in ["does not fetch this data set", f"lordbench data prepare {name} --from PATH", *words]:
            assert text in said

    @pytest.mark.parametrize("name", ["toycars", "digits", "folder:."])
    def test_a_data_set_without_files_needs_no_download(
        self, run: Run, capsys: pytest.CaptureFixture[str], name: str
    ) -> None:
        assert run("data", "fetch", name) == 2
        assert "needs no download" in capsys.readouterr().err

    def test_lists_are_short_and_instructions_are_given_once(
        self, run: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for command in (["list", "datasets"], ["doctor"]):
            assert run(*command) == 0
            said = capsys.readouterr().out
            assert "lordbench data list" in said
            assert "--from" not in said
        assert run("data", "list") == 0
        said = capsys.readouterr().out
        assert "Run `lordbench data fetch smallnorb`, or get smallnorb-5x" in said
        assert "data fetch celeba" not in said
