"""MRC, REC and CCP4 volumes (MRC2014, and IMOD's habits), read from the file as they are."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Spacing
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.volumes.faults import reading
from empanada_desktop.io.volumes.sources import RawLayout, RawSource
from empanada_desktop.io.volumes.units import length_nm
from empanada_desktop.io.volumes.volume import DatasetInfo, Opened

HEADER_BYTES = 1024
# https://www.ccpem.ac.uk/mrc-format/mrc2014/ and https://bio3d.colorado.edu/imod/doc/mrc_format.txt
DTYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
OTHER_MODES = {3: "complex integers", 4: "complex numbers", 16: "RGB bytes", 101: "4-bit values"}
IMOD_STAMP = 1146047817
IMOD_SIGNED_BYTES = 1
# Programs that know no pixel size write 1 Å; nothing that is sectioned has it.
DEFAULT_ANGSTROM = 1.0


@dataclass(frozen=True)
class MrcHeader:
    """The fields of an MRC header that say how to read the voxels behind it."""

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    offset: int
    angstrom: tuple[float, float, float]
    notes: tuple[str, ...]

    @property
    def nbytes(self) -> int:
        """Bytes that the voxels take."""
        z, y, x = self.shape
        return z * y * x * self.dtype.itemsize


def open_mrc(path: Path, dataset: str | None = None) -> Opened:
    """Open an MRC file; it holds one volume, so there is no `dataset` to choose."""
    if dataset is not None:
        raise VolumeError(f"{path} holds one volume, so there is no dataset {dataset}.", "Leave --dataset out.")
    with reading(path):
        header = read_header(path)
        there = path.stat().st_size - header.offset
        if there < header.nbytes:
            raise VolumeError(
                f"{path} is cut short: {header.nbytes:,} bytes of image are promised, {max(0, there):,} are there.",
                "Copy it again from where it came from.",
            )
        spacing, notes = _spacing(header)
        plane = header.nbytes // header.shape[0]
        source = RawSource(path, RawLayout(header.shape, header.dtype, header.offset, plane))
        return Opened(source, spacing, [*header.notes, *notes])


def mrc_datasets(path: Path) -> list[DatasetInfo]:
    """Describe the one volume of an MRC file."""
    with reading(path):
        header = read_header(path)
    return [DatasetInfo("", header.shape, str(header.dtype.newbyteorder("=")))]


def read_header(path: Path) -> MrcHeader:
    """Read the first kilobyte of an MRC file of either byte order; VolumeError where it makes no sense."""
    with path.open("rb") as file:
        raw = file.read(HEADER_BYTES)
    if len(raw) < HEADER_BYTES:
        raise VolumeError(f"{path} is no MRC file: it is too short for a header.", "Choose another file.")
    order = _byte_order(raw, path)
    words = np.frombuffer(raw, f"{order}i4", 56)
    x, y, z, mode = (int(word) for word in words[:4])
    if min(x, y, z) < 1 or (mode not in DTYPES and mode not in OTHER_MODES):
        raise VolumeError(f"{path} is no MRC file, or its header is damaged.", "Choose another file.")
    if mode in OTHER_MODES:
        raise VolumeError(f"{path} holds {OTHER_MODES[mode]} (MRC mode {mode}).", "Convert it to bytes or floats.")
    extended = int(words[23])
    if extended < 0:
        raise VolumeError(f"{path} has a damaged header: its extension is {extended} bytes long.", "Copy it again.")
    dtype, notes = _dtype(raw, order, mode)
    notes += _axis_notes(words)
    return MrcHeader((z, y, x), dtype, HEADER_BYTES + extended, _angstrom(raw, order), tuple(notes))


def _byte_order(raw: bytes, path: Path) -> str:
    """The machine stamp's byte order where it has one, else the one in which the mode makes sense."""
    stamped = {0x44: "<", 0x11: ">"}.get(raw[212])
    for order in (stamped, "<" if sys.byteorder == "little" else ">", "<", ">"):
        if order is not None:
            x, y, z, mode = np.frombuffer(raw, f"{order}i4", 4).tolist()
            if min(x, y, z) > 0 and 0 <= mode <= 101:
                return order
    raise VolumeError(f"{path} is no MRC file, or its header is damaged.", "Choose another file.")


def _dtype(raw: bytes, order: str, mode: int) -> tuple[np.dtype[Any], list[str]]:
    """Voxel type; mode 0 is signed by the standard, and unsigned where IMOD or the header's range says so."""
    dtype = np.dtype(f"{order}{DTYPES[mode]}")
    if mode != 0:
        return dtype, []
    stamp, flags = (int(word) for word in np.frombuffer(raw, f"{order}i4", 2, 152))
    lowest, highest = (float(value) for value in np.frombuffer(raw, f"{order}f4", 2, 76))
    by_imod = stamp == IMOD_STAMP and not flags & IMOD_SIGNED_BYTES
    by_range = stamp != IMOD_STAMP and lowest >= 0 and 127 < highest <= 255
    if not by_imod and not by_range:
        return dtype, []
    who = "IMOD wrote it" if by_imod else "its header says that they reach beyond 127"
    return np.dtype("u1"), [f"The bytes are read as 0 to 255, because {who}."]


def _axis_notes(words: NDArray[np.int32]) -> list[str]:
    order = tuple(words[16:19].tolist())
    if order in ((1, 2, 3), (0, 0, 0)):
        return []
    names = "/".join("?xyz"[axis] if 0 < axis < 4 else "?" for axis in order)
    return [f"The MRC header names its columns, rows and sections {names}; they are taken as x, y, z."]


def _angstrom(raw: bytes, order: str) -> tuple[float, float, float]:
    """Voxel size z y x in Å: the cell divided by its sampling (not by the stack's depth, which may be another)."""
    sampling = np.frombuffer(raw, f"{order}i4", 3, 28).astype(float)
    cell = np.frombuffer(raw, f"{order}f4", 3, 40).astype(float)
    usable = (sampling > 0) & np.isfinite(cell) & (cell > 0)
    x, y, z = np.where(usable, cell / np.where(usable, sampling, 1), 0.0).tolist()
    return z, y, x


def _spacing(header: MrcHeader) -> tuple[Spacing, list[str]]:
    if all(abs(size - DEFAULT_ANGSTROM) < 1e-6 for size in header.angstrom):
        return Spacing(), ["The MRC header says 1 Å a voxel, which programs write that know no size: it is unknown."]
    # The header holds single precision: six digits are all that can be meant.
    z, y, x = (length_nm(float(f"{size:.6g}"), "angstrom") for size in header.angstrom)
    return (Spacing() if (z, y, x) == (None, None, None) else Spacing(z, y, x, "MRC header")), []
