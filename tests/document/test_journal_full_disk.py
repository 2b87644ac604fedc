"""A full disk: said once, work goes on in memory, and all is written when there is room again."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from empanada_desktop.core.geometry import Box
from empanada_desktop.document import Document, EditableSource, LabelsLayer
from empanada_desktop.document.session import Session
from empanada_desktop.errors import SettingsError


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3000k", "tmpfs", str(place)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(command, check=False).returncode:
        pytest.skip("no file system can be made here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> None:
    with (place / "filler").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return


def wait_until(heard: list[object], count: int) -> None:
    import time

    end = time.monotonic() + 20
    while len(heard) < count and time.monotonic() < end:
        time.sleep(0.02)
    assert len(heard) >= count


def test_what_finds_no_room_is_written_later(small_disk: Path) -> None:
    document, heard = Document(), list[SettingsError | None]()
    layer = document.new_labels("mine", LabelsLayer(title="like", source=EditableSource(shape=(20, 64, 64))))
    with Session(small_disk / "session") as session:
        journal = session.begin_journal(document, heard.append)
        fill(small_disk)
        noise = np.random.default_rng(0).integers(1, 2**30, (5, 20, 64, 64))
        for voxels in noise:
            stroke = document.begin_stroke(layer, "Brush")
            stroke.write(Box((0, 0, 0), (20, 64, 64)), voxels)
            stroke.commit()
        wait_until(heard, 1)
        assert heard[0] is not None
        assert "No space left" in heard[0].message
        document.undo()
        np.testing.assert_array_equal(layer.source[:, :, :], noise[3])
        with pytest.raises(SettingsError, match="No space left"):
            session.save(document)
        (small_disk / "filler").unlink()
        subprocess.run(["mount", "-o", "remount,size=30000k", str(small_disk)], check=True)
        wait_until(heard, 2)
        assert heard == [heard[0], None]
        journal.wait_for(journal.position)
    other = Document()
    with Session(small_disk / "session") as session:
        opened = session.load(other)
        assert (opened.faults, opened.n_recovered) == ([], 4)
        mine = other.of_kind(LabelsLayer)[0]
        np.testing.assert_array_equal(mine.source[:, :, :], noise[3])
        other.redo()
        np.testing.assert_array_equal(mine.source[:, :, :], noise[4])
