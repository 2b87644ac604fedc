"""What goes wrong while somebody's file is read, told in words that its owner can act on."""

import errno
import logging
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from empanada_desktop.errors import DiskFullError, VolumeError

# A mangled file makes the libraries that parse it fail in nearly any way; these are the ways that were seen, and
# none of them is an AppError or a wish to stop.
READER_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)

DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT)

_hushing = threading.RLock()

for _chatty in ("tifffile", "ome_zarr", "zarr"):
    # Their remarks go to stderr when nobody listens; ours are notes and errors.
    logging.getLogger(_chatty).addHandler(logging.NullHandler())


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever a reader raises inside the block into a VolumeError that names the file."""
    try:
        yield
    except PermissionError as error:
        raise VolumeError(f"{path} may not be read.", "Ask its owner for permission to read it.") from error
    except FileNotFoundError as error:
        raise VolumeError(f"{path} does not exist, or a part of it is missing.", "Check the path.") from error
    except READER_FAULTS as error:
        raise VolumeError(
            f"{path} cannot be read: {_reason(error)}.",
            "The file may be damaged, cut short or of a kind that is not supported; copy it again or convert it.",
        ) from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn whatever the system or a writer raises inside the block into a VolumeError that names the file."""
    try:
        yield
    except PermissionError as error:
        raise VolumeError(f"{path} may not be written.", "Choose a folder that you may write to.") from error
    except READER_FAULTS as error:
        if isinstance(error, OSError) and error.errno in DISK_IS_FULL:
            raise DiskFullError(
                f"{path} cannot be written: {_reason(error)}.", "Make room on the disk, or choose another."
            ) from error
        if isinstance(error, OSError) and error.errno == errno.EROFS:
            raise VolumeError(f"{path} lies on a disk that is read only.", "Write to another disk.") from error
        raise VolumeError(
            f"{path} cannot be written: {_reason(error)}.",
            "See that the disk is there and has room, or choose another.",
        ) from error


class _Listener(logging.Handler):
    """Keeps what a library logs in the thread that listens."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        if record.thread == self._thread:
            self.heard.append(record.getMessage())


@contextmanager
def overhearing(library: str) -> Iterator[list[str]]:
    """Give the list that the warnings and errors which a library logs inside the block are put into."""
    listener = _Listener()
    logger = logging.getLogger(library)
    logger.addHandler(listener)
    try:
        yield listener.heard
    finally:
        logger.removeHandler(listener)


def _reason(error: BaseException) -> str:
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    words = words.partition(": header=")[0]  # bytes, which mean nothing to people
    return " ".join(words.split())[:160].rstrip(".") or type(error).__name__


@contextmanager
def hushed() -> Iterator[None]:
    """Keep third-party warnings about a file's oddities off the screen while it is opened; notes tell what matters.

    Python keeps the filters for all threads together, so only one thread may change them at a time: keep it short.
    """
    with _hushing, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
