"""Waiting in a benchmark that has a window: Qt handles its events, and other threads have their turn."""

import os
import time
from collections.abc import Callable

PATIENCE = 600.0


def draw_offscreen_without_display() -> None:
    """Have Qt draw offscreen where there is no display; before a QApplication is made."""
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def until(condition: Callable[[], object], pause: float = 0.005) -> None:
    """Wait until something holds, looking every `pause` seconds; TimeoutError after ten minutes."""
    from PySide6.QtCore import QCoreApplication

    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the window has not come so far")
        QCoreApplication.processEvents()
        time.sleep(pause)  # QTest.qWait would hold the interpreter's lock, and every thread would wait for it


def rest(seconds: float) -> None:
    """Let the window live for some time."""
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() >= end)
