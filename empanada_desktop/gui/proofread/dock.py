"""The dock at the right: the form, what is picked, small deeds with ids, and below them the history."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu, QSplitter, QToolButton, QVBoxLayout, QWidget

from empanada_desktop.gui.actions import Actions
from empanada_desktop.gui.controls import Column, Section
from empanada_desktop.gui.icons import show_icon
from empanada_desktop.gui.panel_area import PanelArea
from empanada_desktop.gui.proofread.form import EditForm
from empanada_desktop.gui.proofread.history import HistoryView
from empanada_desktop.gui.proofread.labels_part import LabelsPart
from empanada_desktop.gui.proofread.selection import SelectionPart
from empanada_desktop.gui.shell import dock_header

MENU = ("objects_delete", "objects_delete_plane", "object_jump", "objects_count", "objects_clear")
LEAST_FORM, LEAST_HISTORY, WIDTH = 120, 120, 320
FORM_HEIGHT, HISTORY_HEIGHT = 500, 340


class ProofreadDock(QWidget):
    """Form above, history below; the border between them can be moved."""

    def __init__(self, history: HistoryView, actions: Actions, form: EditForm, labels: LabelsPart) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.setMinimumWidth(WIDTH)
        self.form = form
        self.selection = SelectionPart()
        self.selection_section = Section("Selection", self.selection)
        self.labels = labels
        self.labels_section = Section("Labels", labels, is_open=False)
        self.history = history
        self.history.setMinimumHeight(LEAST_HISTORY)
        self.header = dock_header("Edit objects", (_more(actions),))
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for part in (form, self.selection_section, self.labels_section):
            column.addWidget(part)
        column.addStretch(1)
        inside = QWidget()
        inside.setProperty("role", "panel")
        inside.setLayout(column)
        self.area = PanelArea(inside)
        self.area.setMinimumHeight(LEAST_FORM)
        self.parts = QSplitter(Qt.Orientation.Vertical)
        self.parts.setChildrenCollapsible(False)
        self.parts.setHandleWidth(4)
        self.parts.addWidget(self.area)
        self.parts.addWidget(self.history)
        self.parts.setStretchFactor(1, 1)  # in a low window the history gives way, not the form
        self.parts.setSizes([FORM_HEIGHT, HISTORY_HEIGHT])
        self.setLayout(Column(self.parts))


def _more(actions: Actions) -> QToolButton:
    button = QToolButton()
    button.setProperty("role", "icon")
    button.setToolTip("More\nDelete, jump, count, clear.")
    button.setAccessibleName("More")
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    show_icon(button, "dots-three-vertical", "second")
    menu = QMenu(button)
    for name in MENU:
        menu.addAction(actions[name])
    button.setMenu(menu)
    return button
