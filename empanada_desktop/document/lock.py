"""One window per session: the process that has it open holds a lock on a file, which the system drops with it."""

import contextlib
import os
from pathlib import Path
from typing import IO, Self

from empanada_desktop.errors import SettingsError

LOCK_FILE = "lock"


class SessionLock:
    """Holds a session's folder. A lock of a process that died counts for nothing: the system lets go of it."""

    def __init__(self, folder: Path) -> None:
        """Take the lock; SettingsError when another window has it, or the folder cannot be made."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file: IO[str] | None = (folder / LOCK_FILE).open("a+", encoding="utf-8")
        except OSError as error:
            raise no_room(folder, error) from error
        if not _take(self._file):
            self._file.close()
            raise SettingsError(
                "This session is open in another window.", "Continue it there, or close that window first."
            )
        try:
            self._file.seek(0)
            self._file.truncate()
            self._file.write(str(os.getpid()))
            self._file.flush()
        except OSError as error:
            with contextlib.suppress(OSError):  # it tries once more to write
                self._file.close()
            raise no_room(folder, error) from error

    def release(self) -> None:
        """Let go of the session."""
        if self._file is not None:
            _let_go(self._file)
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    @staticmethod
    def is_held(folder: Path) -> bool:
        """Whether some window has the session open."""
        path = folder / LOCK_FILE
        if not path.is_file():
            return False
        try:
            with path.open("a+", encoding="utf-8") as file:
                is_free = _take(file)
                if is_free:
                    _let_go(file)
                return not is_free
        except OSError:
            return True


def no_room(folder: Path, error: OSError) -> SettingsError:
    """Say that a session finds no room, or no folder that may be written to."""
    words = f"The session cannot be kept in {folder}: {error.strerror or error}."
    return SettingsError(words, "Free space on the disk. Everything is still open.")


def _take(file: IO[str]) -> bool:
    """Lock an open file; False when another has it."""
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _let_go(file: IO[str]) -> None:
    """Unlock an open file; Windows itself does it only some time after it is closed."""
    if os.name == "nt":
        import msvcrt

        with contextlib.suppress(OSError, ValueError):
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined,unused-ignore]
