"""A page that asks what a task needs to know before it runs as a job: its parameters, files, and what they are for."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QFileDialog, QLineEdit, QVBoxLayout, QWidget

from empanada_desktop.errors import AppError, SettingsError
from empanada_desktop.gui.controls import Column, MessageBar, Row, push_button, text_label
from empanada_desktop.gui.form_rows import plain_row
from empanada_desktop.gui.params_form import ParamsForm
from empanada_desktop.gui.theme import TITLE, scaled_font
from empanada_desktop.tasks.params import TaskParams

WIDTH = 500
NO_FOLDER = "Choose a folder first."


class PathField(QWidget):
    """A path that is typed or chosen; `asks` opens the dialog for it and returns "" when nothing was chosen."""

    changed = Signal(str)

    def __init__(self, title: str, asks: Callable[[], str]) -> None:
        super().__init__()
        self._asks = asks
        self.line = QLineEdit()
        self.line.setAccessibleName(title)
        self.line.setMinimumWidth(120)
        self.button = push_button("Choose…", self._choose)
        layout = Row(self.line, self.button, spacing=6)
        layout.setStretch(0, 1)
        self.setLayout(layout)
        self.line.textChanged.connect(self.changed)

    def path(self) -> str:
        """What it says; SettingsError when that is nothing."""
        text = self.line.text().strip()
        if not text:
            raise SettingsError("Nothing says where the files are.", NO_FOLDER)
        return str(Path(text).expanduser())

    def _choose(self) -> None:
        chosen = self._asks()
        if chosen:
            self.line.setText(chosen)


class TaskPage(QDialog):
    """Title, one sentence, fields, and a button that starts; what cannot be is said in the page."""

    def __init__(self, window: QWidget, title: str, words: str, record: type[TaskParams] | None, verb: str) -> None:
        super().__init__(window)
        self.setWindowTitle(title)
        self.setMinimumWidth(WIDTH)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        heading = text_label(title, "strong")
        scaled_font(heading, TITLE, bold=True)
        self.form = None if record is None else ParamsForm(record)
        self.message = MessageBar("error", can_close=False)
        self.start_button = push_button(verb, self._try, role="primary")
        self.start_button.setDefault(True)
        self.cancel_button = push_button("Cancel", self.reject)
        self._rows = QVBoxLayout()
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(4)
        parts: list[QWidget] = [heading, text_label(words, "second", wraps=True)]
        parts += [self.form] if self.form is not None else []
        layout = Column(*parts, self._rows, self.message, Row(1, self.cancel_button, self.start_button), spacing=10)
        layout.setContentsMargins(16, 16, 16, 16)
        self.setLayout(layout)
        self._start: Callable[[], object] | None = None

    def add_row(self, title: str, control: QWidget, hint: str = "") -> None:
        """Put a field below the others, with a sentence under it."""
        if isinstance(control, PathField):  # paths are long
            line = Row(text_label(title), control, spacing=12)
            line.setContentsMargins(12, 0, 24, 0)
            line.setStretch(1, 1)
            self._rows.addLayout(line)
        else:
            self._rows.addWidget(plain_row(title, control))
        if hint:
            label = text_label(hint, "hint", wraps=True)
            label.setContentsMargins(12, 0, 12, 4)
            self._rows.addWidget(label)

    def when_started(self, start: Callable[[], object]) -> None:
        """Say what the button does; an AppError keeps the page open and is said in it."""
        self._start = start

    def _try(self) -> None:
        try:
            if self._start is not None:
                self._start()
        except AppError as problem:
            self.message.say(problem.message, "error", problem.hint)
        else:
            self.accept()


def ask_folder(page: QWidget, title: str) -> str:
    """Ask for a folder."""
    return QFileDialog.getExistingDirectory(page, title)
