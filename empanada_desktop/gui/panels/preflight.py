"""Before you start: voxel size, memory, disk, time; what stands in the way carries its remedy."""

from collections.abc import Callable
from dataclasses import dataclass, field

from PySide6.QtWidgets import QFrame, QWidget

from empanada_desktop.gui.controls import Column, IconLabel, Row, empty, push_button, text_label

MAY_BREAK = "\u200b"
ICONS = {
    "good": ("check-circle", "good"),
    "warning": ("warning", "warning"),
    "error": ("warning-circle", "error"),
    "clock": ("clock", "second"),
}


@dataclass(frozen=True)
class Check:
    """One line: how it stands (a key of ICONS), its name, what was found, and perhaps a remedy."""

    state: str
    name: str
    words: str
    remedy: str = ""
    deed: Callable[[], object] | None = field(default=None, compare=False)
    tip: str = ""


class Preflight(QWidget):
    """The list of checks."""

    def __init__(self) -> None:
        super().__init__()
        self._when = text_label("", "second")
        self._well = QFrame()
        self._well.setProperty("role", "well")
        self._rows = Column(spacing=6)
        self._rows.setContentsMargins(10, 8, 10, 8)
        self._well.setLayout(self._rows)
        self.checks: list[Check] = []
        head = Row(text_label("Before you start", "strong"), 1, self._when)
        self.setLayout(Column(head, self._well, spacing=6))

    def show_checks(self, checks: list[Check]) -> None:
        """Show these lines."""
        self._when.setText("checked just now")
        if checks == self.checks:
            return
        self.checks = checks
        empty(self._rows)
        for check in checks:
            self._rows.addWidget(_line(check))


def _line(check: Check) -> QWidget:
    name = text_label(check.name, "second")
    name.setFixedWidth(72)
    words = text_label(check.words.replace("_", f"_{MAY_BREAK}"), wraps=True)  # file names hold no spaces
    words.setToolTip(check.tip)
    line = QWidget()
    row = Row(IconLabel(*ICONS[check.state]), name, words, spacing=8)
    row.setStretch(2, 1)
    if check.deed is not None:
        row.addWidget(push_button(check.remedy, check.deed, role="link"))
    line.setLayout(row)
    return line
