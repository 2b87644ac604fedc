"""The planes of a stack that are finished: their components in an array, and a journal of what tracking knows of them.

    X.zarr/predictions/<plane>/components    uint32 (planes, rows, columns), a file a plane, numbered anew in each
    X.zarr/predictions/<plane>/components/planes.journal    a record a plane
    X.zarr/predictions/<plane>/components/table.<n>    while plane n is finished elsewhere and does not count yet
    X.zarr/predictions/<plane>/components/maps.<n>    rounded maps of plane n where they are kept: before it counts

A plane counts once its record is whole, and the record is begun only when the plane's own file is on the disk: wherever
the work is broken off, the planes that count are whole. Other processes put planes down in any order, with a table
each; the one that keeps the journal counts them in their order.
"""

import os
import platform
import struct
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import zarr
from numpy.typing import NDArray

from empanada_desktop.core.components import ComponentTable
from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.tracking import PlaneRecord
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.journal import append_record, cut_journal, read_journal, sync_file
from empanada_desktop.io.kept_maps import MapsFolder
from empanada_desktop.io.plane_files import write_plane_file

PREDICTIONS = "predictions"
JOURNAL = "planes.journal"
ARRIVES_WITHIN = 30.0
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
        self.ahead = PlanesAhead(array, folder)
        self.maps = self.ahead.maps
        self.n_done = len(self.records)
        """How many planes are finished, from the first one on."""

    def __len__(self) -> int:
        """Return how many planes the stack has."""
        return int(self.array.shape[0])

    @property
    def n_kept(self) -> int:
        """How many planes need not be made again: those that count, and those that were finished out of turn."""
        return self.n_done + count_ahead(self._folder)

    def take_up(self, keep_ahead: bool = False) -> NDArray[np.uint32] | None:
        """Make ready to append: what is there of planes that do not count goes. Returns the last plane that counts.

        keep_ahead leaves planes that were finished out of turn.
        """
        cut_journal(self._journal, self._lengths)
        if not keep_ahead or self.n_done == len(self):
            self.ahead.tidy()
        for index in range(len(self)):
            if index < self.n_done:
                self.ahead.forget(index)
            elif not self.ahead.has(index):
                file_of(self._folder, index).unlink(missing_ok=True)
                # A process that was told to stop may have finished the plane just before: its pixels are gone now.
                self.ahead.forget(index)
        return np.asarray(self.array[self.n_done - 1]) if self.n_done else None

    def append(self, components: NDArray[np.uint32], record: PlaneRecord) -> None:
        """Write the next plane; it counts when this returns."""
        write_plane(self.array, self._folder, self.n_done, components)
        self.count(record)

    def put_aside(self, index: int, components: NDArray[np.uint32]) -> None:
        """Write a plane for this run only: it never counts, and nobody waits for the disk."""
        write_plane(self.array, self._folder, index, components, lasting=False)

    def count(self, record: PlaneRecord) -> None:
        """Count the next plane, which is written already."""
        append_record(self._journal, self.n_done, pack_record(record))
        self.ahead.forget(self.n_done)
        self.n_done += 1

    def _forget_lost_planes(self) -> None:
        """Count no further than the first plane whose file is gone."""
        for index, record in enumerate(self.records):
            if len(record.table) and not file_of(self._folder, index).is_file():
                del self.records[index:], self._lengths[index:]
                return


class PlanesAhead:
    """Planes of a stack that processes have finished out of turn, each with its table; none of them counts yet."""

    def __init__(self, array: "zarr.Array[Any]", folder: Path) -> None:
        self.array = array
        self.maps = MapsFolder(folder)
        self._folder = folder

    @classmethod
    def open(cls, store: str | Path, axis: Axis) -> Self:
        """Open those of a result that another process began; VolumeError where it cannot be seen from here."""
        folder = Path(store) / PREDICTIONS / str(axis) / "components"
        if not (folder / "zarr.json").is_file():
            raise VolumeError(
                f"{store} cannot be seen by {platform.node()}.", "Write to a disk that all computers share by one name."
            )
        return cls(zarr.open_array(str(folder), mode="r+"), folder)

    def put(self, index: int, components: NDArray[np.uint32], table: ComponentTable) -> None:
        """Write a plane; others see it when this returns, and never a part of it."""
        write_plane(self.array, self._folder, index, components)
        nothing = np.zeros(0, np.int64)
        part = self._folder / f"table.{index}.{os.getpid()}.partial"
        part.write_bytes(pack_record(PlaneRecord(table, nothing, nothing, nothing)))
        sync_file(part)
        part.replace(self._path(index))
        if len(table) and not file_of(self._folder, index).exists():  # taken up anew meanwhile, as what does not count
            write_plane(self.array, self._folder, index, components)

    def has(self, index: int) -> bool:
        """Whether a plane is there."""
        return self._path(index).is_file()

    def get(self, index: int) -> tuple[NDArray[np.uint32], ComponentTable]:
        """Return components and table of a plane that is there; VolumeError where its pixels do not arrive."""
        table = unpack_record(self._path(index).read_bytes()).table
        if len(table) and not _arrives(file_of(self._folder, index)):
            raise VolumeError(f"A plane that another computer wrote into {self._folder} is not to be seen here.")
        return np.asarray(self.array[index]), table

    def forget(self, index: int) -> None:
        """Drop the table of a plane."""
        self._path(index).unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove what processes left that were killed, or that did a plane a second time."""
        for names in ("table.*", "*.partial", "stopped.*"):
            for left in self._folder.glob(names):
                left.unlink(missing_ok=True)

    def stop(self, turn: str) -> None:
        """Tell all who work for a job's turn to stop at their next plane, wherever they are."""
        (self._folder / f"stopped.{turn}").touch()

    def is_stopped(self, turn: str) -> bool:
        """Whether stop was called."""
        return (self._folder / f"stopped.{turn}").exists()

    def _path(self, index: int) -> Path:
        return self._folder / f"table.{index}"


def file_of(folder: Path, index: int) -> Path:
    """Return the file of a plane's components; a plane without any has none."""
    return folder / f"c.{index}.0.0"


def count_ahead(folder: Path) -> int:
    """Return how many planes were finished out of turn and do not count yet."""
    return sum(path.suffix != ".partial" for path in folder.glob("table.*"))


def write_plane(
    array: "zarr.Array[Any]", folder: Path, index: int, components: NDArray[np.uint32], lasting: bool = True
) -> None:
    """Write a plane's components; lasting: wait until they are on the disk."""
    if components.shape != array.shape[1:]:
        raise ValueError(f"a plane of {components.shape} for an array of {array.shape}")
    rows, columns = array.chunks[1:]
    write_plane_file(file_of(folder, index), components, (rows, columns), lasting)


def _arrives(path: Path) -> bool:
    """Wait for a file that exists: a network disk may show it somewhat later."""
    until = time.monotonic() + ARRIVES_WITHIN
    while not path.is_file():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


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
