"""Timers that fire once, some time after they were started last."""

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, SignalInstance


def single_shot(parent: QObject, slot: Callable[[], object] | SignalInstance, milliseconds: int = 0) -> QTimer:
    """Make a timer that calls a slot once when it was started; starting it again puts that off."""
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(slot)
    return timer
