"""Work of the room in a thread: how far it is, and giving it up."""

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QObject, QTimer, Signal

from empanada_desktop.core.context import QuietContext
from empanada_desktop.errors import JobCancelled
from empanada_desktop.gui.qt_runner import Background

Result = TypeVar("Result")
PROGRESS_MS = 100


class Work(QuietContext):
    """Keeps how far a deed is, and stops it when it is given up."""

    def __init__(self) -> None:
        self.done, self.total, self.message = 0, 0, ""
        self.is_given_up = False

    def report(self, done: int, total: int, message: str = "") -> None:
        """Keep it for whoever looks."""
        self.done, self.total, self.message = done, total, message

    def check_cancelled(self) -> None:
        """Stop where it is wanted."""
        if self.is_given_up:
            raise JobCancelled

    @property
    def words(self) -> str:
        """How far it is, in words."""
        return f"{self.message}, {self.done} of {self.total}" if self.total > 1 else "Working …"


class Worker(QObject):
    """One piece of work at a time; a new one ends that before. `progressed` tells now and then, and at the end."""

    progressed = Signal()

    def __init__(self, parent: QObject, background: Background) -> None:
        super().__init__(parent)
        self._background = background
        self.work: Work | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(PROGRESS_MS)
        self._timer.timeout.connect(self.progressed)

    @property
    def is_busy(self) -> bool:
        """Whether something is under way."""
        return self.work is not None

    def start(
        self,
        deed: Callable[[Work], Result],
        then: Callable[[Result], object],
        failed: Callable[[BaseException], object],
    ) -> None:
        """Do `deed` in a thread; `then` or `failed` is called in the window's, unless it was given up."""
        self.give_up()
        work = self.work = Work()
        self._timer.start()
        self._background.run(
            lambda: deed(work),
            lambda result: self._end(work, lambda: then(result)),
            lambda problem: self._end(work, lambda: None if isinstance(problem, JobCancelled) else failed(problem)),
        )

    def give_up(self) -> None:
        """End what is under way; nobody hears of it any more."""
        if self.work is not None:
            self.work.is_given_up = True
            self._rest()

    def _end(self, work: Work, tell: Callable[[], object]) -> None:
        if work is self.work:
            self._rest()
            tell()

    def _rest(self) -> None:
        self.work = None
        self._timer.stop()
        self.progressed.emit()
