"""Jobs at the bottom of the window: a strip with what runs, and the list that it opens into."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QProgressBar, QScrollArea, QVBoxLayout, QWidget

from empanada_desktop.gui.controls import Column, ElidedLabel, IconButton, IconLabel, Row, push_button, rule, text_label
from empanada_desktop.gui.icons import show_icon

if TYPE_CHECKING:
    from empanada_desktop.jobs.spec import JobSpec

LEAVES_AFTER = 10.0
STRIP_HEIGHT, LIST_HEIGHT, SHOWN = 36, 170, 3
WORDS_WIDTH, TEXT_HEIGHT = 460, 120
ICONS = {
    "queued": ("hourglass-medium", "second"),
    "running": ("circle-half", "accent"),
    "paused": ("pause", "warning"),
    "done": ("check-circle", "good"),
    "failed": ("warning-circle", "error"),
    "cancelled": ("stop", "second"),
}
ENDED = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class JobLine:
    """What is shown of a job; fraction: how much of all of it is done, of which done and total are a stage."""

    id: str
    title: str
    state: str
    done: int = 0
    total: int = 0
    words: str = ""
    left: str = ""
    hint: str = ""
    log: Path | None = None
    ended: float | None = None
    kept: int = 0
    spec: "JobSpec | None" = None
    was_repeated: bool = False
    fraction: float | None = None

    @property
    def percent(self) -> int:
        """How much is done."""
        return self.thousandths // 10

    @property
    def thousandths(self) -> int:
        """How much is done, for a bar."""
        if self.fraction is not None:
            return int(1000 * self.fraction)
        return 1000 * self.done // self.total if self.total else 0

    @property
    def can_resume(self) -> bool:
        """Whether it was broken off with something done, and not gone on with yet."""
        return bool(self.kept) and self.state in ("failed", "cancelled") and not self.was_repeated


@dataclass(frozen=True)
class JobDeeds:
    """What can be asked of a job, by its id."""

    cancel: Callable[[str], object]
    show_result: Callable[[str], object]
    run_again: Callable[[str], object]


class JobsStrip(QWidget):
    """The strip; `toggled` asks for the list."""

    toggled = Signal()

    def __init__(
        self, cancel: Callable[[str], object], pause: Callable[[str], object], resume: Callable[[str], object]
    ) -> None:
        super().__init__()
        self._cancel, self._pause, self._resume = cancel, pause, resume
        self._jobs: list[JobLine] = []
        self._items: list[_StripItem] = []
        self._row = Row(spacing=0)
        self._words = text_label("nothing running", "second")
        self._caret = IconButton("caret-up", "Show the list of jobs", self.toggled.emit, 14)
        outer = Row(self._row, 1, self._words, self._caret, spacing=8)
        outer.setContentsMargins(10, 0, 8, 0)
        self.setLayout(outer)
        self.setFixedHeight(STRIP_HEIGHT)
        self._timer = QTimer(self)
        self._timer.setInterval(1000)
        self._timer.timeout.connect(self._refresh)

    def show_jobs(self, jobs: Sequence[JobLine]) -> None:
        """Show the newest state of the jobs."""
        self._jobs = list(jobs)
        self._refresh()

    def text(self) -> str:
        """What is said at the right."""
        return self._words.text()

    def _refresh(self) -> None:
        shown = [job for job in self._jobs if _stays(job)]
        shown.sort(key=lambda job: list(ICONS).index(job.state) if job.state != "running" else -1)
        while len(self._items) < min(SHOWN, len(shown)):
            item = _StripItem(self._cancel, self._pause, self._resume)
            self._items.append(item)
            self._row.addWidget(item)
        for number, item in enumerate(self._items):
            item.setVisible(number < len(shown))
            if number < len(shown):
                item.show_job(shown[number])
        self._words.setText(_count_words(self._jobs))
        if any(job.state in ("done", "cancelled") for job in shown):
            self._timer.start()
        else:
            self._timer.stop()


def _stays(job: JobLine) -> bool:
    """Done and cancelled jobs leave the strip after a while; those that failed or can be gone on with never."""
    if job.state not in ("done", "cancelled") or job.can_resume:
        return True
    return job.ended is not None and time.time() - job.ended < LEAVES_AFTER


def _count_words(jobs: Sequence[JobLine]) -> str:
    words = {"running": "running", "paused": "paused", "queued": "waiting"}
    counts = {word: sum(job.state == state for job in jobs) for state, word in words.items()}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "nothing running"


class _StripItem(QWidget):
    """One job in the strip."""

    def __init__(
        self, cancel: Callable[[str], object], pause: Callable[[str], object], resume: Callable[[str], object]
    ) -> None:
        super().__init__()
        self._id = ""
        self._icon = IconLabel("circle-half", "accent")
        self._title = text_label(role="strong")
        self._words = text_label(role="second")
        self._bar = QProgressBar()
        self._bar.setFixedWidth(150)
        self._bar.setTextVisible(False)
        self._percent = text_label()
        self._left = text_label(role="second")
        self._pause = IconButton("pause", "Pause or go on", lambda: pause(self._id), 14)
        self._cancel = IconButton("x", "Cancel this job", lambda: cancel(self._id), 14)
        line = Row(self._icon, self._title, self._words, self._bar, self._percent, self._left, spacing=8)
        self.resume = push_button("Resume", lambda: resume(self._id), role="link")
        for button in (self._pause, self._cancel, self.resume):
            line.addWidget(button)
        line.setContentsMargins(0, 0, 16, 0)
        self.setLayout(line)

    def show_job(self, job: JobLine) -> None:
        """Show a job's state."""
        self._id = job.id
        self._icon.show_icon(*ICONS[job.state])
        self._title.setText(job.title)
        runs = job.state in ("running", "paused")
        metrics = self._words.fontMetrics()
        self._words.setText(metrics.elidedText(job.words, Qt.TextElideMode.ElideRight, WORDS_WIDTH))
        self._words.setToolTip(job.words)
        self._bar.setVisible(runs)
        self._bar.setRange(0, 1000 if job.total else 0)
        self._bar.setValue(job.thousandths)
        self._percent.setText(f"{job.percent} %" if runs and job.total else "")
        self._left.setText(job.left if runs else "")
        self._percent.setVisible(runs)
        self._left.setVisible(runs)
        self._pause.setVisible(runs and job.spec is not None)  # what the window does itself cannot wait
        self._pause.setToolTip("Go on" if job.state == "paused" else "Pause after this plane")
        show_icon(self._pause, "play" if job.state == "paused" else "pause", "second")
        self._cancel.setVisible(runs or job.state == "queued")
        self.resume.setVisible(job.can_resume)


class JobsList(QFrame):
    """All jobs of this session, newest first, with their logs."""

    def __init__(self, deeds: JobDeeds) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self._deeds = deeds
        self._cards: dict[str, JobCard] = {}
        self._column = QVBoxLayout()
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._empty = text_label("No jobs yet.", "second")
        self._empty.setContentsMargins(14, 12, 14, 12)
        self._column.addWidget(self._empty)
        self._column.addStretch(1)
        holder = QWidget()
        holder.setProperty("role", "panel")
        holder.setLayout(self._column)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(holder)
        self.setLayout(Column(scroll))
        self.setFixedHeight(LIST_HEIGHT)

    def show_jobs(self, jobs: Sequence[JobLine]) -> None:
        """Show the newest state of the jobs."""
        self._empty.setVisible(not jobs)
        for job in jobs:
            if job.id not in self._cards:
                self._cards[job.id] = JobCard(self._deeds)
                self._column.insertWidget(0, self._cards[job.id])
            self._cards[job.id].show_job(job)

    def card(self, job_id: str) -> "JobCard":
        """The lines of one job."""
        return self._cards[job_id]


class JobCard(QWidget):
    """One job in the list: state, progress, what can be done, and its log on demand."""

    def __init__(self, deeds: JobDeeds) -> None:
        super().__init__()
        self._job = JobLine("", "", "queued")
        self._icon = IconLabel("circle-half", "accent")
        self._title = text_label(role="strong")
        self._words = ElidedLabel(role="second")
        self._bar = QProgressBar()
        self._bar.setFixedWidth(150)
        self._bar.setTextVisible(False)
        self.cancel = push_button("Cancel", lambda: deeds.cancel(self._job.id), role="link")
        self.show_result = push_button("Show result", lambda: deeds.show_result(self._job.id), role="link")
        self.run_again = push_button("Run again", lambda: deeds.run_again(self._job.id), role="link")
        self.log = push_button("Log", lambda: self._toggle("log"), role="link")
        self.recipe = push_button("Recipe", lambda: self._toggle("recipe"), role="link")
        self._shown = ""
        self._hint = text_label(role="hint", wraps=True)
        self._hint.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text = QPlainTextEdit()
        self._text.setReadOnly(True)
        self._text.setFixedHeight(TEXT_HEIGHT)
        self._text.hide()
        line = Row(self._icon, self._title, self._words, self._bar, spacing=8)
        line.setStretch(2, 1)
        for button in (self.cancel, self.show_result, self.run_again, self.recipe, self.log):
            line.addWidget(button)
        inner = Column(line, self._hint, self._text, spacing=4)
        inner.setContentsMargins(14, 7, 10, 7)
        self.setLayout(Column(inner, rule()))

    def show_job(self, job: JobLine) -> None:
        """Show the job's state."""
        self._job = job
        self._icon.show_icon(*ICONS[job.state])
        self._title.setText(job.title)
        self._words.set_text(f"{job.words}  {job.left}".strip())
        self._bar.setVisible(job.state == "running")
        self._bar.setRange(0, 1000 if job.total else 0)
        self._bar.setValue(job.thousandths)
        self._hint.setText(job.hint)
        self._hint.setVisible(bool(job.hint))
        self.cancel.setVisible(job.state not in ENDED)
        self.show_result.setVisible(job.state == "done")
        self.run_again.setVisible(job.state in ENDED and not job.was_repeated)
        self.run_again.setText("Resume" if job.kept and job.state != "done" else "Run again")
        self.recipe.setVisible(job.spec is not None)
        self.log.setVisible(job.log is not None)
        if self._shown == "log":
            self._show_text(self._log_text())

    def text(self) -> str:
        """The log or recipe that is shown; empty when none is."""
        return "" if self._text.isHidden() else self._text.toPlainText()

    def words(self) -> str:
        """What is said of the job."""
        return self._words.whole

    def _toggle(self, what: str) -> None:
        self._shown = "" if self._shown == what else what
        self._text.setVisible(bool(self._shown))
        if self._shown:
            self._show_text(self._log_text() if what == "log" else self._recipe_text())

    def _show_text(self, text: str) -> None:
        """Show a text; whoever has scrolled away from its end stays where they are."""
        if text == self._text.toPlainText():
            return
        bar = self._text.verticalScrollBar()
        follows, place = self._shown == "log" and bar.value() >= bar.maximum(), bar.value()
        self._text.setPlainText(text)
        bar.setValue(bar.maximum() if follows else min(place, bar.maximum()))

    def _log_text(self) -> str:
        if self._job.log is None:
            return ""
        try:
            return self._job.log.read_text(encoding="utf-8", errors="replace").rstrip() or "Nothing was said yet."
        except OSError:
            return "The log is not there yet." if self._job.state not in ENDED else "The log is gone."

    def _recipe_text(self) -> str:
        return "" if self._job.spec is None else self._job.spec.text()
