"""Run by test_start.py in a process of its own: opens the sample, segments a plane and a volume, looks for torch."""

import sys
import time
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from empanada_desktop.gui.app import make_application, open_window

from .leaks import torch_is_loaded


def check(volume: Path, weights: Path, out: Path) -> None:
    """Do as a person would with the small volume; prints what was done and whether torch is here."""
    application = make_application()
    window = open_window(str(volume))
    wait(lambda: window.workspace is not None and window.workspace.document.layers)
    workspace = window.workspace
    assert workspace is not None
    plane, form = workspace.form.plane, workspace.form.volume
    plane.weights.set_value(str(weights))
    plane.run_button.click()
    wait(lambda: plane.state == "live" or plane.bar.isVisible())
    say(f"plane {plane.state}")
    workspace.form.take_over()
    form.form.set_values({"min_size": 0, "min_extent": 0, "use_gpu": False, "threads": 1})
    form.out.setText(str(out))
    form.start_button.click()
    job = workspace.jobs.queue.jobs[-1]
    wait(lambda: job.state.has_ended)
    wait(lambda: len(workspace.document.layers) > 1)
    say(f"volume {job.state.value}")
    say(f"torch {torch_is_loaded()}")
    window.close()
    application.quit()


def say(words: str) -> None:
    """Tell the test."""
    sys.stdout.write(f"{words}\n")


def wait(condition: object) -> None:
    """Let the window live until something holds."""
    assert callable(condition)
    until = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < until
        QCoreApplication.processEvents()
        time.sleep(0.005)  # QTest.qWait would hold the interpreter's lock meanwhile, and every thread would wait for it


if __name__ == "__main__":
    check(*(Path(argument) for argument in sys.argv[1:4]))
