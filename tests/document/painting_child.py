"""A program that paints, merges, filters, deletes, undoes and keeps its session, until it is killed.

Before and after each deed a line goes to its own log: what it is, when, and a checksum of all voxels afterwards.
"""

import sys
import threading
import time
import zlib
from pathlib import Path

import numpy as np

from empanada_desktop.core.edits import RegionEdit, relabel
from empanada_desktop.core.geometry import Box
from empanada_desktop.document import Document, EditableSource, LabelsLayer, open_source
from empanada_desktop.document.edits import VoxelEdit
from empanada_desktop.document.session import Session
from empanada_desktop.document.sources import whole_box
from empanada_desktop.errors import SettingsError
from empanada_desktop.io.volumes import VolumeRef

SHAPE = (40, 130, 140)


class Painter:
    """Does deeds at random, and tells its log."""

    def __init__(self, folder: Path, base: str, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.document = Document()
        self.document.add_layer(LabelsLayer(title="file", source=open_source(VolumeRef(base))))
        self.document.new_labels("mine", LabelsLayer(title="like", source=EditableSource(shape=SHAPE)))
        self.document.history.clear()
        self.session = Session(folder)
        self.log = (folder.parent / "log.txt").open("a", buffering=1)
        self.session.begin_journal(self.document)
        self.tell("begin")

    def tell(self, what: str) -> None:
        """Write down what was done, when, and what the labels are now."""
        self.log.write(f"{time.monotonic():.6f} {state_of(self.document)} {what}\n")

    def layer(self) -> LabelsLayer:
        """One of the layers."""
        layers = self.document.of_kind(LabelsLayer)
        return layers[int(self.rng.integers(0, len(layers)))]

    def box(self) -> Box:
        """A box somewhere."""
        spans = []
        for length in SHAPE:
            low = int(self.rng.integers(0, length - 1))
            spans.append((low, min(length, low + int(self.rng.integers(1, 40)))))
        return Box.of_spans(spans)

    def step(self) -> None:
        """Do something."""
        deeds = (
            self.paint,
            self.paint,
            self.paint_long,
            self.merge,
            self.filter,
            self.large,
            self.add_and_delete,
            self.undo,
        )
        deed = deeds[int(self.rng.integers(0, len(deeds)))]
        deed()
        self.tell(deed.__name__)

    def paint(self) -> None:
        """A quick stroke."""
        stroke = self.document.begin_stroke(self.layer(), "Brush")
        for _ in range(3):
            box = self.box()
            stroke.write(box, np.full(box.shape, self.rng.integers(1, 9)))
        stroke.commit()

    def paint_long(self) -> None:
        """A stroke that lasts; sometimes it is cancelled."""
        stroke = self.document.begin_stroke(self.layer(), "Long brush")
        for _ in range(8):
            box = self.box()
            stroke.write(box, np.full(box.shape, self.rng.integers(1, 9)))
            stroke.tell()
            time.sleep(0.02)
            self.tell("part")
        if self.rng.random() < 0.3:
            stroke.cancel()
        else:
            stroke.commit()

    def merge(self) -> None:
        """Two ids become one, everywhere."""
        layer, pair = self.layer(), self.rng.permutation(9)[:2]
        array = self.document.writable(layer.id)
        self.document.edit_voxels(layer, "Merge", *relabel(array, whole_box(SHAPE), {int(pair[0]): int(pair[1])}))

    def filter(self) -> None:
        """What is in the upper half of an id goes, in the whole volume, block by block."""
        layer, gone = self.layer(), int(self.rng.integers(1, 9))
        parts = []
        for z in range(0, SHAPE[0], 20):
            box = Box((z, 0, 0), (z + 20, SHAPE[1], SHAPE[2]))
            before = layer.source[box.slices]
            after = np.where((before == gone) & (np.arange(SHAPE[1]) % 2 == 0)[None, :, None], 0, before)
            part = RegionEdit.of_changes(box, before, after)
            parts += [] if part is None else [part]
        self.document.edit_voxels(layer, "Filter", *parts)

    def large(self) -> None:
        """A large edit, made, undone or redone in a thread; sometimes given up."""
        layer, added = self.layer(), int(self.rng.integers(1, 5))
        before = np.array(layer.source[:, :, :])
        part = RegionEdit.between(whole_box(SHAPE), before, (before + added) % 9)
        what = ("undo", "redo", VoxelEdit("Large", layer.id, (part,)))[int(self.rng.integers(0, 3))]
        long = self.document.begin_long(what)
        if long is not None:
            thread = threading.Thread(target=long.work)
            thread.start()
            if self.rng.random() < 0.3:
                long.give_up()
            thread.join()
            long.finish()

    def add_and_delete(self) -> None:
        """A copy of a layer, or one layer less."""
        layers = self.document.of_kind(LabelsLayer)
        if len(layers) > 3:
            self.document.remove_layer(self.layer())
        else:
            self.document.duplicate_layer(self.layer())

    def undo(self) -> None:
        """Some steps back, and perhaps one forwards."""
        for _ in range(int(self.rng.integers(1, 4))):
            self.document.undo()
            self.tell("undo")
        if self.rng.random() < 0.5:
            self.document.redo()

    def keep(self) -> None:
        """Keep the session, as the window does now and then."""
        try:
            self.session.save(self.document)
        except SettingsError:
            self.log.write("0 0 could not be kept\n")


def state_of(document: Document) -> str:
    """A checksum of all layers, their order and titles."""
    checksum = 0
    for layer in document.of_kind(LabelsLayer):
        checksum = zlib.crc32(f"{layer.id} {layer.title}".encode(), checksum)
        checksum = zlib.crc32(np.ascontiguousarray(layer.source[:, :, :]).tobytes(), checksum)
    return f"{checksum:08x}"


def main(folder: str, base: str, seed: str) -> None:
    """Go on until killed."""
    painter = Painter(Path(folder), base, int(seed))
    while True:
        painter.step()
        if painter.rng.random() < 0.1:
            painter.keep()


if __name__ == "__main__":
    main(*sys.argv[1:])
