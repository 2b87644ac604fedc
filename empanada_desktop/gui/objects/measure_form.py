"""The form Measure: which objects, in 3D or in a plane, in which unit; the columns, and how one of them is spread."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtWidgets import QCheckBox, QComboBox, QVBoxLayout, QWidget

from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.core.plurals import noun
from empanada_desktop.document import ImageLayer
from empanada_desktop.errors import AppError
from empanada_desktop.gui.controls import Column, MessageBar, Row, Section, Segmented, push_button, rule
from empanada_desktop.gui.form_rows import FormBody, narrow_combo, plain_row
from empanada_desktop.gui.objects.column_histogram import ColumnHistogram
from empanada_desktop.gui.objects.columns import MARK, NUMBER, grouped
from empanada_desktop.gui.objects.columns import Column as TableColumn
from empanada_desktop.gui.objects.desk import ObjectsDesk
from empanada_desktop.gui.objects.exports import ask_export
from empanada_desktop.gui.objects.measuring import Measurer
from empanada_desktop.gui.objects.table import ObjectTable
from empanada_desktop.gui.objects.terms import UNITS, Terms
from empanada_desktop.gui.objects.units_part import UnitsPart
from empanada_desktop.gui.panel_area import PanelArea

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from empanada_desktop.gui.workspace import Workspace

WHICH = (("all", "All"), ("selected", "Selected"), ("class", "Class"))
PLANE_OR_3D = ((True, "Plane"), (False, "3D"))
WORKS_IN_TIPS = ("The plane of the active view, through the crosshair.", "The whole of each object.")


class MeasureForm(QWidget):
    """Measures objects into the columns of a table."""

    def __init__(self, workspace: "Workspace", table: ObjectTable) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.desk = ObjectsDesk.of(workspace)
        self.table = table
        self.measurer = Measurer(self.desk)
        self.message = MessageBar("error")
        self.which = Segmented(WHICH, ("Every object.", "Those that are selected.", "Those of one class."))
        self.works_in = Segmented(PLANE_OR_3D, WORKS_IN_TIPS)
        self.classes, self.image = QComboBox(), QComboBox()
        self.units = UnitsPart(self.desk)
        self.columns = QWidget()
        self.columns.setLayout(Column(spacing=2))
        self.column_boxes: dict[str, QCheckBox] = {}
        self.column, self.histogram = QComboBox(), ColumnHistogram()
        for box in (self.classes, self.image, self.column):
            narrow_combo(box)
        self.start_button = push_button("Measure", self.start, "ruler", "primary")
        self.export_button = push_button("Export", self.export, "export")
        self._arrange()
        self._connect()
        self.refresh()

    # Parts

    def _arrange(self) -> None:
        self.class_row = plain_row("Class", self.classes)
        objects = Column(
            plain_row("Works in", self.works_in),
            plain_row("Objects", self.which),
            self.class_row,
            plain_row("Grey values of", self.image),
        )
        spread = Column(self.column, self.histogram, spacing=8)
        spread.setContentsMargins(14, 2, 14, 10)
        self.help_button = push_button("What the figures mean", self._show_definitions, role="link")
        list_of_columns = Column(self.columns, Row(self.help_button, 1))
        list_of_columns.setContentsMargins(14, 2, 14, 8)
        parts = (
            ("What", objects),
            ("Units", Column(self.units)),
            ("Distribution", spread),
            ("Columns", list_of_columns),
        )
        inside = QVBoxLayout()
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(0)
        self.sections = {title: Section(title, _holder(layout)) for title, layout in parts}
        for section in self.sections.values():
            inside.addWidget(section)
        inside.addStretch(1)
        area = PanelArea(_holder(inside, FormBody()))
        footer = Row(self.start_button, self.export_button)
        footer.setStretch(0, 1)
        footer.setContentsMargins(12, 8, 12, 12)
        layout = Column(self.message, area, rule(), footer)
        layout.setStretch(1, 1)
        self.setLayout(layout)

    def _connect(self) -> None:
        document = self.desk.document
        self.desk.changed.connect(self.refresh)
        self.measurer.changed.connect(self.refresh)
        self.table.model.told.connect(self._count)
        self.which.chosen.connect(lambda _value: self._count())
        self.classes.activated.connect(lambda _place: self._count())
        self.works_in.chosen.connect(lambda _value: self._take_terms())
        self.units.chosen.connect(lambda _value: self._take_terms())
        self.units.failed.connect(self._say)
        self.column.activated.connect(lambda _place: self._spread())
        self.histogram.chosen.connect(self._select)
        for signal in (document.layer_added, document.layer_removed):
            signal.connect(self._layers_changed)
        document.view_changed.connect(self._view_changed)

    # Deeds

    def start(self) -> None:
        """Measure what is chosen."""
        self.message.hide()
        image = self.desk.document.layer(self.image.currentData()) if self.image.currentData() else None
        try:
            self.measurer.start(self.ids(), image if isinstance(image, ImageLayer) else None)
        except AppError as problem:
            self._say(problem)

    def _say(self, problem: AppError | None) -> None:
        if problem is None:
            self.message.hide()
        else:
            self.message.say(problem.message, "error", problem.hint)

    def ids(self) -> list[int] | None:
        """The objects that are meant; None: all."""
        model, which = self.table.model, self.which.value()
        if which == "selected":
            return [int(each) for each in model.selected_ids]
        if which == "class":
            of_class = model.objects.classes == self.classes.currentIndex()
            return [int(each) for each in model.objects.ids[of_class]]
        return None

    def export(self) -> None:
        """Write the table, every column that is shown."""
        ask_export(self, self.desk, [self.table.model.columns[place] for place in self.table.shown_columns()])

    def _select(self, mask: "NDArray[np.bool_]") -> None:
        layer, model = self.desk.layer, self.table.model
        if layer is not None:
            self.desk.document.select(layer, model.objects.ids[model.rows][mask].tolist())

    def _show_definitions(self) -> None:
        self.desk.workspace.window.actions_table["figures_help"].trigger()

    # Terms

    def _take_terms(self) -> None:
        """Take over what the form says: in the plane that is looked at or in 3D, and the unit."""
        unit = next(unit for unit in UNITS if unit == self.units.unit.value())
        layer, terms = self.desk.layer, self._placed(bool(self.works_in.value()))
        is_known = layer is not None and terms.is_known(layer.spacing)
        self.desk.set_terms(replace(terms, unit=unit) if is_known else terms)
        self.refresh()

    def _placed(self, in_plane: bool) -> Terms:
        """The terms with the plane of the active view, or without a plane."""
        view = self.desk.document.view
        axis = Axis(view.active) if view.active in list(Axis) else Axis.XY
        if not in_plane:
            return replace(self.desk.terms, axis=None, index=0)
        return replace(self.desk.terms, axis=axis, index=view.crosshair[axis.normal])

    def _view_changed(self, _view: object, names: frozenset[str]) -> None:
        if self.desk.terms.axis is not None and names & {"crosshair", "active"}:
            self.desk.set_terms(self._placed(True))
            self._say_what()

    # What is shown

    def refresh(self) -> None:
        """Show what is there now."""
        layer = self.desk.layer
        is_flat = layer is not None and layer.shape[0] == 1
        if is_flat and self.desk.terms.axis is None:
            self.desk.set_terms(self._placed(True))
        self.works_in.button(False).setEnabled(not is_flat)
        self.works_in.set_value(self.desk.terms.axis is not None)
        self.units.refresh(Spacing() if layer is None else layer.spacing, self.desk.terms)
        self._fill_classes()
        self._layers_changed()
        self._fill_columns()
        self._count()

    def _fill_classes(self) -> None:
        names = self.table.model.objects.class_names
        if [self.classes.itemText(place) for place in range(self.classes.count())] != list(names):
            self.classes.clear()
            self.classes.addItems(names)

    def _layers_changed(self, *_what: object) -> None:
        layer = self.desk.layer
        images = [one for one in self.desk.document.of_kind(ImageLayer) if not one.is_preview]
        fitting = [(one.title, one.id) for one in images if layer is not None and one.shape == layer.shape]
        choices = [*fitting, ("No image", "")]
        if [(self.image.itemText(at), self.image.itemData(at)) for at in range(self.image.count())] != choices:
            chosen = self.image.currentData()
            self.image.clear()
            for title, layer_id in choices:
                self.image.addItem(title, layer_id)
            self.image.setCurrentIndex(max(0, self.image.findData(chosen)))

    def _fill_columns(self) -> None:
        columns = [one for one in self.table.model.columns if one.kind != MARK and one.key != "id"]
        if list(self.column_boxes) != [one.key for one in columns]:
            self._make_boxes(columns)
        for column in columns:
            box = self.column_boxes[column.key]
            box.blockSignals(True)
            box.setText(column.heading)
            box.setToolTip(f"{column.heading}\n{column.meaning}")
            box.setChecked(not self.table.view.isColumnHidden(self.table.model.place_of(column.key)))
            box.blockSignals(False)
        numbers = [(one.heading, one.key) for one in columns if one.kind == NUMBER]
        if [(self.column.itemText(at), self.column.itemData(at)) for at in range(self.column.count())] != numbers:
            keys = [key for _, key in numbers]
            chosen = self.column.currentData() or ("volume" if "volume" in keys else "voxels")
            self.column.clear()
            for heading, key in numbers:
                self.column.addItem(heading, key)
            self.column.setCurrentIndex(max(0, self.column.findData(chosen)))

    def _make_boxes(self, columns: list[TableColumn]) -> None:
        layout = self.columns.layout()
        for box in self.column_boxes.values():
            box.deleteLater()
        self.column_boxes = {}
        for column in columns:
            key = column.key
            box = QCheckBox()
            box.toggled.connect(lambda is_on, key=key: self.table.show_column(key, is_on))
            self.column_boxes[key] = box
            if layout is not None:
                layout.addWidget(box)

    def _count(self) -> None:
        """Say how many objects would be measured, and show the distribution."""
        self.class_row.setVisible(self.which.value() == "class")
        self._say_what()
        running = self.measurer.is_running
        self.export_button.setEnabled(bool(len(self.table.model.objects)))
        stale = int(np.count_nonzero(self.table.model.objects.is_stale))
        if stale and not running:
            words = "1 object has" if stale == 1 else f"{grouped(stale)} objects have"
            self.message.say(f"{words} changed since measuring.", "warning")
            self.message.offer("Measure anew", self._measure_stale)
        elif self.message.property("role") == "warning":
            self.message.hide()
        self._spread()

    def _say_what(self) -> None:
        """Say on the button how many objects would be measured, and where."""
        ids, there, where = self.ids(), len(self.table.model.objects), self.desk.terms.where
        count = there if ids is None else len(ids)
        objects = f"{grouped(count)} {noun(count, 'object')}"
        words = f" Measure in {where}" if where else f" Measure {objects}" if count else " Measure"
        running = self.measurer.is_running
        self.start_button.setText(" Measuring" if running else words)
        self.start_button.setEnabled(bool(count) and not running)

    def _measure_stale(self) -> None:
        objects = self.table.model.objects
        image = self.desk.workspace.image()
        self.measurer.start([int(each) for each in objects.ids[objects.is_stale]], image)

    def _spread(self) -> None:
        model, key = self.table.model, self.column.currentData()
        column = next((one for one in model.columns if one.key == key), None)
        if column is not None:
            values = model.objects.number(column.key)[model.rows]
            self.histogram.show_values(values, column.unit, model.selected[model.rows])


def _holder(layout: QVBoxLayout, holder: QWidget | None = None) -> QWidget:
    holder = holder or QWidget()
    holder.setProperty("role", "panel")
    holder.setLayout(layout)
    return holder
