"""Which layer, class and label is painted with, as rows of the dock."""

from PySide6.QtCore import Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from empanada_desktop.core.ids import UINT32_MAX
from empanada_desktop.document import LabelsLayer
from empanada_desktop.errors import SettingsError
from empanada_desktop.gui.actions import Actions
from empanada_desktop.gui.annotate.between_part import action_button
from empanada_desktop.gui.annotate.label_desk import LabelDesk
from empanada_desktop.gui.annotate.rows import field_row
from empanada_desktop.gui.controls import Column, IconButton, Row, Swatch, fraction_box, push_button, text_label
from empanada_desktop.gui.docks.active_object import object_colour
from empanada_desktop.gui.theme import theme

SWATCH, LARGEST_DIVISOR = 12, 100_000_000
BACKGROUND = "sunken"


class LabelPart(QWidget):
    """Shows what a LabelDesk answers and asks it for other things; `failed` carries what the user can mend."""

    failed = Signal(object)

    def __init__(self, desk: LabelDesk, actions: Actions) -> None:
        super().__init__()
        self._desk = desk
        self.layer, self.class_choice = QComboBox(), QComboBox()
        self.swatch = Swatch(size=SWATCH + 4)
        self.id, self.divisor = fraction_box(0), fraction_box(0)
        self.first, self.last = fraction_box(0), fraction_box(0)
        self.words = text_label(role="hint", wraps=True)
        self.name = QLineEdit()
        self._naming: int | None = None
        self._make_fields()
        self.setLayout(Column(*self._rows(actions)))
        self._connect()
        desk.changed.connect(self.refresh)
        theme.changed.connect(self.refresh)
        self.refresh()

    def _make_fields(self) -> None:
        self.id.setRange(0, UINT32_MAX)
        self.id.setFixedWidth(92)
        self.id.setAccessibleName("Label")
        self.divisor.setRange(2, LARGEST_DIVISOR)
        self.divisor.setFixedWidth(92)
        for end, name in ((self.first, "First of my ids"), (self.last, "Last of my ids")):
            end.setRange(0, UINT32_MAX)
            end.setSpecialValueText("all")
            end.setFixedWidth(92)
            end.setAccessibleName(name)
        self.name.setPlaceholderText("Name, such as mito")
        for box in (self.layer, self.class_choice):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(4)

    def _rows(self, actions: Actions) -> list[QWidget]:
        def button(icon: str, name: str) -> IconButton:
            made = IconButton(icon, actions[name].toolTip(), actions[name].trigger)
            actions[name].changed.connect(lambda: made.setToolTip(actions[name].toolTip()))
            return made

        self.add_class = IconButton("plus", "Add a class\nIt gets ids of its own.", lambda: self._ask_name(None))
        self.rename_class = IconButton("pencil-simple", "Name the class", lambda: self._ask_name(self._desk.class_id))
        self.name_agreed = push_button("OK", self._named)
        self._name_row = field_row("Class name", self.name, self.name_agreed)
        self._name_row.hide()
        steps = (button("caret-left", "label_previous"), button("caret-right", "label_next"))
        others = (action_button(actions["label_new"], "New label"), action_button(actions["label_swap"], "Swap"))
        self._divisor_row = field_row("Ids per class", self.divisor, 1)
        self._divisor_row.setToolTip("Label divisor\nClass 2 has the ids from twice this number on.")
        self._half = text_label("Both ends are needed; 0 and 0 take all ids.", "hint", wraps=True)
        self._half.hide()
        self._reserved_row = field_row("My ids", self.first, text_label("to", "second"), self.last, 1, hint=self._half)
        self._reserved_row.setToolTip(
            "Reserved ids\nNew objects get these ids only, so that several people can share a volume."
        )
        return [
            field_row("Layer", _wide(self.layer), button("plus", "labels_new")),
            field_row("Class", _wide(self.class_choice), self.add_class, self.rename_class),
            self._name_row,
            field_row("Label", self.swatch, self.id, *steps, 1, hint=self.words),
            field_row("", *others),
            self._divisor_row,
            self._reserved_row,
        ]

    def _connect(self) -> None:
        self.layer.activated.connect(self._choose_layer)
        self.class_choice.activated.connect(
            lambda _row: self._try(lambda: self._desk.choose_class(self.class_choice.currentData()))
        )
        self.id.editingFinished.connect(self._typed)
        self.divisor.editingFinished.connect(self._divisor_typed)
        self.first.editingFinished.connect(self._reserved)
        self.last.editingFinished.connect(self._reserved)
        self.name.returnPressed.connect(self._named)

    def refresh(self) -> None:
        """Show what is painted with."""
        layer = self._desk.layer
        if layer is None:
            return
        self._fill_layers(layer)
        self._fill_classes(layer)
        self.id.setValue(layer.active_id)
        colour = object_colour(layer, layer.active_id) if layer.active_id else theme.colour(BACKGROUND).name()
        self.swatch.set_colour(colour)
        self.divisor.setValue(layer.label_divisor)
        first, last = layer.id_range or (0, 0)
        if not (self.first.hasFocus() or self.last.hasFocus()):
            self.first.setValue(first)
            self.last.setValue(last)
        self.words.setText(self._in_words(layer))

    def _fill_layers(self, layer: LabelsLayer) -> None:
        layers = self._desk.layers()
        shown = [(self.layer.itemText(row), self.layer.itemData(row)) for row in range(self.layer.count())]
        if shown != [(one.title, one.id) for one in layers]:
            self.layer.clear()
            for one in layers:
                self.layer.addItem(one.title, one.id)
        self.layer.setCurrentIndex(self.layer.findData(layer.id))

    def _fill_classes(self, layer: LabelsLayer) -> None:
        self.class_choice.clear()
        for class_id, name in self._desk.classes().items():
            sample = layer.active_id if class_id == self._desk.class_id else class_id * layer.label_divisor + 1
            self.class_choice.addItem(_square(object_colour(layer, sample)), _title(class_id, name), class_id)
        self.class_choice.setCurrentIndex(self.class_choice.findData(self._desk.class_id))

    def _in_words(self, layer: LabelsLayer) -> str:
        if not layer.active_id:
            return "Background: painting takes labels away."
        low, high = self._desk.span(self._desk.class_id)
        return f"{self._desk.class_words(self._desk.class_id).capitalize()}: ids {low} to {high}."

    # What is asked for

    def _choose_layer(self, _row: int) -> None:
        found = [layer for layer in self._desk.layers() if layer.id == self.layer.currentData()]
        if found:
            self._desk.choose_layer(found[0])

    def _typed(self) -> None:
        layer, wanted = self._desk.layer, round(self.id.value())
        if layer is not None and wanted != layer.active_id:
            self._try(lambda: self._desk.set_active(wanted))

    def _divisor_typed(self) -> None:
        self._try(lambda: self._desk.set_divisor(round(self.divisor.value())))

    def _reserved(self) -> None:
        """Both ends are needed, or none."""
        first, last = round(self.first.value()), round(self.last.value())
        self._half.setVisible(bool(first) != bool(last))
        if bool(first) == bool(last):
            self._try(lambda: self._desk.reserve((first, last) if first else None))

    def _ask_name(self, class_id: int | None) -> None:
        self._naming = class_id
        self.name.setText("" if class_id is None else self._desk.classes().get(class_id, ""))
        self._name_row.show()
        self.name.setFocus()

    def _named(self) -> None:
        name = self.name.text().strip()
        self._name_row.hide()
        if name and self._naming is None:
            self._try(lambda: self._desk.add_class(name))
        elif name and self._naming:
            number = self._naming
            self._try(lambda: self._desk.name_class(number, name))

    def _try(self, deed: object) -> None:
        try:
            deed()  # type: ignore[operator]
        except SettingsError as problem:
            self.failed.emit(problem)
        self.refresh()


def _title(class_id: int, name: str) -> str:
    if not class_id:
        return "No class"
    return f"{class_id}  {name}" if name else f"{class_id}"


def _wide(widget: QWidget) -> Row:
    row = Row(widget)
    row.setStretch(0, 1)
    return row


def _square(colour: str) -> QPixmap:
    picture = QPixmap(SWATCH, SWATCH)
    picture.fill(theme.colour(colour))
    return picture
