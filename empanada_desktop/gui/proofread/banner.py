"""The banner above the views: what Enter would do to what is picked, and how to clear it."""

from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QPushButton, QWidget

from empanada_desktop.gui.controls import (
    Column,
    ElidedLabel,
    IconLabel,
    Row,
    Swatch,
    empty,
    push_button,
    rule,
    set_role,
    text_label,
)

HEIGHT, MOST_NAMED, MOST_NARROW, SPARE, NARROW, NARROWEST = 40, 3, 2, 8, 820, 600


@dataclass(frozen=True)
class NamedObject:
    """An object as the banner shows it: a square of its colour, its id, and a word on it."""

    id: int
    colour: str
    words: str = ""


@dataclass(frozen=True)
class BannerState:
    """What the banner says. more: objects that are not named. deed: what its button says; "": nothing to do."""

    icon: str = "git-merge"
    title: str = ""
    hint: str = ""
    objects: tuple[NamedObject, ...] = ()
    more: int = 0
    words: str = ""
    deed: str = ""
    clear: str = ""
    is_wrong: bool = False


class Banner(QWidget):
    """One line: deed, hint, objects, what they are together, and the button that Enter presses."""

    applied = Signal()
    cleared = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.state = BannerState()
        self._is_narrow, self._is_narrowest = False, False
        self._icon = IconLabel("git-merge", "tint_text")
        self._title = text_label(role="strong")
        self.hint = ElidedLabel(role="second")
        self._rule = _upright_rule()
        self._objects = Row(spacing=8)
        self.words = ElidedLabel(role="second")
        self.apply_button = push_button("", self.applied.emit, role="primary")
        self.clear_button = push_button("", self.cleared.emit, role="flat")
        line = Row(
            self._icon, self._title, self.hint, self._rule, self._objects, self.words,
            1, self.apply_button, self.clear_button, spacing=10,
        )  # fmt: skip
        line.setContentsMargins(14, 0, 8, 0)
        for place in (2, 5):  # words take what they need before the gap gets anything
            line.setStretch(place, 1000)
        holder = QWidget()
        holder.setFixedHeight(HEIGHT)
        holder.setLayout(line)
        self.setLayout(Column(holder, rule()))
        self.show_state(self.state)

    def show_state(self, state: BannerState) -> None:
        """Say something else."""
        before, self.state = self.state, state
        self._icon.show_icon(state.icon, "tint_text")
        self._title.setText(state.title)
        _say(self.hint, state.hint)
        if (state.objects, state.more) != (before.objects, before.more):
            self._show_objects(state)
        self._rule.setVisible(bool(state.objects or state.words))
        _say(self.words, state.words)
        set_role(self.words, "warning" if state.is_wrong else "second")
        self._make_room()
        self._show_buttons()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """With little room only the objects and the buttons stay, with less of it the buttons without their keys."""
        super().resizeEvent(event)
        is_narrow, is_narrowest = (event.size().width() < limit for limit in (NARROW, NARROWEST))
        if (is_narrow, is_narrowest) != (self._is_narrow, self._is_narrowest):
            self._is_narrow, self._is_narrowest = is_narrow, is_narrowest
            self._show_objects(self.state)
            self._make_room()
            self._show_buttons()

    def _show_buttons(self) -> None:
        _offer(self.apply_button, self.state.deed, "" if self._is_narrowest else "Enter")
        _offer(self.clear_button, self.state.clear, "" if self._is_narrowest else "Esc")

    def _make_room(self) -> None:
        """Leave out what there is no room for; what is wrong is always said."""
        state = self.state
        self.hint.setVisible(not self._is_narrow or not (state.objects or state.words))
        self._title.setVisible(not (self._is_narrowest and state.objects))
        self.words.setVisible(state.is_wrong or not self._is_narrowest or len(state.objects) < MOST_NARROW)

    def _show_objects(self, state: BannerState) -> None:
        empty(self._objects)
        shown = state.objects[: MOST_NARROW if self._is_narrow else MOST_NAMED]
        for number, each in enumerate(shown):
            if number:
                self._objects.addWidget(text_label("+", "second"))
            self._objects.addWidget(Swatch(each.colour))
            self._objects.addWidget(text_label(str(each.id)))
            if each.words and not self._is_narrow:
                self._objects.addWidget(text_label(each.words, "second"))
        more = state.more + len(state.objects) - len(shown)
        if more:
            self._objects.addWidget(text_label(f"+ {more} more", "second"))


def _say(label: ElidedLabel, words: str) -> None:
    if label.whole != words:
        label.set_text(words)
        label.setMaximumWidth(label.fontMetrics().horizontalAdvance(words) + SPARE)


def _offer(button: QPushButton, words: str, key: str) -> None:
    text = f"{words}   {key}".rstrip() if words else ""
    if button.text() != text:
        button.setText(text)
        button.setAccessibleName(words)
    button.setVisible(bool(words))


def _upright_rule() -> QFrame:
    line = QFrame()
    line.setProperty("role", "rule")
    line.setFixedSize(1, 22)
    return line
