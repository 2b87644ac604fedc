"""Keeps the window's thread from waiting for others in its process: the interpreter's lock, collector, compiler."""

import contextlib
import gc
import json
import platform
import sys
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QObject, QTimer

from empanada_desktop.settings import user_folder, write_json

# After this many seconds a thread that waits for the interpreter's lock is given it. Painting lets go of the lock a
# hundred times a frame; at Python's own 5 ms each time, a single thread that computes in Python would hold it up.
SWITCH_SECONDS = 0.0005


# Python would look for dead cycles whenever enough was made, in whatever thread that is; here it is looked so often.
COLLECT_MS = 500

_separately = False


class Collector(QObject):
    """Collects dead cycles of objects, and only in the thread that it was made in, the window's.

    Python itself collects in the thread that just made an object. If that is another one, Qt's objects among the dead
    are destroyed there while the window's thread may be using them, and the program crashes.
    """

    def __init__(self, parent: QObject | None) -> None:
        super().__init__(parent)
        gc.disable()
        self.waits = False
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.collect)
        self._timer.start(COLLECT_MS)

    def collect(self) -> None:
        """Collect the generations that are due by Python's own counts."""
        if self.waits:
            return
        counted = zip(gc.get_count(), gc.get_threshold(), strict=True)
        due = [generation for generation, (count, limit) in enumerate(counted) if count > limit]
        if due:
            gc.collect(max(due))


def begin() -> None:
    """Call this before the window is made: threads take turns quickly, and nothing is collected while modules load."""
    global _separately
    _separately = True
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.disable()


def settle(load: Callable[[], object]) -> threading.Thread:
    """Call this after the first paint: a thread loads what comes later, then collecting begins, in this thread.

    What lives by then lives as long as the window. It is kept out of all later collections, which would hold the
    interpreter's lock for 0.1 s and more to look through modules that never go.
    """
    collector = Collector(QCoreApplication.instance())
    collector.waits = True

    def work() -> None:
        with contextlib.suppress(CancelledError):  # the window was closed meanwhile
            load()
        gc.freeze()
        collector.waits = False

    thread = threading.Thread(target=work, name="settling", daemon=True)
    thread.start()
    return thread


def load_compiled() -> None:
    """Load the compiled functions of the viewer.

    In a program that called `begin`, they are compiled in another process the first time on a computer: the compiler
    holds the interpreter's lock for most of a quarter of a minute.
    """
    import multiprocessing

    stamp = user_folder() / "compiled.json"
    if _separately and _read(stamp) != _now():
        process = multiprocessing.get_context("spawn").Process(target=_compile, name="compiling", daemon=True)
        process.start()
        process.join()
        if process.exitcode == 0:
            with contextlib.suppress(OSError):
                write_json(stamp, _now())
    _compile()


def _compile() -> None:
    """Compile what drawing and counting need, or load it: importing does it where signatures are written down."""
    import numpy as np

    from empanada_desktop.core import meshes, objects, paint_kernels  # noqa: F401
    from empanada_desktop.gui.viewer import kernels  # noqa: F401

    cube = np.zeros((3, 3, 3), np.uint32)
    cube[1, 1, 1] = 1
    boxes = meshes.object_boxes(cube)
    mesh = meshes.object_mesh(cube, 1, boxes.starts[0], boxes.stops[0])
    meshes.nearest_hit(np.zeros(3), np.ones(3), mesh.vertices, mesh.faces)
    for dtype in (np.uint16, np.uint32):
        objects.ObjectIndex.of(cube.astype(dtype))


def _now() -> dict[str, str]:
    """What compiled functions depend on: processor, Python, numba, our sources."""
    import numba

    from empanada_desktop import core, gui

    own = Path(core.__path__[0])
    sources = [
        Path(gui.__path__[0]) / "viewer" / "kernels.py",
        own / "meshes.py",
        own / "paint_kernels.py",
        own / "objects.py",
    ]
    times = [str(path.stat().st_mtime_ns) if path.exists() else "" for path in sources]
    return {
        "python": sys.version,
        "numba": numba.__version__,
        "machine": platform.machine(),
        "sources": " ".join(times),
    }


def _read(stamp: Path) -> object:
    try:
        return json.loads(stamp.read_text())
    except (OSError, ValueError):
        return None
