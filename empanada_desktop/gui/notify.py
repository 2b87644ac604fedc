"""What went wrong, told to the user: mendable errors in plain words, our own bugs as a report with the log's path."""

import datetime
import logging
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QObject, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QFrame, QPlainTextEdit, QPushButton, QWidget

from empanada_desktop import __version__
from empanada_desktop.errors import AppError, JobCancelled
from empanada_desktop.gui.controls import Column, IconLabel, Row, push_button, text_label
from empanada_desktop.gui.theme import TITLE, scaled_font
from empanada_desktop.gui.timers import single_shot
from empanada_desktop.settings import user_folder

TOAST_MS = 6000
# What a message is about: a deed, of which nobody wants to read once something else is done; work in the background.
DEED, WORK = "a deed", "work"
log = logging.getLogger("empanada_desktop")


def log_path() -> Path:
    """The file that the program's own log goes to."""
    return user_folder() / "logs" / "window.log"


def start_log() -> None:
    """Write the log to its file; without a place to write to there is none."""
    try:
        log_path().parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(log_path(), encoding="utf-8", delay=True)
    except OSError:
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)


class MessageDialog(QDialog):
    """A plain dialog: what happened, what to do, and perhaps details to copy."""

    def __init__(
        self, parent: QWidget | None, message: str, hint: str, details: str = "", is_bug: bool = False
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("empanada")
        self.message = text_label(message, "strong", wraps=True)
        scaled_font(self.message, TITLE, bold=True)
        self.hint = text_label(hint, "second", wraps=True)
        self.hint.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        words = Column(self.message, self.hint, spacing=6)
        icon = IconLabel("warning-circle" if is_bug else "info", "error" if is_bug else "warning", 24)
        top = Row(icon, words, spacing=12)
        top.setStretch(1, 1)
        top.setAlignment(icon, Qt.AlignmentFlag.AlignTop)
        buttons = Row(0)
        layout = Column(top, spacing=12)
        layout.setContentsMargins(16, 16, 16, 16)
        if details:
            layout.addWidget(_details(details), 1)
            buttons.addWidget(push_button("Open the log", _open_log))
        close = push_button("Close", self.accept, role="primary")
        close.setDefault(True)
        buttons.addWidget(close)
        layout.addLayout(buttons)
        self.setLayout(layout)
        self.setMinimumWidth(420)


def _details(text: str) -> QPlainTextEdit:
    box = QPlainTextEdit(text)
    box.setReadOnly(True)
    box.setMinimumHeight(160)
    return box


def _open_log() -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(log_path())))


class Notifier(QObject):
    """The one place that errors come to, from whatever thread; dialogs open in the window's thread."""

    _arrived = Signal(object)

    def __init__(self, window: QWidget, save: Callable[[], AppError | None]) -> None:
        super().__init__(window)
        self._window = window
        self._save = save
        self.dialog: MessageDialog | None = None
        self._arrived.connect(self._tell, Qt.ConnectionType.QueuedConnection)

    def error(self, problem: BaseException) -> None:
        """Tell of an error; a cancelled job is none."""
        if not isinstance(problem, JobCancelled):
            self._arrived.emit(problem)

    def install(self) -> None:
        """Take what nobody caught."""
        sys.excepthook = self._uncaught

    def _uncaught(self, kind: type[BaseException], problem: BaseException, trace: TracebackType | None) -> None:
        if sys.stderr is not None:  # on Windows a program without a console has none
            sys.__excepthook__(kind, problem, trace)
        if issubclass(kind, KeyboardInterrupt):
            return
        self.error(problem.with_traceback(trace))

    def _tell(self, problem: BaseException) -> None:
        if isinstance(problem, AppError):
            self._show(MessageDialog(self._window, problem.message, problem.hint))
            return
        details = "".join(traceback.format_exception(problem))
        log.error("%s", details)
        lost = self._save()
        kept = "Your work was saved." if lost is None else f"Your work could not be saved: {lost.message} {lost.hint}"
        when = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        hint = f"{kept} The log is {log_path()}. Please send it with what you did just before."
        report = f"empanada-desktop {__version__}, Python {sys.version.split()[0]}, {sys.platform}, {when}\n\n{details}"
        self._show(MessageDialog(self._window, "The program made a mistake.", hint, report, is_bug=True))

    def _show(self, dialog: MessageDialog) -> None:
        self.dialog = dialog
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()


class Toast(QFrame):
    """One line at the bottom right for six seconds, perhaps with a way to undo; never for errors."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("role", "toast")
        self._text = text_label()
        self._offer: QPushButton | None = None
        self._free_right = 0
        self._row = Row(self._text)
        self._row.setContentsMargins(12, 8, 12, 8)
        self.setLayout(self._row)
        self._timer = single_shot(self, self.hide)
        self.hide()

    def say(self, text: str, offer: str = "", deed: Callable[[], object] | None = None) -> None:
        """Show a line, with a button that does `deed`."""
        self._text.setText(text)
        if self._offer is not None:
            self._row.removeWidget(self._offer)
            self._offer.deleteLater()
            self._offer = None
        if deed is not None:

            def take() -> None:  # what it does may say something itself
                self.hide()
                deed()

            self._offer = push_button(offer, take, role="link")
            self._row.addWidget(self._offer)
            self._offer.show()  # in a toast that is seen already a new button would not count
        self.adjustSize()
        self.place()
        self.show()
        self.raise_()
        self._timer.start(TOAST_MS)

    def text(self) -> str:
        """What is said."""
        return self._text.text()

    def keep_clear(self, width: int) -> None:
        """Leave so much at the right uncovered: the form with its button."""
        self._free_right = width

    def place(self) -> None:
        """Go to the lower right corner of the window."""
        parent = self.parentWidget()
        if parent is not None:
            right = parent.width() - self._free_right - self.width() - 16
            self.move(right, parent.height() - self.height() - 84)
