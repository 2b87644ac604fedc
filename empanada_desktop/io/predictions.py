"""The planes of a stack that are finished: their components in an array, and a journal of what tracking knows of them.

    X.zarr/predictions/<plane>/components    uint32 (planes, rows, columns), a file a plane, numbered anew in each
    X.zarr/predictions/<plane>/components/planes.journal    a record a plane

A plane counts once its record is whole, and the record is begun only when the plane's own file is on the disk: wherever
the work is broken off, the planes that count are whole.
"""

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from empanada_desktop.core.components import ComponentTable
from empanada_desktop.core.tracking import PlaneRecord
from empanada_desktop.io.journal import append_record, cut_journal, read_journal, sync_file

PREDICTIONS = "predictions"
JOURNAL = "planes.journal"
COUNTS = struct.Struct("<II")
# Type and width of each column. Of a component: class, area, box, is_thing; of an overlap: before, here, shared.
TABLE: Sequence[tuple[str, int]] = (("<u2", 1), ("<u4", 1), ("<u4", 4), ("|b1", 1))
LINKS: Sequence[tuple[str, int]] = (("<u4", 1),) * 3


class StackPlanes:
    """The finished planes of one stack. One thread appends; others may read the components meanwhile."""

    def __init__(self, array: "zarr.Array[Any]", folder: Path) -> None:
        """Read what there is of `array`, whose files lie in `folder`; `records` are those of the planes found there."""
        self.array = array
        self._folder = folder
        self._journal = folder / JOURNAL
        packed = read_journal(self._journal)[: len(self)]
        self._lengths = [len(record) for record in packed]
        self.records = [unpack_record(record) for record in packed]
        self._forget_lost_planes()
        self.n_done = len(self.records)
        """How many planes are finished, from the first one on."""

    def __len__(self) -> int:
        """Return how many planes the stack has."""
        return int(self.array.shape[0])

    def take_up(self) -> NDArray[np.uint32] | None:
        """Make ready to append: what is there of planes that do not count goes. Returns the last plane that counts."""
        cut_journal(self._journal, self._lengths)
        for index in range(self.n_done, len(self)):
            self._file_of(index).unlink(missing_ok=True)
        return np.asarray(self.array[self.n_done - 1]) if self.n_done else None

    def append(self, components: NDArray[np.uint32], record: PlaneRecord) -> None:
        """Write the next plane; it counts when this returns."""
        index = self.n_done
        self.array[index] = components
        if (path := self._file_of(index)).exists():  # a plane without objects has no file
            sync_file(path)
        append_record(self._journal, index, pack_record(record))
        self.n_done += 1

    def _file_of(self, index: int) -> Path:
        return self._folder / f"c.{index}.0.0"

    def _forget_lost_planes(self) -> None:
        """Count no further than the first plane whose file is gone."""
        for index, record in enumerate(self.records):
            if len(record.table) and not self._file_of(index).is_file():
                del self.records[index:], self._lengths[index:]
                return


def pack_record(record: PlaneRecord) -> bytes:
    """Return the bytes that the journal keeps of a plane."""
    table = record.table
    columns = [table.classes, table.areas, table.boxes, table.is_thing, record.before, record.here, record.shared]
    kinds = [kind for kind, _ in (*TABLE, *LINKS)]
    parts = [column.astype(kind).tobytes() for column, kind in zip(columns, kinds, strict=True)]
    return COUNTS.pack(len(table), len(record.here)) + zlib.compress(b"".join(parts), 1)


def unpack_record(packed: bytes) -> PlaneRecord:
    """Return what pack_record was given."""
    n_components, n_links = COUNTS.unpack_from(packed)
    content, place, columns = zlib.decompress(packed[COUNTS.size :]), 0, []
    for rows, layout in ((n_components, TABLE), (n_links, LINKS)):
        for kind, width in layout:
            column = np.frombuffer(content, kind, rows * width, place)
            place += column.nbytes
            columns.append(column.reshape(rows, width) if width > 1 else column)
    classes, areas, boxes, before, here, shared = (columns[n].astype(np.int64) for n in (0, 1, 2, 4, 5, 6))
    return PlaneRecord(ComponentTable(classes, areas, boxes, columns[3].astype(np.bool_)), before, here, shared)
