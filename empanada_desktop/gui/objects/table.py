"""The object table: a line of words and buttons over the rows, the columns menu, the menu of what is selected."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QResizeEvent
from PySide6.QtWidgets import QLineEdit, QMenu, QPushButton, QStackedWidget, QToolButton, QWidget

from empanada_desktop.document.colours import LABEL_COLOURS, colour_places
from empanada_desktop.errors import AppError
from empanada_desktop.gui.controls import Column, Row, rule, set_role, text_label
from empanada_desktop.gui.icons import icon, show_icon
from empanada_desktop.gui.objects.columns import grouped
from empanada_desktop.gui.objects.deeds import ObjectDeeds
from empanada_desktop.gui.objects.desk import ObjectsDesk
from empanada_desktop.gui.objects.exports import ask_export
from empanada_desktop.gui.objects.table_view import PADDING, SWATCH, ObjectsView
from empanada_desktop.gui.timers import single_shot

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace

FILTER_MS, FILTER_WIDTH, BAR_HEIGHT, WORDS_FROM = 150, 250, 40, 740
SHOWN_KEY = "object_columns"
NO_LABELS = "No labels yet."
NO_OBJECTS = "No objects in these labels."
COUNTING, REFUSED = "Counting objects.", "The objects were not counted."
EXAMPLES = (
    "Filter\nvolume > 0.01\nstatus = queued\nclass = mito and not border\nreview = join or score > 0.8\n10012, 10019"
)


class ObjectTable(QWidget):
    """Every object of the labels as a row. Below the views in Proofread and Measure."""

    def __init__(self, workspace: "Workspace") -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.setMinimumHeight(BAR_HEIGHT + 4 * 27)
        self.desk = ObjectsDesk.of(workspace)
        self.deeds = ObjectDeeds.of(self.desk)
        self.model = self.desk.model
        self.view = _TableView(self)
        self._make_bar()
        self._empty = text_label("", "second")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.pages = QStackedWidget()
        for page in (self._empty_page(), self.view):
            self.pages.addWidget(page)
        layout = Column(self._bar, rule(), self.pages)
        layout.setStretch(2, 1)
        self.setLayout(layout)
        self._filter_later = single_shot(self, self._apply_filter, FILTER_MS)
        self._connect()
        self._longest: dict[str, str] = {}
        self._columns_changed()
        self._tell()

    # Parts

    def _make_bar(self) -> None:
        self.title = text_label("Objects", "strong")
        self.words = text_label(role="second")
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter, such as volume > 0.01")
        self.filter.setToolTip(EXAMPLES)
        self.filter.setClearButtonEnabled(True)
        self.filter.setMinimumWidth(FILTER_WIDTH // 3)
        self.filter.setMaximumWidth(FILTER_WIDTH)
        self.filter.addAction(icon("magnifying-glass", "second"), QLineEdit.ActionPosition.LeadingPosition)
        self.jump_button = _bar_button("Jump", "target", "Go to the selected object (double-click, Enter).")
        self.hide_button = _bar_button("Hide", "eye-slash", "Hide the selected objects; the eyes show them again.")
        self.isolate_button = _bar_button("Isolate", "circle-dashed", "Show the selected objects, the others faintly.")
        self.isolate_button.setCheckable(True)
        self.columns_button = _bar_button("Columns", "columns", "Choose which columns are shown.")
        self.export_button = _bar_button("Export", "export", "Write the table as CSV or XLSX.")
        line = Row(self.title, self.words, self.filter, 1, spacing=8)
        line.setStretch(2, 100)
        for button in self.buttons:
            line.addWidget(button)
        line.setContentsMargins(12, 4, 8, 4)
        self._bar = QWidget()
        self._bar.setFixedHeight(BAR_HEIGHT)
        self._bar.setLayout(line)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Where there is little room the buttons lose their words."""
        super().resizeEvent(event)
        style = Qt.ToolButtonStyle
        words = style.ToolButtonTextBesideIcon if self.width() >= WORDS_FROM else style.ToolButtonIconOnly
        for button in self.buttons:
            button.setToolButtonStyle(words)

    @property
    def buttons(self) -> tuple[QToolButton, ...]:
        """The buttons over the table, from left to right."""
        return (
            self.jump_button, self.hide_button, self.isolate_button, self.columns_button, self.export_button
        )  # fmt: skip

    def _empty_page(self) -> QWidget:
        page = QWidget()
        self.empty_button = QPushButton("Segment a plane")
        centre = Row(1, self.empty_button, 1)
        page.setLayout(Column(1, self._empty, centre, 1, spacing=8))
        return page

    def _connect(self) -> None:
        self.model.told.connect(self._tell)
        self.model.modelReset.connect(self._columns_changed)
        self.desk.changed.connect(self._tell)
        self.desk.building.connect(self._tell_building)
        self.filter.textChanged.connect(lambda _text: self._filter_later.start())
        self.filter.returnPressed.connect(self._apply_filter)
        self.view.selection_made.connect(self._selected)
        self.view.jump_asked.connect(self.deeds.jump)
        self.view.eye_clicked.connect(self.toggle_eye)
        self.view.delete_asked.connect(lambda: self._do(self.delete))
        self.view.menu_asked.connect(self._show_menu)
        self.view.horizontalHeader().customContextMenuRequested.connect(self._header_menu)
        self.jump_button.clicked.connect(self.jump)
        self.hide_button.clicked.connect(lambda: self.deeds.hide(self.model.selected_ids.tolist()))
        self.isolate_button.toggled.connect(self.deeds.isolate)
        self.columns_button.clicked.connect(self._columns_below)
        self.export_button.clicked.connect(self.export)
        self.empty_button.clicked.connect(self._begin)
        document = self.desk.document
        document.selection_changed.connect(self._follow_selection)
        document.layer_changed.connect(lambda _layer, names: self._tell() if "shows_selected_only" in names else None)

    # Deeds

    def jump(self) -> None:
        """Go to the object that was selected last, or to the only one."""
        row, ids = self.view.current_row, self.model.selected_ids
        if 0 <= row < len(self.model.rows) and self.model.selected[self.model.rows[row]]:
            self.deeds.jump(int(self.model.objects.ids[self.model.rows[row]]))
        elif len(ids):
            self.deeds.jump(int(ids[0]))

    def toggle_eye(self, label_id: int) -> None:
        """Hide or show an object; with it the selected ones if it is one of them."""
        layer = self.desk.layer
        if layer is not None:
            ids = self.model.selected_ids.tolist()
            self.deeds.hide(ids if label_id in ids else (label_id,), label_id not in layer.hidden)

    def delete(self) -> None:
        """Delete the selected objects."""
        self.deeds.delete(self.model.selected_ids.tolist())

    def merge(self) -> None:
        """Merge the selected objects into the largest of them."""
        self.deeds.merge(self.model.selected_ids.tolist())

    def export(self) -> None:
        """Write what the table shows to a file."""
        ask_export(self, self.desk, [self.model.columns[place] for place in self.shown_columns()])

    def _do(self, deed: object) -> None:
        try:
            deed()  # type: ignore[operator]
        except AppError as problem:
            self.desk.workspace.window.tell(problem)

    # Selection

    def _selected(self) -> None:
        if self.desk.layer is not None:
            self.desk.document.select(self.desk.layer, self.model.selected_ids.tolist())

    def _follow_selection(self, layer: object) -> None:
        """What is picked elsewhere comes into sight."""
        ids = self.model.selected_ids
        if layer is self.desk.layer and len(ids) == 1 and not self.view.hasFocus():
            row = self.model.row_of(int(ids[0]))
            if row is not None:
                self.view.go_to(row)

    # Filter and columns

    def _apply_filter(self) -> None:
        self._filter_later.stop()
        self.model.set_filter(self.filter.text())

    def shown_columns(self) -> list[int]:
        """The columns in sight, from left to right, the eye left out."""
        header = self.view.horizontalHeader()
        places = [header.logicalIndex(number) for number in range(header.count())]
        return [
            place
            for place in places
            if not header.isSectionHidden(place) and self.model.columns[place].key != "visible"
        ]

    def show_column(self, key: str, is_shown: bool) -> None:
        """Show or hide a column, and remember it."""
        self.view.setColumnHidden(self.model.place_of(key), not is_shown)
        window = self.desk.workspace.window
        choices = _choices(window.settings.window.get(SHOWN_KEY, "")) | {key: is_shown}
        kept = " ".join(f"{'+' if shown else '-'}{name}" for name, shown in choices.items())
        window.settings = replace(window.settings, window={**window.settings.window, SHOWN_KEY: kept})

    def _columns_changed(self) -> None:
        choices = _choices(self.desk.workspace.window.settings.window.get(SHOWN_KEY, ""))
        metrics = self.view.fontMetrics()
        for place, column in enumerate(self.model.columns):
            self.view.setColumnHidden(place, not choices.get(column.key, column.is_shown))
            self.view.setColumnWidth(place, max(column.width, metrics.horizontalAdvance(column.heading) + 28))
        self.view.setColumnWidth(self.model.place_of("visible"), 34)
        self._longest = {}
        self._fit_widths()
        place = self.model.place_of(self.model.sorted_by)
        order = Qt.SortOrder.DescendingOrder if self.model.is_descending else Qt.SortOrder.AscendingOrder
        self.view.horizontalHeader().setSortIndicator(max(place, 1), order)

    def _fit_widths(self) -> None:
        """Make room for the longest id and place; what is wide enough stays as it is."""
        for key in ("id", "centre", "box"):
            words = self.model.objects.longest(key)
            if words != self._longest.get(key, ""):
                self._longest[key] = words
                room = self.view.fontMetrics().horizontalAdvance(words) + 2 * PADDING
                room += SWATCH + PADDING if key == "id" else 0
                place = self.model.place_of(key)
                if room > self.view.columnWidth(place):
                    self.view.setColumnWidth(place, room)

    def columns_menu(self) -> QMenu:
        """The menu of the columns, with what each of them means."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        for place, column in enumerate(self.model.columns):
            if column.key in ("visible", "id"):
                continue
            entry = menu.addAction(column.heading)
            entry.setCheckable(True)
            entry.setChecked(not self.view.isColumnHidden(place))
            entry.setToolTip(column.meaning)
            entry.toggled.connect(lambda is_on, key=column.key: self.show_column(key, is_on))
        return menu

    def _columns_below(self) -> None:
        button = self.columns_button
        self.columns_menu().popup(button.mapToGlobal(QPoint(0, button.height())))

    def _header_menu(self, place: QPoint) -> None:
        self.columns_menu().popup(self.view.horizontalHeader().mapToGlobal(place))

    # The menu of what is selected

    def menu(self) -> QMenu:
        """What can be done with the selected objects."""
        menu, count = QMenu(self), int(np.count_nonzero(self.model.selected))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        layer, ids = self.desk.layer, self.model.selected_ids.tolist()
        entries = (
            ("Jump", "target", self.jump, count >= 1),
            ("Hide", "eye-slash", lambda: self.deeds.hide(ids), count >= 1),
            ("Show all", "eye", self.deeds.show_all, layer is not None and bool(layer.hidden)),
            None,
            ("Accept", "check", lambda: self.deeds.mark(ids, "accepted"), count >= 1),
            ("Flag", "flag", lambda: self.deeds.mark(ids, "flagged"), count >= 1),
            ("Clear the status", "x", lambda: self.deeds.mark(ids, ""), count >= 1),
            None,
            (f"Merge {count} objects" if count > 1 else "Merge", "git-merge", self.merge, count > 1),
            (f"Delete {count} objects" if count > 1 else "Delete", "trash", self.delete, count >= 1),
        )
        for entry in entries:
            if entry is None:
                menu.addSeparator()
                continue
            words, picture, deed, works = entry
            action = menu.addAction(icon(picture), words)
            action.setEnabled(bool(works))
            action.triggered.connect(lambda _checked=False, deed=deed: self._do(deed))
        return menu

    def _show_menu(self, place: QPoint) -> None:
        self.menu().popup(place)

    # Words

    def _tell(self) -> None:
        self._fit_widths()
        model, layer = self.model, self.desk.layer
        there, shown, chosen = len(model.objects), len(model.rows), int(np.count_nonzero(model.selected))
        counted = self.desk.index is not None
        words = [f"{grouped(shown)} of {grouped(there)}" if shown != there else grouped(there)] if counted else []
        hidden = int(np.count_nonzero(model.objects.hidden))
        words += [f"{grouped(count)} {what}" for count, what in ((chosen, "selected"), (hidden, "hidden")) if count]
        measured = self.desk.measured
        words += [f"measured in {measured.where}"] if measured is not None and measured.where else []
        self.words.setText(model.fault or ", ".join(words))
        set_role(self.words, "error" if model.fault else "second")
        for button in (self.jump_button, self.hide_button):
            button.setEnabled(bool(chosen))
        self.isolate_button.setEnabled(bool(chosen) or self.isolate_button.isChecked())
        self.isolate_button.blockSignals(True)
        self.isolate_button.setChecked(layer is not None and layer.shows_selected_only)
        self.isolate_button.blockSignals(False)
        self.export_button.setEnabled(bool(there))
        self._tell_empty(counted)
        self.pages.setCurrentIndex(1 if there else 0)

    def _tell_empty(self, is_counted: bool) -> None:
        """Say why there are no rows, and what can be done about it."""
        layer, is_refused = self.desk.layer, self.desk.is_refused
        words = REFUSED if is_refused else NO_OBJECTS if is_counted else COUNTING
        self._empty.setText(NO_LABELS if layer is None else words)
        self.empty_button.setText("Segment a plane" if layer is None else "Count them")
        self.empty_button.setVisible(layer is None or is_refused)

    def _begin(self) -> None:
        if self.desk.is_refused:
            self.desk.count_again()
        else:
            self.desk.workspace.do("panel_plane")

    def _tell_building(self, done: int, total: int) -> None:
        if total:
            self._empty.setText(f"Counting objects, {round(100 * done / total)} %.")


class _TableView(ObjectsView):
    """The rows, in the colours of the layer."""

    def __init__(self, table: ObjectTable) -> None:
        super().__init__(table.model)
        self._table = table
        self._palette = [QColor(colour) for colour in LABEL_COLOURS]
        self._known: tuple[object, ...] = ()
        self._places: NDArray[np.uint8] = np.zeros(0, np.uint8)

    def colour_of(self, row: int) -> QColor:
        layer, objects = self._table.desk.layer, self.objects_model.objects
        if layer is None:
            return QColor("#808080")
        known = (objects.ids, layer.colour_table, layer.seed)
        if len(self._known) != 3 or any(one is not other for one, other in zip(known, self._known, strict=True)):
            self._known = known
            self._places = colour_places(objects.ids, layer.colour_table, layer.seed)
        return self._palette[int(self._places[row])]


def _bar_button(title: str, name: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(f" {title}")
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    button.setToolTip(f"{title}\n{tip}")
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    show_icon(button, name, "second", "tint_text")
    return button


def _choices(text: str) -> dict[str, bool]:
    """Which columns the user has shown or hidden."""
    return {word[1:]: word[0] == "+" for word in text.split() if word[0] in "+-"}
