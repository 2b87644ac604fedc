"""A folder of pictures as a volume: one file a plane, in the order that a person would count them."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

from natsort import natsorted, ns

from empanada_desktop.core.geometry import Spacing
from empanada_desktop.core.plurals import counted
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.volumes.faults import reading
from empanada_desktop.io.volumes.image import FAMILIES, Picture, PicturesSource, read_picture_header
from empanada_desktop.io.volumes.tiff import open_tiff, plane_spacing
from empanada_desktop.io.volumes.volume import DatasetInfo, Opened

MOST_NAMED = 8


def open_folder(path: Path, dataset: str | None = None) -> Opened:
    """Open the pictures of a folder; all must be alike, what is no picture is skipped and told."""
    if dataset is not None:
        raise VolumeError(f"{path} is a folder of planes, so it has no dataset {dataset}.", "Leave --dataset out.")
    files, notes = _sort_out(path)
    first = read_picture_header(files[0])
    if len(files) == 1 and first.pages > 1:
        opened = open_tiff(files[0])
        only = f"The folder holds one image file, {files[0].name}."
        return Opened(opened.source, opened.spacing, [*notes, only, *opened.notes])
    for file in files:
        _same(read_picture_header(file), first, file, files[0])
    if first.samples > 1:
        notes.append(f"Colour was turned into grey ({first.samples} samples a pixel).")
    spacing, spacing_notes = plane_spacing(files[0]) if FAMILIES[files[0].suffix.lower()] == "tiff" else (Spacing(), [])
    return Opened(PicturesSource(files, first), spacing, [*notes, *spacing_notes, *_gaps(files)])


def folder_datasets(path: Path) -> list[DatasetInfo]:
    """Describe the one volume of a folder."""
    opened = open_folder(path)
    opened.source.close()
    return [DatasetInfo("", opened.source.shape, str(opened.source.dtype))]


def _sort_out(path: Path) -> tuple[list[Path], list[str]]:
    """The planes in natural order, and notes on everything else that lies there."""
    with reading(path):
        entries = natsorted(path.iterdir(), key=lambda entry: entry.name, alg=ns.IGNORECASE)
    kinds = {e: FAMILIES.get(e.suffix.lower()) for e in entries if e.is_file() and not e.name.startswith(".")}
    families = Counter(kind for kind in kinds.values() if kind is not None)
    if not families:
        raise VolumeError(f"{path} holds no images.", "Choose a folder of TIFF, PNG or JPEG planes, or a Zarr folder.")
    family = families.most_common(1)[0][0]
    planes = [entry for entry in entries if kinds.get(entry) == family]
    folders = [entry.name for entry in entries if entry.is_dir()]
    strays = [entry.name for entry in entries if entry not in set(planes) and not entry.is_dir()]
    return planes, [*_skipped(strays, "stray file"), *_skipped(folders, "folder")]


def _skipped(names: list[str], what: str) -> list[str]:
    if not names:
        return []
    listed = ", ".join(names[:MOST_NAMED]) + (" …" if len(names) > MOST_NAMED else "")
    return [f"Skipped {counted(len(names), what)}: {listed}."]


def _same(picture: Picture, first: Picture, file: Path, first_file: Path) -> None:
    if picture.pages > 1:
        raise VolumeError(f"{file} holds {picture.pages} planes.", "A folder of planes needs one plane in each file.")
    if picture != first:
        raise VolumeError(
            f"{file} is {picture}, but {first_file.name} is {first}.",
            "All planes of a folder must have one size and type: move this file away or convert it.",
        )


def _gaps(files: list[Path]) -> list[str]:
    """A note where the numbers in the names leave some out, as they do when planes were lost."""
    found = [re.findall(r"\d+", file.stem) for file in files]
    if len(files) < 3 or not all(found):
        return []
    steps = [int(after[-1]) - int(before[-1]) for before, after in pairwise(found)]
    usual = Counter(steps).most_common(1)[0][0]
    jumps = [number for number, step in enumerate(steps) if step > usual > 0]
    if not jumps or min(steps) <= 0:
        return []
    where = f"between {files[jumps[0]].name} and {files[jumps[0] + 1].name}"
    return [f"The numbers of the planes jump {counted(len(jumps), 'time')}, first {where}."]
