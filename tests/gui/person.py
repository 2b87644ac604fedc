"""A person at the window: nothing but mouse and key events, sent to what is really under the mouse."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, QRect, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QDialog,
    QFileDialog,
    QLineEdit,
    QMenu,
    QScrollArea,
    QSlider,
    QStyle,
    QStyleOptionSlider,
    QToolBar,
    QWidget,
)
from pytestqt.exceptions import TimeoutError as WaitedInVain
from pytestqt.qtbot import QtBot

from empanada_desktop.document import LabelsLayer
from empanada_desktop.gui.controls import Section
from empanada_desktop.gui.jobs_controller import JobsController
from empanada_desktop.gui.main_window import MainWindow
from empanada_desktop.gui.workspace import Workspace
from empanada_desktop.jobs.job import Job, JobState

LONG = 240_000
LEFT, NO_BUTTON = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
NO_KEY, CONTROL, SHIFT = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
)


class Person:
    """Sees the window, and has a mouse and keys."""

    def __init__(self, window: MainWindow, qtbot: QtBot) -> None:
        self.window, self.qtbot = window, qtbot
        self._listened: JobsController | None = None
        self._over: set[str] = set()

    # What is seen

    @property
    def workspace(self) -> Workspace:
        assert self.window.workspace is not None
        return self.window.workspace

    @property
    def layers(self) -> list[str]:
        """Titles of the layers, the lowest first."""
        return [] if self.window.workspace is None else [layer.title for layer in self.workspace.document.layers]

    def job(self) -> Job:
        """The newest job."""
        jobs = self.workspace.jobs
        if self._listened is not jobs:
            self._listened = jobs
            jobs.ended.connect(lambda job: self._over.add(job.id))
        return jobs.queue.jobs[-1]

    def until_ended(self, job: Job) -> None:
        """Wait until a job has ended and the window has been told of it, which is later."""
        self.until(lambda: job.id in self._over)
        assert job.state.has_ended

    @contextmanager
    def holding(self, job: Job, when: Callable[[Job], object]) -> Iterator[None]:
        """Let a running job wait as soon as something holds, however quick it is, until the block has ended."""
        queue = self.workspace.jobs.queue

        def look(changed: Job) -> None:  # on the queue's own thread
            if changed is job and job.state is JobState.RUNNING and when(job):
                queue.pause(job)

        queue.job_changed.connect(look)
        try:
            self.until(lambda: job.state is JobState.PAUSED or job.state.has_ended)
            assert job.state is JobState.PAUSED, job.error
            yield
        finally:
            queue.job_changed.disconnect(look)
            queue.pause(job, False)

    @contextmanager
    def holding_new(self, begin: Callable[[], object]) -> Iterator[Job]:
        """Do what starts a job; it runs, and gets nowhere, until the block has ended, however quick it is."""
        runner = self.workspace.jobs.queue._runner
        run, is_held, may_go_on = runner.run, threading.Event(), threading.Event()

        def wait_and_run(*what: Any) -> Any:
            is_held.set()
            assert may_go_on.wait(LONG / 1000)
            return run(*what)

        runner.run = wait_and_run  # type: ignore[method-assign]
        try:
            begin()
            self.until(is_held.is_set)
            yield self.job()
        finally:
            may_go_on.set()
            runner.run = run  # type: ignore[method-assign]

    def labels(self, part: str) -> LabelsLayer:
        """The label layer whose title holds `part`."""
        return next(layer for layer in self.workspace.document.of_kind(LabelsLayer) if part in layer.title)

    def until(self, condition: Callable[[], object], timeout: int = LONG) -> None:
        """Wait until something is seen."""
        try:
            self.qtbot.waitUntil(lambda: bool(condition()), timeout=timeout)
        except WaitedInVain as problem:
            said = self.window.bar.text() if self.window.bar.isVisible() else ""
            raise AssertionError(f"waited in vain; the window says “{said}”, layers {self.layers}") from problem

    def let_it_settle(self) -> None:
        """Let the window carry out what it has put off: layouts, and what waits for the next turn of the loop."""
        for _ in range(8):
            QApplication.processEvents()

    def until_rest(self) -> None:
        """Wait until the window does nothing more of its own accord."""
        self.until(lambda: self.window.background.running == 0)
        if self.window.workspace is not None:
            self.until(lambda: self.workspace.grid.is_complete)

    def button(self, *words: str, within: QWidget | None = None) -> QAbstractButton:
        """The button that says one of these words, or has them as its tooltip's first line; waits until it is seen."""
        place = within or self.window

        def seen() -> list[QAbstractButton]:
            buttons = [button for button in place.findChildren(QAbstractButton) if button.isVisible()]
            return [one for one in buttons if one.text().strip() in words or one.toolTip().partition("\n")[0] in words]

        self.until(seen, 20_000)
        assert len(seen()) == 1, f"{len(seen())} buttons say {words}"
        return seen()[0]

    def tool(self, action: str) -> QWidget:
        """The button of the toolbar that stands for an action."""
        bars = self.window.findChildren(QToolBar)
        found = [bar.widgetForAction(self.window.actions_table[action]) for bar in bars]
        return next(widget for widget in found if widget is not None)

    # Mouse

    def click(self, widget: QWidget, place: QPoint | None = None, modifier: Qt.KeyboardModifier = NO_KEY) -> None:
        """Click what is at a place of a widget; it must be in sight, enabled, and not covered by anything."""
        self._scroll_to(widget)
        target, spot = self._under(widget, place or widget.rect().center())
        self.qtbot.mouseMove(target, spot)
        self.qtbot.mouseClick(target, LEFT, modifier, spot)

    def double_click(self, widget: QWidget, place: QPoint | None = None) -> None:
        """Double-click, as the mouse does it: with a click before."""
        target, spot = self._under(widget, place or widget.rect().center())
        self.qtbot.mouseClick(target, LEFT, NO_KEY, spot)
        self.qtbot.mouseDClick(target, LEFT, NO_KEY, spot)

    def drag(self, widget: QWidget, start: QPoint, stop: QPoint, steps: int = 5) -> None:
        """Press at one place, move to another in steps, and let go."""
        self._scroll_to(widget)
        target, spot = self._under(widget, start)
        self.qtbot.mousePress(target, LEFT, NO_KEY, spot)
        for step in range(1, steps + 1):
            place = QPointF(spot + (stop - start) * (step / steps))
            moved = QMouseEvent(QEvent.Type.MouseMove, place, target.mapToGlobal(place), NO_BUTTON, LEFT, NO_KEY)
            QApplication.sendEvent(target, moved)
        self.qtbot.mouseRelease(target, LEFT, NO_KEY, spot + (stop - start))

    def slide(self, slider: QSlider, share: float) -> None:
        """Drag a slider's handle to a share of its way."""
        self._scroll_to(slider)
        option = QStyleOptionSlider()
        slider.initStyleOption(option)
        style, control = slider.style(), QStyle.ComplexControl.CC_Slider
        handle: QRect = style.subControlRect(control, option, QStyle.SubControl.SC_SliderHandle, slider)
        room = slider.width() - handle.width()
        start = handle.center()
        self.drag(slider, start, QPoint(round(share * room) + handle.width() // 2, start.y()))

    def unfold(self, section: Section) -> None:
        """Click a section's title if it is folded."""
        if section.content.isHidden():
            self.click(section.findChildren(QAbstractButton)[0])

    def wheel(self, widget: QWidget, notches: int, modifier: Qt.KeyboardModifier = NO_KEY) -> None:
        """Turn the wheel over the middle of a widget; up is positive."""
        target, spot = self._under(widget, widget.rect().center(), must_work=False)
        send_wheel(target, QPointF(spot), 120 * notches, modifier)

    def menu(self, *titles: str) -> None:
        """Click an entry of the menu bar: its menu, then its title."""
        bar = self.window.menuBar()
        place = next(action for action in bar.actions() if action.text() == titles[0])
        self.click(bar, bar.actionGeometry(place).center())
        menu = place.menu()
        assert isinstance(menu, QMenu)
        self.until(menu.isVisible)
        self.menu_entry(menu, titles[1])

    def menu_entry(self, menu: QMenu, title: str) -> None:
        """Click an entry of a menu that is open."""
        entry = next(action for action in menu.actions() if action.text().rstrip("…") == title)
        assert entry.isEnabled(), f"{title} is greyed out"
        place = menu.actionGeometry(entry).center()
        self.qtbot.mouseMove(menu, place)
        self.qtbot.mouseClick(menu, LEFT, NO_KEY, place)

    def choose(self, box: QComboBox, title: str) -> None:
        """Open a drop-down list and click an entry."""
        self.click(box)
        view = box.view()
        self.until(view.isVisible)
        place = view.visualRect(box.model().index(box.findText(title), 0)).center()
        self.qtbot.mouseMove(view.viewport(), place)
        self.qtbot.mouseClick(view.viewport(), LEFT, NO_KEY, place)
        self.until(lambda: not view.isVisible())

    def drop(self, *paths: Path) -> None:
        """Drop files on the middle of the window."""
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        place, action = self.window.rect().center(), Qt.DropAction.CopyAction
        entered = QDragEnterEvent(place, action, data, LEFT, NO_KEY)
        QApplication.sendEvent(self.window, entered)
        assert entered.isAccepted()
        QApplication.sendEvent(self.window, QDropEvent(QPointF(place), action, data, LEFT, NO_KEY))

    def _under(self, widget: QWidget, place: QPoint, must_work: bool = True) -> tuple[QWidget, QPoint]:
        """What is really at a place of a widget, and where in it."""
        modal = QApplication.activeModalWidget()
        assert widget.isVisible(), f"{widget} cannot be seen"
        assert modal is None or modal is widget.window(), f"{modal} is in the way"
        assert widget.isEnabled() or not must_work, f"{widget} is greyed out"
        top = widget.window()
        at = widget.mapTo(top, place)
        target = top.childAt(at) or top
        assert target is widget or widget.isAncestorOf(target), f"{target} covers {widget}"
        return target, target.mapFrom(top, at)

    def _scroll_to(self, widget: QWidget) -> None:
        """Turn the wheel over the panel until a widget in it is in sight."""
        area = widget.parentWidget()
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parentWidget()
        if area is None:
            return
        port = area.viewport()
        for _ in range(60):
            top = widget.mapTo(port, QPoint(0, 0)).y()
            if top >= 0 and top + widget.height() <= port.height():
                return
            send_wheel(port, QPointF(port.rect().center()), 120 if top < 0 else -120)

    # Keys

    def key(self, key: Qt.Key, modifier: Qt.KeyboardModifier = NO_KEY) -> None:
        """Press a key; it goes to what has the focus."""
        if QApplication.activeWindow() is None:  # a desktop activates the window below one that closes
            self.window.activateWindow()
            self.until(lambda: QApplication.activeWindow() is not None)
        focus = QApplication.focusWidget()
        self.qtbot.keyClick(focus if focus is not None else self.window, key, modifier)

    def type_into(self, field: QWidget, text: str) -> None:
        """Click a field, replace what it holds, and leave it."""
        self.click(field)
        self.key(Qt.Key.Key_A, CONTROL)
        self.qtbot.keyClicks(QApplication.focusWidget(), text)
        self.key(Qt.Key.Key_Tab)

    def palette(self, words: str) -> None:
        """Open the palette by its key, type, and press Enter."""
        self.key(Qt.Key.Key_P, CONTROL | SHIFT)
        palette = self.window.palette_popup
        self.until(palette.isVisible)
        self.qtbot.keyClicks(palette.search, words)
        self.qtbot.keyClick(palette.search, Qt.Key.Key_Return)

    # Dialogs

    @contextmanager
    def answering(self, answer: Callable[[QDialog], None]) -> Iterator[None]:
        """Answer the dialog that the block opens; it fails when none opens."""
        answered: list[BaseException | None] = []
        timer = QTimer()
        timer.setInterval(10)

        def look() -> None:
            dialog = QApplication.activeModalWidget()
            if not isinstance(dialog, QDialog) or not dialog.isVisible():
                return
            timer.stop()
            try:
                answer(dialog)
                answered.append(None)
            except BaseException as problem:  # noqa: BLE001 - it goes on where the dialog was opened
                answered.append(problem)
                dialog.reject()

        timer.timeout.connect(look)
        timer.start()
        try:
            yield
            self.until(lambda: answered)
        finally:
            timer.stop()
        if answered[0] is not None:
            raise answered[0]

    def choosing(self, path: Path) -> AbstractContextManager[None]:
        """Type a path into the file dialog that the block opens, and click its button."""

        def answer(dialog: QDialog) -> None:
            assert isinstance(dialog, QFileDialog), f"{dialog} opened"
            name = dialog.findChild(QLineEdit, "fileNameEdit")
            assert name is not None
            self.click(name)
            self.key(Qt.Key.Key_A, CONTROL)
            self.qtbot.keyClicks(name, str(path))
            popup = QApplication.activePopupWidget()
            if popup is not None:
                self.qtbot.keyClick(popup, Qt.Key.Key_Escape)
            words = [button for button in dialog.findChildren(QAbstractButton) if button.isVisible()]
            agree = next(one for one in words if one.text().replace("&", "") in ("Open", "Save", "Choose"))
            self.click(agree)

        return self.answering(answer)

    def pressing(self, words: str) -> AbstractContextManager[None]:
        """Click a button of the dialog that the block opens."""
        return self.answering(lambda dialog: self.click(self.button(words, within=dialog)))


def send_wheel(widget: QWidget, place: QPointF, turned: int, modifier: Qt.KeyboardModifier = NO_KEY) -> None:
    """Turn the wheel over a widget; Qt hands what it ignores to its parents."""
    at, none, phase = widget.mapToGlobal(place), QPoint(), Qt.ScrollPhase.NoScrollPhase
    QApplication.sendEvent(widget, QWheelEvent(place, at, none, QPoint(0, turned), NO_BUTTON, modifier, phase, False))
