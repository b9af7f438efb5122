"""Lock files, also where a file system has no locks."""

import errno
import fcntl
import os
import warnings
from pathlib import Path

import pytest
from commandline import TINY, Run
from filelock import Timeout
from run_folders import Folder, planned

from lordbench.utils.errors import UserError
from lordbench.utils.locks import is_held, locked

NO_LOCKS = [errno.ENOLCK, errno.EOPNOTSUPP, errno.EBADF, errno.EINVAL]


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A file system that refuses to lock files, with the error of the parameter."""

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", flock)


@pytest.mark.parametrize("refuse", NO_LOCKS, indirect=True, ids=errno.errorcode.get)
class TestWithoutLocks:
    def test_the_folder_and_what_to_do_are_named(self, tmp_path: Path, refuse: None) -> None:
        path = tmp_path / "runs" / ".lock"
        with pytest.raises(UserError, match=r"runs: files cannot be locked here.*\n.*--out"), locked(path):
            pass
        with pytest.raises(UserError, match=r"runs: files cannot be locked here.*\n.*--out"):
            is_held(path)

    def test_by_the_commands(self, run: Run, capsys: pytest.CaptureFixture[str], refuse: None) -> None:
        folder = Folder(Path("old"))
        folder.plan(planned("a"))
        folder.store.lock.touch()
        assert run("status", "old") == 2
        assert "old: files cannot be locked here" in capsys.readouterr().err
        assert run(*TINY, "--methods", "mlvae") == 2
        assert "runs: files cannot be locked here" in capsys.readouterr().err


def test_a_file_is_the_lock_where_there_is_no_flock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", flock)
    path = tmp_path / ".lock"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # filelock says what it does instead
        with locked(path):
            assert is_held(path)
            with pytest.raises(Timeout), locked(path, timeout=0):
                pass
    assert not is_held(path)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with locked(path), pytest.raises(Timeout), locked(path, timeout=0):
        pass
    with locked(path, timeout=0):
        assert is_held(path)
    assert not is_held(path)
