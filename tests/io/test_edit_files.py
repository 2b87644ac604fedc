"""Edits in files: they come back as they were, and a torn file is said to be one."""

from pathlib import Path

import numpy as np
import pytest

from empanada_desktop.core.edits import ArrayEdit, MergeEdit, RegionEdit, RelabelEdit, relabel
from empanada_desktop.core.geometry import Box
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.edit_files import read_edits, write_edits

WHOLE = Box((0, 0, 0), (20, 30, 300))


@pytest.fixture
def parts() -> tuple[ArrayEdit, ...]:
    ids = np.random.default_rng(0).integers(0, 5, WHOLE.shape).astype(np.uint32)
    region = RegionEdit.between(WHOLE, ids, ids + 1)
    return (region, RelabelEdit(WHOLE, (1, 2), (9, 8)), *relabel(ids, WHOLE, {1: 3, 2: 3, 4: 77}))


def test_edits_come_back(tmp_path: Path, parts: tuple[ArrayEdit, ...]) -> None:
    assert isinstance(parts[-1], MergeEdit)
    assert write_edits(tmp_path / "new" / "edits.bin", iter(parts)) == 3
    assert read_edits(tmp_path / "new" / "edits.bin") == parts
    assert write_edits(tmp_path / "none.bin", ()) == 0
    assert read_edits(tmp_path / "none.bin") == ()


def test_what_is_torn_damaged_or_gone_is_said(tmp_path: Path, parts: tuple[ArrayEdit, ...]) -> None:
    path = tmp_path / "edits.bin"
    write_edits(path, parts)
    whole = path.read_bytes()
    for damaged in (whole[:-1], whole[: len(whole) // 2], b"", b"something else entirely, and rather long at that"):
        path.write_bytes(damaged)
        with pytest.raises(VolumeError, match="damaged"):
            read_edits(path)
    for place in range(5, len(whole), len(whole) // 40):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(VolumeError, match="damaged"):
            read_edits(path)
    with pytest.raises(VolumeError):
        read_edits(tmp_path / "gone.bin")


def test_what_breaks_while_it_is_written_leaves_nothing(tmp_path: Path, parts: tuple[ArrayEdit, ...]) -> None:
    def breaking() -> object:
        yield parts[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_edits(tmp_path / "edits.bin", breaking())
    assert list(tmp_path.iterdir()) == []
