"""Starts the window: only what the first paint needs is imported before it, the rest at named points after it."""

import os
import signal
import sys
from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, Qt, QTimer
from PySide6.QtWidgets import QApplication

from empanada_desktop.gui import calm
from empanada_desktop.gui.main_window import MainWindow
from empanada_desktop.gui.notify import start_log
from empanada_desktop.gui.theme import choose_font, theme
from empanada_desktop.settings import load_settings

SETTLE_MS = 150
SCALE_VARIABLE = "QT_SCALE_FACTOR"


def make_application(arguments: Sequence[str] = ()) -> QApplication:
    """Make the one QApplication, or take the one that is there, in our style and type."""
    there = QCoreApplication.instance()
    if there is None:
        QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_DontShowIconsInMenus, False)
        QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
    application = there if isinstance(there, QApplication) else QApplication(["empanada", *arguments])
    application.setApplicationName("empanada-desktop")
    application.setApplicationDisplayName("empanada")
    application.setStyle("Fusion")
    choose_font(application)
    return application


def use_scale(scale: float) -> None:
    """Have Qt draw everything so many times as large; before the QApplication. Whoever starts it may say otherwise."""
    if scale != 1:
        os.environ.setdefault(SCALE_VARIABLE, f"{scale:g}")


def main(path: str | None = None, is_sample: bool = False) -> int:
    """Open the window, with a volume or with the start page; returns the exit code when it is closed."""
    use_scale(load_settings().scale)
    application = make_application()
    window = open_window(path, is_sample)
    # Ctrl-C in the terminal closes the window as its button does; a timer of the status bar lets Python notice.
    signal.signal(signal.SIGINT, lambda *_: window.close())
    return application.exec()


def open_window(path: str | None = None, is_sample: bool = False) -> MainWindow:
    """Make and show the window of the program, and have the rest loaded behind it."""
    calm.begin()
    start_log()
    window = MainWindow(warms_up=True)
    theme.use(window.settings.theme)
    window.notifier.install()
    window.show()
    QTimer.singleShot(SETTLE_MS, window, lambda: calm.settle(lambda: _load(window)))
    if is_sample:
        window.open_sample()
    elif path is not None:
        window.open_path(path)
    return window


def _load(window: MainWindow) -> None:
    from empanada_desktop.gui.viewer.composing import backend

    window.background.warm_up().result()
    backend.warm_up().join()


if __name__ == "__main__":
    sys.exit(main())
