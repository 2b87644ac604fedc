"""The lock as it works on Windows, with a stand-in for its module that keeps the rules of the real one."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from empanada_desktop.document import lock
from empanada_desktop.document.lock import LOCK_FILE, SessionLock
from empanada_desktop.errors import SettingsError


class Locking:
    """msvcrt.locking: bytes from the file's position on, held by an open file, refused to every other one."""

    LK_NBLCK, LK_UNLCK = 2, 0

    def __init__(self) -> None:
        self.held: dict[tuple[int, int], int] = {}

    def locking(self, descriptor: int, mode: int, count: int) -> None:
        """Lock or unlock; OSError where that is not possible."""
        place = (os.fstat(descriptor).st_ino, os.lseek(descriptor, 0, os.SEEK_CUR))
        assert count == 1
        if mode == self.LK_UNLCK:
            if self.held.get(place) != descriptor:
                raise PermissionError(13, "Permission denied")
            del self.held[place]
        elif place in self.held:
            raise PermissionError(13, "Permission denied")
        else:
            self.held[place] = descriptor


def test_a_session_is_open_once_on_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = Locking()
    monkeypatch.setitem(sys.modules, "msvcrt", module)
    monkeypatch.setattr(lock, "os", SimpleNamespace(name="nt", getpid=os.getpid))
    first = SessionLock(tmp_path)
    assert len(module.held) == 1
    assert (tmp_path / LOCK_FILE).read_text() == str(os.getpid())
    assert SessionLock.is_held(tmp_path)
    with pytest.raises(SettingsError, match="another window"):
        SessionLock(tmp_path)
    first.release()
    assert module.held == {}  # at once, not when the system gets round to it
    assert not SessionLock.is_held(tmp_path)
    assert module.held == {}
    with SessionLock(tmp_path):
        assert SessionLock.is_held(tmp_path)
    assert module.held == {}
