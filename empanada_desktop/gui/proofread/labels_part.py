"""The section "Labels": jump to an id, find the next free one, count objects by class."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from empanada_desktop.core.counting import ClassCount, count_classes
from empanada_desktop.core.ids import next_free_id
from empanada_desktop.core.objects import ObjectIndex
from empanada_desktop.core.plurals import counted
from empanada_desktop.document import LabelsLayer
from empanada_desktop.errors import AppError
from empanada_desktop.gui.controls import Column, ElidedLabel, IconButton, Row, push_button, text_label
from empanada_desktop.gui.form_rows import ChoiceBox
from empanada_desktop.gui.objects.exports import ask_table_path
from empanada_desktop.gui.proofread.form import LABEL_WIDTH, Line, number_field
from empanada_desktop.gui.proofread.values import LARGEST_ID
from empanada_desktop.io.tables import TableColumn, write_table

if TYPE_CHECKING:
    from empanada_desktop.gui.proofread.desk import ProofreadDesk


def id_columns(layer: LabelsLayer, objects: ObjectIndex) -> list[TableColumn]:
    """The columns of a table with a row for every object: class, its name, id, voxels."""
    classes = (objects.ids // layer.label_divisor).tolist()
    names = [layer.class_names.get(class_id, "") for class_id in classes]
    return [
        TableColumn("Class", "Number of the class: the id divided by the ids per class, rounded down.", classes),
        TableColumn("Class name", "What the class is called.", names),
        TableColumn("Id", "The object's label id.", objects.ids.tolist()),
        TableColumn("Voxels", "Number of its voxels.", objects.voxels.tolist()),
    ]


class LabelsPart(QWidget):
    """Small deeds with ids."""

    jump_asked = Signal(int)

    def __init__(self, desk: "ProofreadDesk") -> None:
        super().__init__()
        self._desk = desk
        self.jump = number_field(1, LARGEST_ID)
        self.jump_button = push_button("Go", lambda: self.jump_asked.emit(self.jump.value()))
        self.jump.lineEdit().returnPressed.connect(lambda: self.jump_asked.emit(self.jump.value()))
        self.classes = ChoiceBox((), "Which class the id is for.")
        self.classes.chosen.connect(lambda _class: self.show_free())
        self.free = text_label()
        self.divisor = text_label(role="hint")
        self.take = push_button("Take", self.take_free)
        self.take.setToolTip("Paint with this id from now on.")
        self.copy = IconButton("copy", "Copy the id", self._copy, 14)
        self._counts = QVBoxLayout()
        self._counts.setContentsMargins(14, 0, 12, 0)
        self._counts.setSpacing(0)
        self.counts: list[ClassCount] = []
        self.export = push_button("Export ids…", self.ask_export, "export")
        self._arrange()

    def _arrange(self) -> None:
        lines = (
            Line("Jump to label", _side(self.jump, self.jump_button), "Put the crosshair into the object."),
            Line("Next free", self.classes, "The lowest id of a class that nobody has.", True),
        )
        found = Row(self.free, self.copy, 1, self.take, spacing=6)
        found.setContentsMargins(14 + LABEL_WIDTH + 5, 0, 24, 0)
        self.divisor.setContentsMargins(14 + LABEL_WIDTH + 5, 2, 12, 4)
        last = Row(1, self.export)
        last.setContentsMargins(14, 6, 12, 0)
        layout = Column(*lines, found, self.divisor, self._counts, last)
        layout.setContentsMargins(0, 0, 0, 8)
        self.setLayout(layout)

    def refresh(self) -> None:
        """Show what there is now."""
        layer, objects = self._desk.layer, self._desk.index
        self.setEnabled(layer is not None and objects is not None)
        if layer is None or objects is None:
            return
        counts = count_classes(objects, layer.label_divisor, layer.class_names)
        if counts != self.counts:
            self.counts = counts
            self._show_counts()
        names = {each.class_id: each.title for each in counts}
        names = {**layer.class_names, **names} or {1: "class 1"}
        if [self.classes.itemData(place) for place in range(self.classes.count())] != sorted(names):
            self._show_classes(names)
        self.divisor.setText(f"{layer.label_divisor} ids a class")
        self.show_free()

    def show_free(self) -> None:
        """Say which id of the chosen class is free."""
        self.free.setText(str(self.free_id() or "none"))
        self.take.setEnabled(bool(self.free_id()))

    def free_id(self) -> int:
        """The lowest free id of the chosen class; 0 when there is none."""
        layer, objects, class_id = self._desk.layer, self._desk.index, self.classes.value()
        if layer is None or objects is None or not isinstance(class_id, int):
            return 0
        try:
            return next_free_id(objects.ids, class_id, layer.label_divisor)
        except AppError:
            return 0

    def take_free(self) -> None:
        """Make the free id the one that tools paint with."""
        layer, free = self._desk.layer, self.free_id()
        if layer is not None and free:
            self._desk.document.change_layer(layer, active_id=free)
            self._desk.workspace.window.toast.say(f"Painting goes on with {free}.")

    def _copy(self) -> None:
        QApplication.clipboard().setText(str(self.free_id()))

    def ask_export(self) -> None:
        """Ask for a file, CSV or XLSX, and write ids by class to it."""
        path = ask_table_path(self, "Export ids by class", "ids")
        if path is not None:
            self.write(path)

    def write(self, path: Path) -> None:
        """Write ids by class, in a thread."""
        layer, objects = self._desk.layer, self._desk.index
        if layer is None or objects is None:
            return
        columns, toast = id_columns(layer, objects), self._desk.workspace.window.toast
        self._desk.objects.run(
            lambda: write_table(path, columns, title="Ids"),
            lambda _: toast.say(f"Wrote {counted(len(objects), 'id')} to {path.name}."),
        )

    def _show_classes(self, names: dict[int, str]) -> None:
        chosen = self.classes.value()
        self.classes.clear()
        for class_id in sorted(names):
            self.classes.addItem(f"{names[class_id]} ({class_id})", class_id)
        self.classes.setCurrentIndex(max(0, self.classes.findData(chosen)))

    def _show_counts(self) -> None:
        while (item := self._counts.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        for each in self.counts:
            row = QWidget()
            words = text_label(counted(len(each), "object"))
            line = Row(ElidedLabel(f"{each.title} ({each.class_id})", "second"), words)
            line.setStretch(0, 1)
            row.setLayout(line)
            row.setMinimumHeight(24)
            self._counts.addWidget(row)


def _side(*widgets: QWidget) -> QWidget:
    holder = QWidget()
    holder.setLayout(Row(*widgets, spacing=6))
    return holder
