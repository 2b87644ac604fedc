"""Carries plans out: in a thread what is done soon, as a job what takes long; each becomes one deed of the history."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from empanada_desktop.document import LabelsLayer
from empanada_desktop.errors import AppError
from empanada_desktop.gui.proofread.deed_jobs import LONG_VOXELS, DeedJobs
from empanada_desktop.gui.proofread.deeds import Ground, Outcome, carry_out, work_voxels
from empanada_desktop.gui.proofread.plans import Plan
from empanada_desktop.gui.proofread.values import Mode
from empanada_desktop.gui.proofread.working import Work, Worker

if TYPE_CHECKING:
    from empanada_desktop.gui.proofread.desk import ProofreadDesk

Find = Callable[[Plan, Ground, Work], Outcome]


class Doing(QObject):
    """What a desk does to voxels, and looks at beforehand: one thing at a time."""

    changed = Signal()
    """It is further, or at its end."""
    done = Signal(object)
    """An Outcome that was applied."""
    failed = Signal(object)
    """Why the plan could not be carried out: an AppError."""

    def __init__(self, desk: "ProofreadDesk") -> None:
        super().__init__(desk)
        self._desk, self._edits = desk, desk.workspace.edits
        self.worker, self.jobs = Worker(self, desk.background), DeedJobs(desk.objects)
        self.is_applying = False
        self.worker.progressed.connect(self.changed)

    @property
    def words(self) -> str:
        """How far it is."""
        if self._edits.is_busy:
            return "Writing the voxels …"
        return "" if self.worker.work is None else self.worker.work.words

    def carry_out(self, plan: Plan, known: Outcome | None) -> None:
        """Find the edits of a plan, if they are not known yet, and make them one deed."""
        objects = self._desk.objects
        self.is_applying = True
        if known is not None and known.is_whole and known.plan == plan and objects.is_current:
            self._commit(known)
        else:
            objects.when_current(lambda: self._begin(plan))
        self.changed.emit()

    def find(
        self, plan: Plan, how: Find, then: Callable[[Outcome], object], failed: Callable[[BaseException], object]
    ) -> None:
        """Let `how` look in a thread what a plan comes to; again where voxels change meanwhile."""
        layer, ground = self._desk.layer, self._desk.ground()
        if layer is None or ground is None or layer.id != plan.picked.layer_id:
            self.is_applying = False
            return
        source, version = layer.source, layer.source.version

        def finish(outcome: Outcome) -> None:
            if (layer.source, layer.source.version) == (source, version):
                then(outcome)
            else:
                self._desk.objects.when_current(lambda: self.find(plan, how, then, failed))

        self.worker.start(lambda work: how(plan, ground, work), finish, failed)

    def give_up(self) -> bool:
        """End what is being done; True when there was something. What was written already is taken back."""
        had, self.is_applying = self.is_applying, False
        self.worker.give_up()
        if had and self._edits.is_busy:
            self._edits.undo()
        if had:
            self.changed.emit()
        return had

    def leave(self) -> None:
        """The room is left: what is only looked for is given up, what is being written goes on."""
        self.worker.give_up()
        self.is_applying = self.is_applying and self._edits.is_busy

    def _begin(self, plan: Plan) -> None:
        if not self.is_applying:
            return  # given up while the objects were counted
        layer, ground = self._desk.layer, self._desk.ground()
        is_long = ground is not None and work_voxels(plan, ground) > LONG_VOXELS
        if layer is not None and is_long and self.jobs.start(plan, layer, self._commit):
            self.is_applying = False
            self._desk.picks.clear()
            self.changed.emit()
        else:
            self.find(plan, carry_out, self._commit, self._failed)

    def _failed(self, problem: BaseException) -> None:
        self.is_applying = False
        if isinstance(problem, AppError):
            self.failed.emit(problem)
        else:
            self._desk.workspace.window.failed(problem)
        self.changed.emit()

    def _commit(self, outcome: Outcome) -> None:
        """Make the deed; a large one is written in a thread."""
        document, plan = self._desk.document, outcome.plan
        own = [layer for layer in document.of_kind(LabelsLayer) if layer.id == plan.picked.layer_id]
        self._desk.preview.drop()
        self.is_applying = bool(own and outcome.parts)
        if own and not outcome.parts:
            self._desk.workspace.window.toast.say(f"{plan.title}: nothing changes.")
        if not self.is_applying:
            self.changed.emit()
            return
        try:
            self._edits.edit_voxels(own[0], plan.title, *outcome.parts, then=lambda edit: self._made(outcome, edit))
        except AppError as problem:
            self._failed(problem)

    def _made(self, outcome: Outcome, edit: object | None) -> None:
        """It stands, or was given up."""
        self.is_applying = False
        if edit is not None:
            self._say_done(outcome)
            self.done.emit(outcome)
        self.changed.emit()

    def _say_done(self, outcome: Outcome) -> None:
        history = self._desk.document.history
        deed = history.next_undo

        def undo() -> None:
            if history.next_undo is deed:
                self._edits.undo()

        self._desk.workspace.window.toast.say(done_words(outcome), "Undo", undo)


PAST = {"Merge": "Merged", "Split": "Split", "Dilate": "Dilated", "Erode": "Eroded", "Close": "Closed"}
PAST |= {"Open": "Opened", "Fill": "Filled", "Smooth": "Smoothed", "Filter": "Filtered", "Delete": "Deleted"}


def done_words(outcome: Outcome) -> str:
    """Say that a plan was carried out: "Merged 10019 into 10012."."""
    verb, _, rest = outcome.plan.title.partition(" ")
    words_on_it = f", {outcome.words}" if outcome.words and outcome.plan.values.mode is not Mode.MORPH else ""
    return f"{PAST.get(verb, verb)} {rest}{words_on_it}."
