"""The page that lists the keys and lets the user change them."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QHeaderView,
    QKeySequenceEdit,
    QLineEdit,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from empanada_desktop.gui.actions import PRESETS, ROW_BY_ID, ROWS, Actions, Keys, conflicts
from empanada_desktop.gui.controls import Column, MessageBar, Row, push_button, text_label
from empanada_desktop.gui.theme import TITLE, scaled_font

MOUSE = (
    ("Zoom", {"napari": "Wheel", "webknossos": "Ctrl+Wheel", "itksnap": "Ctrl+Wheel"}),
    ("Next, previous plane", {"napari": "Ctrl+Wheel", "webknossos": "Wheel", "itksnap": "Wheel"}),
    ("Move the crosshair", dict.fromkeys(PRESETS, "Click")),
    ("Pan", dict.fromkeys(PRESETS, "Drag, with either button")),
    ("Pick an object, add one", dict.fromkeys(PRESETS, "Click, Ctrl+Click")),
    ("Maximise a view", dict.fromkeys(PRESETS, "Double-click its header")),
)


class KeysPage(QDialog):
    """Actions and mouse gestures with their keys; choose a preset, or give an action another key."""

    def __init__(self, window: QWidget, actions: Actions, keep: Callable[[str, dict[str, Keys]], None]) -> None:
        super().__init__(window)
        self.setWindowTitle("Keys")
        self.resize(640, 640)
        self._actions, self._keep = actions, keep
        self.preset = QComboBox()
        for name, title in PRESETS.items():
            self.preset.addItem(title, name)
        self.preset.setCurrentIndex(list(PRESETS).index(actions.preset))
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search actions and keys")
        self.table = self._make_table()
        self.editor = QKeySequenceEdit()
        self.editor.setMaximumSequenceLength(1)
        self.editor.setEnabled(False)
        self.change = push_button("Use this key", self._change)
        self.bar = MessageBar("warning")
        self._arrange()
        self.preset.currentIndexChanged.connect(self._use_preset)
        self.search.textChanged.connect(self._narrow)
        self.table.itemSelectionChanged.connect(self._selected)
        self._show_keys()

    def _arrange(self) -> None:
        title = text_label("Keys", "strong")
        scaled_font(title, TITLE, bold=True)
        top = Row(title, 1, text_label("Preset", "second"), self.preset, push_button("Reset all", self._reset))
        below = Row(text_label("Press the new key", "second"), self.editor, self.change, 1)
        layout = Column(top, self.search, self.table, self.bar, below, spacing=10)
        layout.setContentsMargins(16, 16, 16, 16)
        self.setLayout(layout)

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(len(ROWS) + len(MOUSE), 3)
        table.setHorizontalHeaderLabels(["Action", "Key", "Menu"])
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(27)
        table.setShowGrid(False)
        table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        for number, row in enumerate(ROWS):
            for column, text in enumerate((row.title.rstrip("…"), "", row.menu)):
                table.setItem(number, column, QTableWidgetItem(text))
        for number, (title, _) in enumerate(MOUSE, len(ROWS)):
            for column, text in enumerate((title, "", "Mouse")):
                item = QTableWidgetItem(text)
                item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsSelectable)
                table.setItem(number, column, item)
        return table

    def _show_keys(self) -> None:
        native = QKeySequence.SequenceFormat.NativeText
        for number, row in enumerate(ROWS):
            keys = (QKeySequence(key).toString(native) for key in self._actions.keys_of(row.id))
            self._cell(number, 1).setText(", ".join(keys))
        for number, (_, keys_by_preset) in enumerate(MOUSE, len(ROWS)):
            self._cell(number, 1).setText(keys_by_preset[self._actions.preset])
        self._warn()

    def _cell(self, row: int, column: int) -> QTableWidgetItem:
        item = self.table.item(row, column)
        if item is None:
            raise IndexError(row)
        return item

    def _warn(self) -> None:
        doubled = conflicts({row.id: self._actions.keys_of(row.id) for row in ROWS})
        if not doubled:
            self.bar.hide()
            return
        key, names = next(iter(doubled.items()))
        titles = " and ".join(f"“{ROW_BY_ID[name].title.rstrip('…')}”" for name in names)
        self.bar.say(f"{key} is the key of {titles}; neither will answer to it.", "warning")

    def _selected(self) -> None:
        row = self._chosen()
        self.editor.setEnabled(row is not None)
        if row is not None:
            keys = self._actions.keys_of(row)
            self.editor.setKeySequence(QKeySequence(keys[0] if keys else ""))

    def _chosen(self) -> str | None:
        number = self.table.currentRow()
        return ROWS[number].id if 0 <= number < len(ROWS) and self.table.selectedItems() else None

    def _change(self) -> None:
        name = self._chosen()
        if name is not None:
            key = self.editor.keySequence().toString()
            self._use(self._actions.preset, {**self._actions.custom, name: (key,) if key else ()})

    def _use_preset(self) -> None:
        self._use(self.preset.currentData(), {})

    def _reset(self) -> None:
        self._use(self._actions.preset, {})

    def _use(self, preset: str, custom: dict[str, Keys]) -> None:
        self._actions.use_keys(preset, custom)
        self._keep(preset, custom)
        self._show_keys()

    def _narrow(self, text: str) -> None:
        for number in range(self.table.rowCount()):
            words = " ".join(self._cell(number, column).text() for column in range(3)).lower()
            self.table.setRowHidden(number, text.lower() not in words)
