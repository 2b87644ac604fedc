"""Edits of voxels as files: what a job found out shall change, read back in the process that has the labels open."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from empanada_desktop.core.edits import ArrayEdit, MergedBlock, MergeEdit, RegionEdit, RelabelEdit
from empanada_desktop.core.geometry import Box
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.records import packed, read_record
from empanada_desktop.io.volumes.faults import reading, writing

END = "end"


def write_edits(path: str | Path, parts: Iterable[ArrayEdit]) -> int:
    """Write edits into a file one by one, complete or not at all, and return how many; VolumeError on a full disk."""
    path = Path(path)
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.part")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with unfinished.open("wb") as file:
                count = 0
                for part in parts:
                    file.write(packed(*part_to_plain(part)))
                    count += 1
                file.write(packed({"kind": END, "count": count}))
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    return count


def read_edits(path: str | Path) -> tuple[ArrayEdit, ...]:
    """Return the edits that a file holds; VolumeError where it is gone, torn or damaged."""
    path = Path(path)
    with reading(path):
        return tuple(_parts(path))


def part_to_plain(part: ArrayEdit) -> tuple[dict[str, Any], list[bytes]]:
    """Return an edit of voxels as values that JSON holds, and bytes."""
    plain: dict[str, Any] = {"box": part.box.spans}
    if isinstance(part, RegionEdit):
        return {**plain, "kind": "region", "dtype": part.dtype}, [part.before, part.after]
    if isinstance(part, RelabelEdit):
        return {**plain, "kind": "relabel", "old": part.old, "new": part.new}, []
    if isinstance(part, MergeEdit):
        blocks = [{"box": block.box.spans, "old": block.old, "new": block.new} for block in part.blocks]
        return {**plain, "kind": "merge", "blocks": blocks}, [block.codes for block in part.blocks]
    raise TypeError(f"{type(part).__name__} cannot be written")


def part_from_plain(plain: dict[str, Any], blobs: Sequence[bytes]) -> ArrayEdit:
    """Return what part_to_plain was given."""
    box = Box.of_spans(plain["box"])
    if plain["kind"] == "region":
        return RegionEdit(box, plain["dtype"], *blobs)
    if plain["kind"] == "relabel":
        return RelabelEdit(box, tuple(plain["old"]), tuple(plain["new"]))
    blocks = [
        MergedBlock(Box.of_spans(block["box"]), tuple(block["old"]), tuple(block["new"]), codes)
        for block, codes in zip(plain["blocks"], blobs, strict=True)
    ]
    return MergeEdit(box, tuple(blocks))


def _parts(path: Path) -> Iterator[ArrayEdit]:
    with path.open("rb") as file:
        while (record := read_record(file)) is not None:
            if record[0]["kind"] == END:
                return
            yield part_from_plain(*record)
    raise VolumeError(f"{path} is no file of edits, or it is damaged.", "Run the job again.")
