"""The right dock of Annotate: what is painted with, what the chosen tool minds, and deeds between planes."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from empanada_desktop.gui.actions import Actions
from empanada_desktop.gui.annotate.between_part import BetweenPart
from empanada_desktop.gui.annotate.label_desk import LabelDesk
from empanada_desktop.gui.annotate.label_part import LabelPart
from empanada_desktop.gui.annotate.tool_part import ToolPart
from empanada_desktop.gui.controls import Column, MessageBar, Section, push_button, text_label
from empanada_desktop.gui.panel_area import PanelArea
from empanada_desktop.gui.shell import RIGHT_WIDTH, dock_header


class AnnotateDock(QWidget):
    """Scrolls; what cannot be done is said above it."""

    def __init__(self, desk: LabelDesk, tools: ToolPart, between: BetweenPart, actions: Actions) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.setMinimumWidth(RIGHT_WIDTH)
        self._desk, self._actions = desk, actions
        self.header = dock_header("Annotate")
        self.bar = MessageBar("error")
        self.label, self.tools, self.between = LabelPart(desk, actions), tools, between
        self.label.failed.connect(lambda problem: self.bar.say(problem.message, "error", problem.hint))
        self.empty = self._make_empty()
        self.paint_section = Section("Paint with", self.label)
        self.tool_section = Section(tools.title, tools)
        self.between_section = Section("Object", between)
        tools.titled.connect(self.tool_section.set_title)
        self._sections = (self.paint_section, self.tool_section, self.between_section)
        self.setLayout(Column(self.bar, self._scrolling()))
        desk.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the rows, or one button where there is nothing to paint in."""
        has_labels = self._desk.layer is not None
        self.empty.setVisible(not has_labels)
        self.paint_section.setVisible(has_labels)
        self.between_section.setVisible(has_labels)
        if has_labels:
            self.bar.hide()

    def _make_empty(self) -> QWidget:
        words = text_label("No labels yet.", "second")
        button = push_button("New labels", self._actions["labels_new"].trigger, "plus")
        column = Column(words, button, spacing=12)
        column.setAlignment(words, Qt.AlignmentFlag.AlignHCenter)
        column.setAlignment(button, Qt.AlignmentFlag.AlignHCenter)
        column.setContentsMargins(16, 24, 16, 24)
        holder = QWidget()
        holder.setLayout(column)
        return holder

    def _scrolling(self) -> PanelArea:
        inside = QWidget()
        inside.setProperty("role", "panel")
        inside.setLayout(Column(self.empty, *self._sections, 1))
        return PanelArea(inside)
