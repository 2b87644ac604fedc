"""Segmentation results as OME-Zarr 0.5: label pyramids with voxel size, recipe, and a mark while they are unfinished.

    X.zarr/zarr.json              attributes: "ome" (version), "empanada_desktop" (state, recipe, shape, voxel size)
    X.zarr/labels/<class>/0, 1 …  uint32, z y x, one multiscale label group per class
    X.zarr/stacks/<plane>/<class>/0 …  single stacks, laid out alike
    X.zarr/predictions/<plane>/…  finished planes of the network's passes; they stay when they are wanted later
    X.zarr/unfinished/…           scratch arrays, gone when the result is complete

Replacing a result keeps the old one beside the new as X.zarr.previous until the new one is complete; when the work is
laid down before, the old one is X.zarr again and the work waits as X.zarr.unfinished. Every step is such
that work which is broken off anywhere, by force too, leaves what resume() can go on from.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import zarr
from numpy.typing import DTypeLike, NDArray
from zarr.codecs import ZstdCodec

from empanada_desktop.core.blocks import blocks, blocks_within
from empanada_desktop.core.context import JobContext, QuietContext
from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.journal import read_journal
from empanada_desktop.io.locks import hold, is_held
from empanada_desktop.io.ome_metadata import (
    OWN_KEY,
    ResultHeader,
    is_complete,
    level_factors,
    multiscales,
    read_header,
    read_recipe,
)
from empanada_desktop.io.predictions import JOURNAL, PREDICTIONS, StackPlanes, count_ahead
from empanada_desktop.io.volumes.faults import reading, writing

__all__ = ["ResultStore", "find_unfinished", "finished_planes", "is_complete", "read_header", "read_recipe"]

SCRATCH = "unfinished"

Triple = tuple[int, int, int]
Array = zarr.Array[Any]


class ResultStore:
    """A result being written. It counts as a result only after finish(); until then nobody's reader opens it."""

    def __init__(self, path: Path, root: zarr.Group, header: ResultHeader) -> None:
        self.path = path
        self.header = header
        self._root = root
        self._let_go = hold(path, self)

    @classmethod
    def create(
        cls,
        path: str | Path,
        shape: Triple,
        spacing: Spacing,
        chunk: int | Triple,
        recipe: dict[str, Any],
        overwrite: bool = False,
        region: Box | None = None,
    ) -> Self:
        """Begin a result of `shape` (z y x) at a path that is free, or taken by one of our results with `overwrite`.

        With a region only what lies inside is written: the arrays are as large as the volume, so that they lie over it
        in every program, and chunks that nobody writes are no files.
        A complete result in the way is kept aside until this one is complete too. VolumeError where the path is taken
        by anything else, or may not be written.
        """
        path = Path(path)
        z, y, x = (chunk,) * 3 if isinstance(chunk, int) else chunk
        clipped = (min(z, shape[0]), min(y, shape[1]), min(x, shape[2]))
        with writing(path):
            replaces = _check_room(path, overwrite)
            header = ResultHeader(shape, spacing, clipped, recipe, replaces=replaces, region=region)
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"{path.name}.part")
            shutil.rmtree(part, ignore_errors=True)
            try:
                zarr.create_group(str(part), attributes={OWN_KEY: header.to_attributes()}, zarr_format=3)
                if (waiting := find_unfinished(path)) not in (None, path):
                    _remove(waiting)
                _make_room(path)
                part.rename(path)
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)
                raise
            return cls(path, zarr.open_group(str(path), mode="r+"), header)

    @classmethod
    def resume(cls, path: str | Path) -> Self:
        """Open an unfinished result to go on with it; VolumeError where there is none."""
        path = Path(path)
        place = find_unfinished(path)
        header = None if place is None else read_header(place)
        if place is None or header is None:
            raise VolumeError(f"{path} is no unfinished result.", "Choose another path.")
        if is_held(place):
            raise _busy(path)
        with writing(path):
            if place != path:
                _make_room(path)
                place.rename(path)
            store = cls(path, zarr.open_group(str(path), mode="r+"), header)
            for torn in path.rglob("*.partial"):  # zarr writes each file under such a name first
                torn.unlink(missing_ok=True)
            return store

    def label_array(self, group: str, class_id: int, class_name: str, divisor: int) -> Array:
        """Return level 0 of a label image ("labels/mito", "stacks/xy/mito"): uint32, z y x; made when it is not there.

        Write whole chunks where you can: a plane written into a thick chunk decodes and encodes all of it.
        """
        own: dict[str, Any] = {"class_id": class_id, "class_name": class_name, "label_divisor": divisor}
        if f"{group}/0" in self._root:
            return self._array(f"{group}/0")
        self._root.require_group(group).attrs.update({OWN_KEY: own})
        return self._level_array(f"{group}/0", self.header.shape)

    def scratch_array(self, name: str, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: DTypeLike) -> Array:
        """Return a working array under unfinished/, made when it is not there; finish() and discard() remove it.

        `shape` begins with the plane; each index along it is one file (a shard) with chunks of the size given inside,
        so that a plane is written in one go and any part of it can be read alone.
        """
        return self._plane_array(f"{SCRATCH}/{name}", shape, chunks, dtype)

    def _plane_array(self, path: str, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: DTypeLike) -> Array:
        inner = tuple(max(1, min(size, length)) for size, length in zip(chunks, shape, strict=True))
        whole = tuple(-(-length // size) * size for size, length in zip(inner, shape, strict=True))
        if path in self._root:
            return self._array(path)
        return self._root.create_array(
            path,
            shape=shape,
            dtype=np.dtype(dtype),
            chunks=(1, *inner[1:]),
            shards=(1, *whole[1:]),
            chunk_key_encoding={"name": "default", "separator": "."},  # all planes in one folder
            compressors=ZstdCodec(level=1),
            fill_value=0,
        )

    def stack_planes(self, axis: Axis, chunk: int = 256) -> StackPlanes:
        """Return the planes of the stack along `axis` that are finished; append() adds to them."""
        order = (axis.normal, *axis.in_plane)
        n_planes, rows, columns = (self.header.part.shape[position] for position in order)
        path = f"{PREDICTIONS}/{axis}/components"
        array = self._plane_array(path, (n_planes, rows, columns), (1, chunk, chunk), np.uint32)
        return StackPlanes(array, self.path / path)

    def update_recipe(self, recipe: dict[str, Any]) -> None:
        """Replace the recipe while the work goes on."""
        self._write_header(recipe, is_complete=False)

    def finish(
        self,
        recipe: dict[str, Any] | None = None,
        context: JobContext | None = None,
        keep_predictions: bool = False,
    ) -> Path:
        """Build the pyramids block by block, write the metadata, mark the result complete, and drop the scratch."""
        context = context or QuietContext()
        with writing(self.path):
            groups = sorted(self._label_groups())
            for number, group in enumerate(groups):
                context.report(number, len(groups), "Writing smaller copies")
                self._write_pyramid(group, context)
            context.report(len(groups), len(groups), "Writing smaller copies")
            self._point_to_labels([group.removeprefix("labels/") for group in groups if group.startswith("labels/")])
            # Marked first: what is to go is needed as long as the result is not whole.
            self._write_header(self.header.recipe if recipe is None else recipe, is_complete=True)
            for folder in (SCRATCH,) if keep_predictions else (SCRATCH, PREDICTIONS):
                shutil.rmtree(self.path / folder, ignore_errors=True)
            if self.header.replaces:
                shutil.rmtree(_previous(self.path), ignore_errors=True)
        self._let_go()
        return self.path

    def lay_down(self) -> None:
        """Leave the unfinished result as it is: resume() takes it up. One that it was to replace has its place back."""
        if self.header.replaces and _previous(self.path).exists():
            with writing(self.path):
                self.path.rename(_aside(self.path))
                _previous(self.path).rename(self.path)
        self._let_go()

    def discard(self) -> None:
        """Remove the unfinished result; a complete one that it was to replace comes back."""
        with writing(self.path):
            _clear(self.path, self.header.replaces)
        self._let_go()

    def _array(self, path: str) -> Array:
        node = self._root[path]
        if not isinstance(node, zarr.Array):
            raise VolumeError(f"{path} in {self.path} is no array.", "Give --overwrite to write the result anew.")
        return node

    def _level_array(self, path: str, shape: Triple) -> Array:
        return self._root.create_array(
            path,
            shape=shape,
            dtype=np.dtype(np.uint32),
            chunks=tuple(min(size, length) for size, length in zip(self.header.chunk, shape, strict=True)),
            compressors=ZstdCodec(level=3),
            fill_value=0,
            dimension_names=("z", "y", "x"),
            overwrite=True,
        )

    def _label_groups(self) -> Iterator[str]:
        """Paths of the label images: the groups that label_array made."""
        for path, node in self._root.members(max_depth=None):
            if (
                isinstance(node, zarr.Group)
                and not path.startswith((SCRATCH, PREDICTIONS))
                and "class_id" in _own(node)
            ):
                yield path

    def _write_pyramid(self, group: str, context: JobContext) -> None:
        factors = level_factors(self.header.shape, self.header.spacing)
        level = self._array(f"{group}/0")
        for number, (before, factor) in enumerate(pairwise(factors), start=1):
            step = tuple(now // then for now, then in zip(factor, before, strict=True))
            shape = tuple(-(-length // each) for length, each in zip(level.shape, step, strict=True))
            smaller = self._level_array(f"{group}/{number}", shape)  # type: ignore[arg-type]
            for box in blocks_within(_shrunk(self.header.part, factor), smaller.chunks):  # type: ignore[arg-type]
                context.check_cancelled()
                smaller[box.slices] = _strided(level, box, step)  # type: ignore[arg-type]
            level = smaller
        self._write_multiscales(group, factors)

    def _write_multiscales(self, group: str, factors: list[Triple]) -> None:
        node = self._root[group]
        name = str(_own(node)["class_name"])
        ome: dict[str, Any] = {
            "version": "0.5",
            "multiscales": [multiscales(name, self.header.spacing, factors)],
            "image-label": {},
        }
        node.attrs.update({"ome": ome})

    def _point_to_labels(self, names: list[str]) -> None:
        """List the labels, and describe their pyramids at the root too: some readers look nowhere else."""
        ome: dict[str, Any] = {"version": "0.5"}
        if names:
            self._root["labels"].attrs.update({"ome": {**ome, "labels": names}})
            factors = level_factors(self.header.shape, self.header.spacing)
            ome["multiscales"] = [multiscales(name, self.header.spacing, factors, f"labels/{name}/") for name in names]
        self._root.attrs.update({"ome": ome})

    def _write_header(self, recipe: dict[str, Any], is_complete: bool) -> None:
        self.header = replace(self.header, recipe=recipe, is_complete=is_complete)
        self._root.attrs.update({OWN_KEY: self.header.to_attributes()})


@dataclass(frozen=True)
class FinishedResult:
    """A complete result, opened to be made anew from what it has kept."""

    path: Path
    header: ResultHeader

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a result of segment-volume; VolumeError where `path` is none, or is not complete."""
        path = Path(path)
        header = read_header(path) if path.is_dir() else None
        if header is None:
            raise VolumeError(f"{path} is no result of this program.", "Choose an X.zarr that segment-volume wrote.")
        if not header.is_complete:
            raise VolumeError(f"{path} is an unfinished result.", "Run its job again: it goes on from there.")
        return cls(path, header)

    def stack_planes(self, axis: Axis) -> StackPlanes | None:
        """Return what was kept of the stack along `axis`; None where nothing was."""
        folder = self.path / PREDICTIONS / str(axis) / "components"
        if not (folder / JOURNAL).is_file():
            return None
        with reading(folder):
            return StackPlanes(zarr.open_array(str(folder), mode="r"), folder)


def find_unfinished(path: str | Path) -> Path | None:
    """Return where the unfinished result of `path` is: there, or beside the one that it is to replace, or nowhere."""
    for place in (Path(path), _aside(Path(path))):
        header = read_header(place) if place.is_dir() else None
        if header is not None and not header.is_complete:
            return place
    return None


def finished_planes(path: str | Path) -> int:
    """Return how many planes of an unfinished result are kept, of all its stacks together."""
    place = find_unfinished(path)
    if place is None:
        return 0
    stacks = place.glob(f"{PREDICTIONS}/*/components")
    return sum(len(read_journal(folder / JOURNAL)) + count_ahead(folder) for folder in stacks)


def _shrunk(part: Box, factor: Triple) -> Box:
    """The voxels of a smaller copy that a part of the volume lies in."""
    return Box.of_spans(
        [(first // each, -(-last // each)) for (first, last), each in zip(part.spans, factor, strict=True)]
    )


def _strided(level: Array, box: Box, step: Triple) -> NDArray[np.uint32]:
    """Every step-th voxel of the part of `level` that a box of the next level covers, read chunk by chunk."""
    result = np.zeros(box.shape, np.uint32)
    pieces = tuple(max(1, size // each) for size, each in zip(level.chunks, step, strict=True))
    for piece in blocks(box.shape, pieces):  # type: ignore[arg-type]
        source = tuple(
            slice((first + start) * each, (first + stop) * each, each)
            for first, start, stop, each in zip(box.start, piece.start, piece.stop, step, strict=True)
        )
        result[piece.slices] = level[source]
    return result


def _own(group: zarr.Array[Any] | zarr.Group) -> Mapping[str, Any]:
    values = group.attrs.get(OWN_KEY)
    return values if isinstance(values, Mapping) else {}


def _previous(path: Path) -> Path:
    return path.with_name(f"{path.name}.previous")


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.unfinished")


def _clear(path: Path, replaces: bool) -> None:
    """Remove an unfinished result, and give its place back to the one that it was to replace."""
    if path.exists():
        _remove(path)
    if replaces and _previous(path).exists():
        _previous(path).rename(path)


def _remove(path: Path) -> None:
    """Remove a result; whenever this is broken off, nothing half removed stands in its place."""
    going = path.with_name(f"{path.name}.removed")
    shutil.rmtree(going, ignore_errors=True)
    path.rename(going)
    shutil.rmtree(going)


def _check_room(path: Path, overwrite: bool) -> bool:
    """Refuse a path that is taken; True when one of our complete results will be kept aside until the new one is."""
    if not path.exists():
        return False
    if not overwrite:
        raise _taken(path)
    if path.is_dir() and not any(path.iterdir()):
        return False
    header = _own_result(path)
    if not header.is_complete:
        if is_held(path):
            raise _busy(path)
        return header.replaces and _previous(path).exists()
    if _previous(path).exists():
        _own_result(_previous(path))
    return True


def _make_room(path: Path) -> None:
    """Clear a path that _check_room has let pass: move a complete result aside, remove an unfinished one."""
    if not path.exists():
        return
    header = read_header(path)
    if header is None:
        path.rmdir()
    elif not header.is_complete:
        _remove(path)
    else:
        if _previous(path).exists():
            shutil.rmtree(_previous(path))
        path.rename(_previous(path))


def _taken(path: Path) -> VolumeError:
    """What to say of a path at which there is something already."""
    header = read_header(path) if path.is_dir() else None
    if header is None or header.is_complete:
        return VolumeError(f"{path} exists already.", "Choose another path, or give --overwrite to replace it.")
    kept = f" The result that it was to replace is in {_previous(path)}." if _previous(path).exists() else ""
    if is_held(path):
        return _busy(path)
    return VolumeError(
        f"{path} is the unfinished result of a job that was stopped.{kept}",
        "Choose another path, or give --overwrite to begin anew.",
    )


def _busy(path: Path) -> VolumeError:
    return VolumeError(f"Another job is writing {path} right now.", "Wait for it, stop it, or choose another path.")


def _own_result(path: Path) -> ResultHeader:
    header = read_header(path) if path.is_dir() else None
    if header is None:
        raise VolumeError(
            f"{path} exists and is no result of this program, so it is not replaced.",
            "Choose another path, or remove it yourself.",
        )
    return header
