"""Open zip files of strangers: names and sizes are checked first, and nothing is extracted under a name of theirs."""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.errors import WeightsError

MAX_ENTRIES = 20_000
MAX_TOTAL_BYTES = 4 << 30
MAX_EXPANSION = 20
SLACK_BYTES = 16 << 20

ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, OverflowError)
HINT = "Take the file again from where it came."


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip file whose entries are harmless; WeightsError for a damaged, swollen or devious one."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_entries(archive, path)
            yield archive
    except FileNotFoundError as problem:
        raise WeightsError(f"There is no file {path}.", "Check the path.") from problem
    except ZIP_ERRORS as problem:
        raise WeightsError(f"{path} is damaged or not a file of weights.", HINT) from problem


def read_entry(archive: zipfile.ZipFile, name: str, limit: int) -> NDArray[np.uint8]:
    """Read an entry as bytes that may be written to; ValueError when it is larger than `limit` or ends early."""
    entry = archive.getinfo(name)
    if entry.file_size > limit:
        raise ValueError(f"{name} is larger than {limit} bytes")
    with archive.open(entry) as stream:
        content = bytearray(stream.read(entry.file_size))
    if len(content) != entry.file_size:
        raise ValueError(f"{name} ends early")
    return np.frombuffer(content, np.uint8)


@contextmanager
def extracted(path: Path, suffixes: dict[str, str]) -> Iterator[dict[str, Path]]:
    """Copy entries into a temporary folder under names of ours: `suffixes` maps an entry's name to a file name."""
    with tempfile.TemporaryDirectory(prefix="empanada-weights-") as folder, open_archive(path) as archive:
        files = {}
        for entry, name in suffixes.items():
            files[name] = Path(folder) / name
            read_entry(archive, entry, MAX_TOTAL_BYTES).tofile(files[name])
        yield files


def _check_entries(archive: zipfile.ZipFile, path: Path) -> None:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise WeightsError(f"{path} has more entries than weights ever have.", HINT)
    for entry in entries:
        _check_name(entry.filename, path)
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise WeightsError(f"{path} is compressed in an unusual way.", HINT)
    total = sum(entry.file_size for entry in entries)
    if total > min(MAX_TOTAL_BYTES, MAX_EXPANSION * path.stat().st_size + SLACK_BYTES):
        raise WeightsError(f"{path} would expand to {total / 1e9:.1f} GB: it was not opened.", HINT)


def _check_name(name: str, path: Path) -> None:
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\\" in name or ":" in name or "\0" in name:
        raise WeightsError(f"{path} has an entry that points out of it ({name!r}): it was not opened.", HINT)
