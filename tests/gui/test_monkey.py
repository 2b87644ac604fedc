"""Random keys, clicks, wheels, sizes and menu entries from a seed: nothing raises, no report, and closing works."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QAction, QDesktopServices, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QWidget

from empanada_desktop.gui.actions import ROWS

from .person import Person, send_wheel

KEYS = [getattr(Qt.Key, f"Key_{name}") for name in "0123456789ABCDEFGHIJKLMNOPRSTUVXYZ"] + [
    Qt.Key.Key_Tab,
    Qt.Key.Key_Escape,
    Qt.Key.Key_Return,
    Qt.Key.Key_Space,
    Qt.Key.Key_Left,
    Qt.Key.Key_Right,
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_PageUp,
    Qt.Key.Key_PageDown,
    Qt.Key.Key_Delete,
    Qt.Key.Key_Backspace,
    Qt.Key.Key_F1,
    Qt.Key.Key_BracketLeft,
    Qt.Key.Key_BracketRight,
]
MODIFIERS = [Qt.KeyboardModifier.NoModifier] * 4 + [
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier,
]
BUTTONS = [Qt.MouseButton.LeftButton] * 5 + [Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton]
# What would end the test (closing is tested at its end) or reach out of the program.
LEFT_OUT = {"quit", "open_log"}
DIALOG_MS = 30


class Monkey:
    """Does things at random; `deeds` tells what it did, for a report."""

    def __init__(self, person: Person, seed: int) -> None:
        self.person, self.window = person, person.window
        self.random = random.Random(seed)
        self.deeds: list[str] = []
        kinds: list[tuple[Callable[[], str], int]] = [
            (self.click, 8),
            (self.drag, 3),
            (self.key, 6),
            (self.wheel, 4),
            (self.menu, 4),
            (self.resize, 1),
        ]
        self._kinds, self._shares = zip(*kinds, strict=True)
        self._timer = QTimer()
        self._timer.timeout.connect(self._end_modal)
        self._modal_seen: QWidget | None = None
        self._held: QWidget | None = None

    def go(self, events: int) -> None:
        """Do so many things, with a moment for the window after each."""
        self._timer.start(DIALOG_MS)
        try:
            self._do(events)
        finally:
            self._timer.stop()
        self._close_all()

    def _do(self, events: int) -> None:
        for _ in range(events):
            kind = self.random.choices(self._kinds, self._shares)[0]
            self.deeds.append(kind.__name__)
            self.deeds[-1] = f"{kind.__name__} {kind()}"
            self.person.qtbot.wait(1)
            if self.window.stack.currentWidget() is self.window.start and self.random.random() < 0.3:
                self.window.actions_table["open_sample"].trigger()
                self.person.until(lambda: self.person.layers)

    # What it does

    def click(self) -> str:
        widget, place = self._somewhere()
        modifier, button = self.random.choice(MODIFIERS), self.random.choice(BUTTONS)
        words, alive = _name(widget), _watched(widget)
        for press in [QTest.mousePress, _double_press] if self.random.random() < 0.15 else [QTest.mousePress]:
            if alive():
                press(widget, button, modifier, place)
            if alive():  # a press may do away with what was pressed
                QTest.mouseRelease(widget, button, modifier, place)
        return f"{words} at {place.x()}, {place.y()}, {button.name} {modifier}"

    def drag(self) -> str:
        widget, place = self._somewhere()
        button, words, alive = self.random.choice(BUTTONS), _name(widget), _watched(widget)
        none, by = Qt.KeyboardModifier.NoModifier, QPoint()
        QTest.mousePress(widget, button, none, place)
        for _ in range(3):
            by = QPoint(self.random.randint(-80, 80), self.random.randint(-80, 80))
            if alive():
                _move(widget, QPointF(place + by), button)
        if alive():
            QTest.mouseRelease(widget, button, none, place + by)
        return f"{words} by {by.x()}, {by.y()}"

    def key(self) -> str:
        key, modifier = self.random.choice(KEYS), self.random.choice(MODIFIERS)
        if key == Qt.Key.Key_Q and modifier == Qt.KeyboardModifier.ControlModifier:
            return "none"
        target = QApplication.activePopupWidget() or QApplication.focusWidget() or self.window
        QTest.keyClick(target, key, modifier)
        return f"{key.name} {modifier}"

    def wheel(self) -> str:
        widget, place = self._somewhere()
        words, turned = _name(widget), self.random.choice((-360, -120, 120, 360))
        send_wheel(widget, QPointF(place), turned, self.random.choice(MODIFIERS))
        return words

    def menu(self) -> str:
        row = self.random.choice([row for row in ROWS if row.id not in LEFT_OUT])
        action: QAction = self.window.actions_table[row.id]
        if action.isEnabled():
            action.trigger()
        return row.id

    def resize(self) -> str:
        width, height = self.random.randint(640, 1900), self.random.randint(480, 1200)
        self.window.resize(width, height)
        return f"{width} × {height}"

    def _somewhere(self) -> tuple[QWidget, QPoint]:
        """A widget that the mouse would meet at a random place, and the place in it."""
        top = QApplication.activePopupWidget() or QApplication.activeModalWidget() or self.window
        if not shiboken6.isValid(top):  # a new one where one was deleted that Python had not heard of
            top = self.window
        self._held = top  # with its Python side that of a widget in it would go, where C++ has made both
        at = QPoint(self.random.randrange(max(1, top.width())), self.random.randrange(max(1, top.height())))
        widget = top.childAt(at)
        if widget is None or not shiboken6.isValid(widget):  # what was deleted may still have its Python side
            widget = top
        return widget, widget.mapFrom(top, at)

    # Dialogs that would wait for ever

    def _end_modal(self) -> None:
        """Dialogs and menus that run a loop of their own are left by Escape when they are seen twice."""
        modal = QApplication.activePopupWidget() or QApplication.activeModalWidget()
        if modal is not None and modal is self._modal_seen:
            if isinstance(modal, QMenu):
                modal.close()
            else:
                QTest.keyClick(modal, Qt.Key.Key_Escape)
        self._modal_seen = modal

    def _close_all(self) -> None:
        while (modal := QApplication.activePopupWidget() or QApplication.activeModalWidget()) is not None:
            modal.close()


def _watched(widget: QWidget) -> Callable[[], bool]:
    """Whether a widget is still there: Python does not always hear of the end of what C++ made."""
    ended: list[bool] = []
    widget.destroyed.connect(lambda: ended.append(True))
    return lambda: not ended


def _double_press(widget: QWidget, button: Qt.MouseButton, modifier: Qt.KeyboardModifier, place: QPoint) -> None:
    kind, at = QEvent.Type.MouseButtonDblClick, QPointF(place)
    QApplication.sendEvent(widget, QMouseEvent(kind, at, widget.mapToGlobal(at), button, button, modifier))


def _move(widget: QWidget, at: QPointF, held: Qt.MouseButton) -> None:
    none, kind = Qt.KeyboardModifier.NoModifier, QEvent.Type.MouseMove
    QApplication.sendEvent(widget, QMouseEvent(kind, at, widget.mapToGlobal(at), Qt.MouseButton.NoButton, held, none))


def _name(widget: QWidget) -> str:
    words = getattr(widget, "text", lambda: "")
    return f"{type(widget).__name__} “{words() if callable(words) else ''}”"[:60]


@pytest.fixture
def no_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Links open nothing, and files that are saved without a folder land in one of our own."""
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda _url: True)
    monkeypatch.chdir(tmp_path)
    return


def let_loose(person: Person, seed: int, events: int) -> None:
    person.click(person.button("Open the sample"))
    person.until(lambda: person.layers == ["medulla"])
    person.window.actions_table["quit"].setEnabled(False)  # the palette and the menu bar lead to it too
    monkey = Monkey(person, seed)
    try:
        monkey.go(events)
        person.until_rest()
        assert person.window.notifier.dialog is None
    except BaseException as problem:
        problem.add_note(f"seed {seed}, last: " + "; ".join(monkey.deeds[-12:]))
        raise
    person.window.close()
    assert not person.window.isVisible()


def test_two_hundred_events(person: Person, no_programs: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("empanada_desktop.gui.main_window.MainWindow._ask_about_jobs", lambda *_: "cancel")
    let_loose(person, seed=int(os.environ.get("MONKEY_SEED", "1")), events=200)


@pytest.mark.long
@pytest.mark.parametrize("seed", [int(seed) for seed in os.environ.get("MONKEY_SEEDS", "2").split(",")])
def test_five_thousand_events(person: Person, no_programs: None, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr("empanada_desktop.gui.main_window.MainWindow._ask_about_jobs", lambda *_: "cancel")
    let_loose(person, seed, events=5000)
