"""Making, undoing and redoing edits from the window: small ones at once, large ones in a thread."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, QTimer, Signal

from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.document.edit_parts import voxel_layers
from empanada_desktop.document.edits import Edit, VoxelEdit
from empanada_desktop.document.layers import LabelsLayer
from empanada_desktop.document.long_deeds import LongDeed, is_long
from empanada_desktop.errors import AppError
from empanada_desktop.gui.jobs_strip import JobLine
from empanada_desktop.gui.qt_runner import Background

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace

TELL_MS, PIECES_AT_ONCE, SHOWN_SECONDS = 30, 4, 0.5
LINE = "long deed"
WORDS = {"do": "Making", "undo": "Undoing", "redo": "Redoing"}
Then = Callable[[Edit | None], object]
Asked = Edit | Literal["undo", "redo"]
Deed = Callable[[], object]


@dataclass
class _Wish:
    """What was asked for. then: called with the edit when it stands, with None where it does not."""

    what: Asked | Deed
    then: Then


class LongDeeds(QObject):
    """The door for edits of the window; one large edit at a time, others wait in order.

    busy_changed: a large edit begins, or none is left.
    """

    busy_changed = Signal(bool)

    def __init__(self, workspace: "Workspace") -> None:
        super().__init__(workspace)
        self._workspace, self._document = workspace, workspace.document
        self._threads = Background(self, workspace.window.failed)
        self._now: tuple[LongDeed, Then] | None = None
        self._began = 0.0
        self._waiting: deque[_Wish] = deque()
        self._timer = QTimer(self)
        self._timer.setInterval(TELL_MS)
        self._timer.timeout.connect(self._tell)
        workspace.ending.connect(self.close)

    @property
    def is_busy(self) -> bool:
        """Whether a large edit is being made, undone or redone."""
        return self._now is not None

    def edit_voxels(self, layer: LabelsLayer, title: str, *parts: ArrayEdit, then: Then = bool) -> None:
        """Change voxels of a label layer as one deed; SettingsError when they may not be changed now."""
        self.apply(VoxelEdit(title, layer.id, parts), then)

    def apply(self, edit: Edit, then: Then = bool) -> None:
        """Make an edit; `then` is called with it when it stands, before this returns where the edit is small.

        Called with None where it was given up. SettingsError where a layer is locked, or is being changed.
        """
        for layer_id in voxel_layers(edit):
            self._document.check_unlocked(self._document.layer(layer_id))
        if self._now is not None and (self._now[0].what != "do" or is_long(self._document, edit)):
            self._waiting.append(_Wish(edit, then))
        elif is_long(self._document, edit):
            self._begin(edit, then)
        else:
            self._document.apply(edit)
            then(edit)

    def undo(self, then: Then = bool) -> None:
        """Take the last edit back; a stroke that is drawn, or a large edit that is being made, is given up instead."""
        if self._now is not None and self._now[0].what == "do" and not self._waiting:
            self._now[0].give_up()
            then(None)
        else:
            self._step("undo", then)

    def redo(self, then: Then = bool) -> None:
        """Make the edit that was undone last again."""
        self._step("redo", then)

    def when_free(self, deed: Callable[[], object]) -> None:
        """Do something at once, or when what is under way and was asked for before has ended."""
        if self._now is None:
            deed()
        else:
            self._waiting.append(_Wish(deed, bool))

    def close(self) -> None:
        """Bring what is under way to its end; no other edit is begun."""
        self._timer.stop()
        self._document.finish_long()
        self._now = None
        waiting, self._waiting = self._waiting, deque()
        for wish in waiting:
            if callable(wish.what):
                wish.what()
        self._threads.close()

    def _step(self, what: Literal["undo", "redo"], then: Then) -> None:
        history = self._document.history
        deed = history.next_undo if what == "undo" else history.next_redo
        if self._now is not None:
            self._waiting.append(_Wish(what, then))
        elif deed is not None and not self._document.open_strokes and is_long(self._document, deed):
            self._begin(what, then)
        else:
            then(self._document.undo() if what == "undo" else self._document.redo())

    def _begin(self, what: Asked, then: Then) -> None:
        long = self._document.begin_long(what)
        if long is None:
            then(None)
            return
        self._now, self._began = (long, then), time.monotonic()
        self._timer.start()
        self.busy_changed.emit(True)
        self._threads.run(long.work, lambda _: self._end(), lambda _: self._end())

    def _tell(self) -> None:
        if self._now is None:
            return
        long = self._now[0]
        long.tell(PIECES_AT_ONCE)
        if time.monotonic() - self._began > SHOWN_SECONDS and long.total:
            title, words = f"{WORDS[long.what]}: {long.title}", f"{long.done} of {long.total} pieces"
            line = JobLine(LINE, title, "running", long.done, long.total, words)
            self._workspace.jobs.show_other(line, long.give_up)

    def _end(self) -> None:
        if self._now is None:
            return
        (long, then), self._now = self._now, None
        self._timer.stop()
        self._workspace.jobs.drop_other(LINE)
        edit = None
        try:
            edit = long.finish()
        except AppError as problem:
            self._workspace.window.failed(problem)
        then(edit)
        self._next()

    def _next(self) -> None:
        """Do what has waited, as far as it is done at once."""
        while self._waiting and self._now is None:
            wish = self._waiting.popleft()
            try:
                if callable(wish.what):
                    wish.what()
                elif isinstance(wish.what, str):
                    self._step(wish.what, wish.then)
                else:
                    self.apply(wish.what, wish.then)
            except AppError as problem:
                self._workspace.window.failed(problem)
                wish.then(None)
        if self._now is None:
            self.busy_changed.emit(False)
