"""What goes wrong while somebody's file is read, told in words that its owner can act on."""

import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from empanada_desktop.errors import VolumeError

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

for _chatty in ("tifffile", "ome_zarr", "zarr"):
    # Their remarks go to stderr when nobody listens; ours are notes and errors.
    logging.getLogger(_chatty).addHandler(logging.NullHandler())


@contextmanager
def reading(path: Path, part: str = "") -> Iterator[None]:
    """Turn whatever a reader raises inside the block into a VolumeError that names the file (and `part` of it)."""
    try:
        yield
    except PermissionError as error:
        raise VolumeError(f"{path} may not be read.", "Ask its owner for permission to read it.") from error
    except FileNotFoundError as error:
        raise VolumeError(f"{path} does not exist, or a part of it is missing.", "Check the path.") from error
    except READER_FAULTS as error:
        where = f"{part} of {path}" if part else f"{path}"
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise VolumeError(
            f"{where} cannot be read: {reason}.",
            "The file may be damaged, cut short or of a kind that is not supported; copy it again or convert it.",
        ) from error


@contextmanager
def hushed() -> Iterator[None]:
    """Keep third-party warnings about a file's oddities off the screen; what matters is told in notes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
