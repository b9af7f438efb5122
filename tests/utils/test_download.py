"""Downloads through `lordbench data fetch`: resumed, always complete, never joined from two files."""

from __future__ import annotations

import json

import pytest
from commandline import Run
from serving import FETCH, FETCHED, FOLDER, NAME, NEW, OLD, PART, Publisher, left


def ranges(publisher: Publisher) -> list[str | None]:
    return [wanted for _, wanted in publisher.asked]


class TestDropped:
    def test_a_dropped_connection_is_resumed(self, run: Run, publisher: Publisher) -> None:
        publisher.drops = [100_000, 50_000]
        assert run(*FETCH) == 0
        assert FETCHED.read_bytes() == OLD
        assert ranges(publisher) == [None, "bytes=100000-", "bytes=150000-"]
        assert publisher.sent == len(OLD)
        assert left() == [NAME]

    def test_a_later_call_resumes(
        self, run: Run, publisher: Publisher, capsys: pytest.CaptureFixture[str]
    ) -> None:
        publisher.drops = [100_000, 0, 0]
        assert run(*FETCH) == 2
        said = capsys.readouterr().err
        assert f"{NAME}: the connection was dropped after 100,000 of 300,123 bytes" in said
        assert "Run the same command again later to resume" in said
        assert not FETCHED.exists()
        assert PART.read_bytes() == OLD[:100_000]
        assert run(*FETCH) == 0
        assert FETCHED.read_bytes() == OLD
        assert publisher.sent == len(OLD)

    def test_a_server_without_ranges_sends_everything_again(self, run: Run, publisher: Publisher) -> None:
        publisher.ranges, publisher.drops = False, [100_000]
        assert run(*FETCH) == 0
        assert FETCHED.read_bytes() == OLD
        assert publisher.sent == 100_000 + len(OLD)

    @pytest.mark.parametrize("etag", ["", 'W/"1"'])
    def test_a_file_without_a_strong_mark_is_not_resumed(
        self, run: Run, publisher: Publisher, etag: str
    ) -> None:
        publisher.etag, publisher.drops = etag, [100_000]
        assert run(*FETCH) == 0
        assert FETCHED.read_bytes() == OLD
        assert ranges(publisher) == [None, None]

    def test_last_modified_is_a_mark_too(self, run: Run, publisher: Publisher) -> None:
        publisher.etag, publisher.if_range, publisher.drops = "", False, [100_000]
        publisher.headers["Last-Modified"] = "Mon, 05 Jan 2015 00:00:00 GMT"
        assert run(*FETCH) == 0
        assert ranges(publisher) == [None, "bytes=100000-"]

    def test_a_call_stopped_before_the_last_step_needs_no_server(
        self, run: Run, publisher: Publisher
    ) -> None:
        FOLDER.mkdir(parents=True)
        PART.write_bytes(OLD)
        PART.with_name(f"{PART.name}.json").write_text(
            json.dumps({"size": len(OLD), "marks": {"ETag": '"1"'}})
        )
        assert run(*FETCH) == 0
        assert FETCHED.read_bytes() == OLD
        assert left() == [NAME]
        assert not publisher.asked


class TestChanged:
    @pytest.mark.parametrize("if_range", [True, False])
    @pytest.mark.parametrize("content", [NEW, NEW[:80_000], NEW + OLD])
    def test_two_files_are_never_joined(
        self, run: Run, publisher: Publisher, if_range: bool, content: bytes
    ) -> None:
        publisher.drops, publisher.if_range = [100_000, 0, 0], if_range
        assert run(*FETCH) == 2
        publisher.files[f"/{NAME}"], publisher.etag = content, '"2"'
        assert run(*FETCH) == 0
        assert FETCHED.read_bytes() == content
        assert left() == [NAME]

    @pytest.mark.parametrize("note", ["", "{", "[]", '{"size": 1}', None])
    def test_a_partial_file_without_a_valid_note_is_not_resumed(
        self, run: Run, publisher: Publisher, note: str | None
    ) -> None:
        FOLDER.mkdir(parents=True)
        PART.write_bytes(NEW[:100_000])
        if note is not None:
            PART.with_name(f"{PART.name}.json").write_text(note)
        assert run(*FETCH) == 0
        assert FETCHED.read_bytes() == OLD
        assert ranges(publisher) == [None]
