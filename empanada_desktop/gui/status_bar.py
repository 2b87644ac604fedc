"""The line at the bottom: position, world position, grey value, object; zoom, voxel size, memory, saved."""

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QLabel, QStatusBar, QWidget

from empanada_desktop.core.geometry import Spacing
from empanada_desktop.gui.computer import memory_gigabytes, own_memory_gigabytes
from empanada_desktop.gui.controls import IconLabel, Row, Swatch, text_label

MEMORY_MS = 3000


class StatusBar(QStatusBar):
    """Says where the pointer is and what is there."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizeGripEnabled(False)
        self.setFixedHeight(26)
        self._position, self._world, self._grey = (text_label(role=role) for role in ("", "second", ""))
        self._swatch, self._object = Swatch(), text_label()
        self._zoom, self._voxel, self._memory, self._saved = (text_label(role="second") for _ in range(4))
        self._saved_icon = IconLabel("check-circle", "good", 14)
        left = (self._position, self._world, self._grey, self._swatch, self._object)
        right = (self._zoom, self._voxel, self._memory, self._saved_icon, self._saved)
        self._spare = (self._world, self._grey, self._zoom, self._voxel, self._memory)
        line = QWidget()
        row = Row(*left, 1, *right, spacing=14)
        row.setContentsMargins(10, 0, 10, 0)
        line.setLayout(row)
        self.addWidget(line, 1)
        self._whole = memory_gigabytes()[0]
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._show_memory)
        self._timer.start(MEMORY_MS)
        self._show_memory()
        self.clear_all()

    def clear_all(self) -> None:
        """Nothing is open."""
        for label in (self._world, self._grey, self._object, self._zoom, self._voxel):
            label.clear()
        self._swatch.hide()
        self.show_saved("")
        self._position.setText("No file open")

    def set_short(self, is_short: bool) -> None:
        """In a narrow window: position, object and saved alone."""
        for label in self._spare:
            label.setVisible(not is_short)

    def show_position(self, zyx: tuple[int, int, int], spacing: Spacing) -> None:
        """Show a voxel's place, in the volume and in micrometres."""
        z, y, x = zyx
        self._position.setText(f"x <b>{x}</b>&nbsp; y <b>{y}</b>&nbsp; z <b>{z}</b>")
        self._world.setText(world_text(zyx, spacing))

    def show_grey(self, text: str) -> None:
        """Show the grey value."""
        self._grey.setText(f"grey <b>{text}</b>" if text else "")

    def show_object(self, label_id: int, class_name: str, colour: str) -> None:
        """Show the object under the pointer; id 0 is none."""
        self._swatch.setVisible(label_id > 0)
        self._swatch.set_colour(colour)
        self._object.setText(f"{class_name} <b>{label_id}</b>" if label_id else "")

    def show_zoom(self, factor: float) -> None:
        """Show how large a voxel is drawn."""
        self._zoom.setText(f"zoom {factor * 100:.0f} %")

    def show_voxel(self, spacing: Spacing) -> None:
        """Show the voxel size and where it comes from."""
        if not any(spacing.zyx):
            self._voxel.setText("voxel size unknown, sizes in voxels")
            return
        source = "typed" if spacing.source == "typed" else "from the file"
        self._voxel.setText(f"voxel {spacing.words}, {source}")

    def show_saved(self, text: str) -> None:
        """Say when the work was kept last."""
        self._saved.setText(text)
        self._saved_icon.setVisible(bool(text))

    def texts(self) -> list[str]:
        """Everything that is said, left to right."""
        return [label.text() for label in self.findChildren(QLabel)]

    def _show_memory(self) -> None:
        own = own_memory_gigabytes()
        self._memory.setText("" if own is None else f"memory {own:.1f} of {self._whole:.0f} GB")


def world_text(zyx: tuple[int, int, int], spacing: Spacing) -> str:
    """The place of a voxel in micrometres, x y z; where only some sizes are known, these with their names."""
    known = [(name, at * size / 1000) for name, at, size in zip("zyx", zyx, spacing.zyx, strict=True) if size]
    lengths = [f"{length:.2f}" if spacing.is_known else f"{name} {length:.2f}" for name, length in reversed(known)]
    return ", ".join(lengths) + " µm" if lengths else ""
