"""A file that only grows, record by record: after any break its whole records are there and a torn last one is not."""

import os
import struct
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

HEAD = struct.Struct("<4sIII")  # mark, number, length, checksum of what follows
MARK = b"REC1"


def read_journal(path: Path) -> list[bytes]:
    """Return the records of a journal up to the first that is not whole; none where there is no file."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        return list(_records(file))


def append_record(path: Path, number: int, record: bytes) -> None:
    """Write record `number` (from 0) behind the others, and wait until it is on the disk."""
    head = HEAD.pack(MARK, number, len(record), zlib.crc32(record))
    with path.open("ab") as file:
        file.write(head + record)
        file.flush()
        os.fsync(file.fileno())
    if number == 0:
        sync_folder(path.parent)


def cut_journal(path: Path, lengths: Sequence[int]) -> None:
    """Shorten a journal to its first records, which have these lengths."""
    if path.exists():
        os.truncate(path, sum(lengths) + HEAD.size * len(lengths))


def sync_file(path: Path) -> None:
    """Wait until a file is on the disk, its name too."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk; Windows does that by itself."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _records(file: BinaryIO) -> Iterator[bytes]:
    expected = 0
    while len(head := file.read(HEAD.size)) == HEAD.size:
        mark, number, length, checksum = HEAD.unpack(head)
        if mark != MARK or number != expected:
            return
        record = file.read(length)
        if len(record) != length or zlib.crc32(record) != checksum:
            return
        yield record
        expected += 1
