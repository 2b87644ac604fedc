"""The list of earlier sessions that hold own work: each can be brought back, or let go for good."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QListWidget, QListWidgetItem, QWidget

from empanada_desktop.core.plurals import counted
from empanada_desktop.document.kept import KeptSession, earlier_work
from empanada_desktop.gui.controls import Column, Row, push_button, text_label
from empanada_desktop.gui.opening import in_words

NOTHING = "Nothing but what is open. Labels, points and answers that are in no file are listed here."
SOMETHING = "Each stays here until you remove it. What is open now is kept, too, when you change over."


class EarlierWork(QDialog):
    """Lists the sessions, the newest first; `chosen` carries the folder of the one to bring back."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Earlier work")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(520, 380)
        self.words = text_label("", "second", wraps=True)
        self.list = QListWidget()
        self.list.setAccessibleName("Earlier work")
        self.list.itemActivated.connect(self._bring_back)
        self.remove = push_button("Remove", self._ask, "trash")
        self.sure = push_button("Remove for good", self._remove, "trash")
        self.bring = push_button("Bring back", self._bring_back, role="primary")
        buttons = Row(self.remove, self.sure, 1, push_button("Close", self.reject), self.bring, spacing=8)
        layout = Column(text_label("Earlier work", "strong"), self.words, self.list, buttons, spacing=10)
        layout.setContentsMargins(16, 16, 16, 16)
        self.setLayout(layout)
        self.list.currentRowChanged.connect(lambda _row: self._ask(False))
        self._fill()

    @property
    def current(self) -> KeptSession | None:
        """The session that is marked."""
        item = self.list.currentItem()
        found: KeptSession | None = None if item is None else item.data(Qt.ItemDataRole.UserRole)
        return found

    def _fill(self) -> None:
        self.list.clear()
        for session in earlier_work():
            item = QListWidgetItem(told(session))
            item.setToolTip("\n".join(sorted(session.paths)))
            item.setData(Qt.ItemDataRole.UserRole, session)
            self.list.addItem(item)
        self.list.setCurrentRow(0)
        self.words.setText(SOMETHING if self.list.count() else NOTHING)
        self._ask(False)

    def _ask(self, is_asked: bool = True) -> None:
        """Removing takes a second press."""
        there = self.current is not None
        self.remove.setVisible(not is_asked)
        self.sure.setVisible(is_asked)
        self.remove.setEnabled(there)
        self.bring.setEnabled(there)

    def _remove(self) -> None:
        if self.current is not None:
            self.current.forget()
        self._fill()

    def _bring_back(self) -> None:
        if self.current is not None:
            self.chosen.emit(str(self.current.folder))
            self.accept()


def told(session: KeptSession) -> str:
    """A session in two lines: what it is about, and how much there is."""
    layers = counted(session.n_layers, "layer")
    steps = f", {session.steps.words} later" if session.steps.words else ""
    return f"{session.title or 'untitled'}\n{layers}, kept {in_words(session.saved)}{steps}"
