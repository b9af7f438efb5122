"""kth: errors in a video or the list name the file, and leave nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from commandline import Run
from kth_files import CODECS, LENGTH, avi, of, refused, write_archives
from preparing import write_folder, write_zip


@pytest.fixture
def official(tmp_path: Path) -> Path:
    return write_archives(tmp_path / "kth")


class TestVideoErrors:
    def damaged(self, official: Path, content: bytes) -> str:
        name = "person02_handwaving_d4_uncomp.avi"
        write_zip(official / "handwaving.zip", (dict(of("handwaving")) | {name: content}).items())
        return f"handwaving.zip/{name}: this file cannot be read"

    @pytest.mark.parametrize("codec", range(len(CODECS)))
    @pytest.mark.parametrize("cut", ["all", "header", "half", "last frame"])
    def test_a_truncated_video_is_named(
        self, run: Run, official: Path, capsys: pytest.CaptureFixture[str], codec: int, cut: str
    ) -> None:
        whole = avi([50] * 6, codec)
        # The index stands behind the last frame.
        end = whole.index(b"idx1")
        length = {"all": 0, "header": 200, "half": end // 2, "last frame": end - 300}[cut]
        words = self.damaged(official, whole[:length])
        if not length:
            words = words.replace("this file cannot be read", "this is not the file, it is empty")
        assert words in refused(run, official, capsys)

    def test_a_range_beyond_the_end_is_named(
        self, run: Run, official: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = self.damaged(official, avi([50] * 5))
        said = refused(run, official, capsys)
        assert f"{words}: it ends before frame 6" in said

    def test_another_size_is_refused(
        self, run: Run, official: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = self.damaged(official, avi([50] * LENGTH, size=(320, 240))).partition(":")[0]
        problem = "it has 320 x 240 pixels, the official images 160 x 120"
        assert f"{file}: {problem}" in refused(run, official, capsys)

    @pytest.mark.parametrize("head", ["ffconcat version 1.0\nfile", "#EXTM3U\n#EXTINF:1,\n"])
    def test_a_playlist_is_not_a_video(
        self, run: Run, official: Path, capsys: pytest.CaptureFixture[str], head: str
    ) -> None:
        # Beside where the test runs, so that a player of the list would find it.
        Path("other.avi").write_bytes(avi([50] * LENGTH))
        words = self.damaged(official, f"{head} other.avi\n".encode())
        assert words in refused(run, official, capsys)

    def test_a_file_that_is_not_an_archive(
        self, run: Run, official: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (official / "boxing.zip").write_bytes(b"<html>not found</html>")
        assert "boxing.zip: this is not the file, it is an HTML page" in refused(run, official, capsys)


class TestListErrors:
    @pytest.mark.parametrize(
        ("damage", "words"),
        [
            ("person02_handwaving_d4\t\tframes\t2-4, 4-6\n", "the line of person02_handwaving_d4 is missing"),
            ("\tframes\t2-4, 4-6", "person02_handwaving_d4"),
            (", 4-6", ", 4-"),
            ("2-4", "4-2"),
            ("2-4", "0-4"),
            ("2-4,", "2-4;"),
            ("2-4", "2-99999999999"),
        ],
    )
    def test_a_missing_or_broken_line_is_named(
        self, run: Run, official: Path, capsys: pytest.CaptureFixture[str], damage: str, words: str
    ) -> None:
        path = official / "00sequences.txt"
        replaced = "" if words.startswith(("the", "person")) else words
        path.write_text(path.read_text().replace(damage, replaced, 1))
        said = refused(run, official, capsys)
        assert "00sequences.txt: " in said
        assert (words if words.startswith("the") else "line ") in said

    def test_a_repeated_line_of_a_video_is_refused(
        self, run: Run, official: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with (official / "00sequences.txt").open("a") as file:
            file.write("person02_handwaving_d4 frames 1-2\n")
        assert "repeats person02_handwaving_d4" in refused(run, official, capsys)

    def test_a_line_without_a_video_is_named(
        self, run: Run, official: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_zip(official / "handwaving.zip", of("handwaving")[1:])
        assert "person01_handwaving_d4_uncomp.avi not found" in refused(run, official, capsys)

    def test_a_video_that_is_marked_as_missing_must_be(
        self, run: Run, official: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = official / "00sequences.txt"
        path.write_text(path.read_text().replace("frames\t2-4, 4-6", "*missing*"))
        assert "person02_handwaving_d4 is missing, or has no frames" in refused(run, official, capsys)

    def test_the_list_is_required(self, run: Run, official: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (official / "00sequences.txt").unlink()
        assert "00sequences.txt not found" in refused(run, official, capsys)
        assert "00sequences.txt not found" in refused(run, official / "boxing.zip", capsys)

    def test_a_folder_without_videos(
        self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert "walking.zip" in refused(run, write_folder(tmp_path / "no", [("a.txt", b"")]), capsys)
        assert "no such file or folder" in refused(run, tmp_path / "nowhere", capsys)
