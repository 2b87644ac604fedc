"""Large edits at the window: made, undone and redone with its keys while it lives, cancelled, one after another."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PySide6.QtCore import Qt

from empanada_desktop.core.edits import RegionEdit
from empanada_desktop.core.geometry import Box
from empanada_desktop.document import ArraySource, EditableSource, LabelsLayer
from empanada_desktop.document.sources import whole_box
from empanada_desktop.errors import SettingsError
from empanada_desktop.gui.jobs_strip import JobLine
from empanada_desktop.gui.objects.label_jobs import FREEZES, labels_address
from empanada_desktop.gui.qt_runner import THREADS
from empanada_desktop.io.volumes import VolumeRef

from .person import CONTROL, Person

SHAPE = (70, 140, 150)


class Slow(EditableSource):
    """Labels of which each writing waits until it may go on."""

    def __init__(self) -> None:
        super().__init__(shape=SHAPE)
        self.may = threading.Semaphore(0)

    def __setitem__(self, index: Any, values: Any) -> None:
        assert self.may.acquire(timeout=60)
        super().__setitem__(index, values)


def test_the_window_lives_while_a_volume_is_changed(person: Person, crop: Path, tmp_path: Path) -> None:
    person.window.open_path(str(crop))
    person.until(lambda: person.layers)
    person.until_rest()
    workspace, qtbot = person.workspace, person.qtbot
    document, edits, source = workspace.document, workspace.edits, Slow()
    layer = LabelsLayer(title="mito", source=source)
    document.add_layer(layer)
    place = document.history.position
    part = RegionEdit.between(whole_box(SHAPE), np.zeros(SHAPE, np.uint32), np.full(SHAPE, 7, np.uint32))
    stood: list[object] = []
    busy, lines = list[bool](), list[JobLine]()
    workspace.jobs.lines_changed.connect(lines.extend)
    edits.busy_changed.connect(busy.append)
    edits.edit_voxels(layer, "Fill", part, then=stood.append)
    source.may.release()
    qtbot.waitUntil(lambda: any(line.title == "Making: Fill" and line.done == 1 for line in lines))
    assert (stood, document.history.position, edits.is_busy) == ([], place, True)
    with pytest.raises(SettingsError, match="still being changed"):
        edits.edit_voxels(layer, "Fill", part)
    document.rename_layer(layer, "other")
    workspace.save_labels(layer, tmp_path / "saved.tif")  # half of it is written: the file waits for all
    source.may.release(1000)
    qtbot.waitUntil(lambda: bool(stood))
    qtbot.waitUntil((tmp_path / "saved.tif").exists)
    assert (tifffile.imread(tmp_path / "saved.tif") == 7).all()
    assert document.history.position == place + 2
    source.may = threading.Semaphore(0)
    for key in "ZZYZ":  # redo is asked for, and undo again, while the large edit is being undone
        person.key(Qt.Key[f"Key_{key}"], CONTROL)
    source.may.release(1000)
    qtbot.waitUntil(lambda: document.history.position == place and not edits.is_busy)
    assert not source[:, :, :].any()
    assert layer.title == "mito"
    edits.redo()
    edits.redo()
    qtbot.waitUntil(lambda: document.history.position == place + 2 and not edits.is_busy)
    assert (source[:, :, :] == 7).all()
    source.may = threading.Semaphore(1)
    back = RegionEdit.between(whole_box(SHAPE), np.full(SHAPE, 7, np.uint32), np.zeros(SHAPE, np.uint32))
    edits.edit_voxels(layer, "Clear", back, then=stood.append)
    qtbot.waitUntil(lambda: any(line.title == "Making: Clear" and line.done for line in lines))
    edits.undo()
    source.may.release(1000)
    qtbot.waitUntil(lambda: len(stood) == 2 and not edits.is_busy)
    assert stood[1] is None
    assert (source[:, :, :] == 7).all()
    assert busy[0] is True
    assert busy[-1] is False


def test_what_is_painted_while_labels_are_saved_is_not_in_the_file(person: Person, crop: Path, tmp_path: Path) -> None:
    person.window.open_path(str(crop))
    person.until(lambda: person.layers)
    workspace, gate = person.workspace, threading.Event()
    for base in (np.zeros((24, 64, 72), np.uint32), None):
        layer = workspace.document.new_labels("mine")
        if base is not None:
            workspace.document.change_layer(layer, source=ArraySource(base))
        for label_id in (3, 4):
            stroke = workspace.document.begin_stroke(layer, "Brush")
            stroke.write(Box((0, 0, 0), (24, 20, 20)), np.full((24, 20, 20), label_id))
            if label_id == 4:
                stroke.commit()
                break
            stroke.tell()
            for _ in range(THREADS):
                person.window.background.run(gate.wait)
            workspace.save_labels(layer, tmp_path / "saved.zarr")
            assert isinstance(layer.source, FREEZES)
            moment = layer.source.freeze()
        gate.set()
        person.until(lambda: "saved.zarr" in person.window.toast.text())
        person.window.toast.say("")
        lent, kept = labels_address(layer.source, moment)
        assert kept
        addresses = lent, VolumeRef(str(tmp_path / "saved.zarr"))
        for volume in (address.open() for address in addresses):  # what a job reads, and the file
            assert np.unique(volume[:, :, :]).tolist() == [0, 3]
            volume.close()
        gate.clear()
