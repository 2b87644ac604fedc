"""Records in a file that only grows: named values and bytes, with lengths and checksums, so that a torn end shows."""

import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

HEAD = struct.Struct("<4sIQII")  # mark, length of the values, length of the bytes, checksum of each
MARK = b"EDT1"


@dataclass(frozen=True)
class Place:
    """Where a record lies: its first byte, and the one after its last."""

    start: int
    stop: int


def packed(values: dict[str, Any], blobs: Sequence[bytes] = ()) -> bytes:
    """Return a record as bytes. values: what JSON holds; the blobs come back as they are, in order."""
    head = json.dumps({**values, "blobs": [len(blob) for blob in blobs]}, separators=(",", ":")).encode()
    body = b"".join(blobs)
    return HEAD.pack(MARK, len(head), len(body), zlib.crc32(head), zlib.crc32(body)) + head + body


def read_record(file: BinaryIO) -> tuple[dict[str, Any], list[bytes]] | None:
    """Return the values and blobs of the record that begins where the file stands; None where none is whole."""
    found = _read_head(file)
    if found is None:
        return None
    values, length, checksum = found
    body = file.read(length)
    if len(body) != length or zlib.crc32(body) != checksum:
        return None
    return values, list(_cut(body, values["blobs"]))


def read_heads(file: BinaryIO, size: int) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield place and values of every record from where the file stands up to the first that is torn.

    size: of the file. Bytes are skipped, not read: what is damaged inside them shows when the record is read.
    """
    while True:
        start = file.tell()
        found = _read_head(file)
        if found is None or file.tell() + found[1] > size:
            return
        stop = file.tell() + found[1]
        file.seek(stop)
        yield Place(start, stop), found[0]


def _read_head(file: BinaryIO) -> tuple[dict[str, Any], int, int] | None:
    """The values, and length and checksum of the bytes behind them."""
    head = file.read(HEAD.size)
    if len(head) != HEAD.size:
        return None
    mark, n_values, n_bytes, sum_of_values, sum_of_bytes = HEAD.unpack(head)
    plain = file.read(n_values) if mark == MARK else b""
    if mark != MARK or len(plain) != n_values or zlib.crc32(plain) != sum_of_values:
        return None
    values = json.loads(plain)
    return values, n_bytes, sum_of_bytes


def _cut(body: bytes, lengths: Sequence[int]) -> Iterator[bytes]:
    start = 0
    for length in lengths:
        yield body[start : start + length]
        start += length
