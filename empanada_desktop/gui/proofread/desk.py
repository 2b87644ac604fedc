"""The desk of the room: from picks and the form's values to a plan, its preview, and the deed."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.objects import ObjectIndex
from empanada_desktop.document import LabelsLayer, Layer
from empanada_desktop.errors import AppError
from empanada_desktop.gui.objects.desk import ObjectsDesk
from empanada_desktop.gui.proofread.deeds import Ground, Outcome
from empanada_desktop.gui.proofread.doing import Doing
from empanada_desktop.gui.proofread.foreseen import foresee
from empanada_desktop.gui.proofread.looking import Looking
from empanada_desktop.gui.proofread.picking import Picking
from empanada_desktop.gui.proofread.picks import Picks
from empanada_desktop.gui.proofread.plans import NotYet, Picked, Plan, plan_deletion, plan_of
from empanada_desktop.gui.proofread.preview import STYLES, Preview
from empanada_desktop.gui.proofread.values import Mode, Values
from empanada_desktop.gui.qt_runner import Background
from empanada_desktop.gui.timers import single_shot
from empanada_desktop.gui.viewer.camera import Look, proportions

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace

PLAN_MS, PREVIEW_MS = 0, 150
TOOLS = {"merge": Mode.MERGE, "split": Mode.SPLIT, "morph": Mode.MORPH}


class ProofreadDesk(QObject):
    """Everything about editing objects but the widgets. `changed` tells that there is something else to show."""

    changed = Signal()
    done = Signal(object)
    """An Outcome that was applied."""
    menu_asked = Signal()
    """A key asks for the menu of the object at the crosshair."""

    def __init__(self, workspace: "Workspace") -> None:
        super().__init__(workspace)
        self.workspace = workspace
        self.document = workspace.document
        self.objects = ObjectsDesk.of(workspace)
        self.picks = Picks(self.document, self)
        self.values = Values()
        self.plan: Plan | NotYet = NotYet("")
        self.problem: AppError | None = None
        self.doubt: AppError | None = None
        """Why there is no preview: what Enter would say."""
        self.preview = Preview(self.document)
        self.background: Background = workspace.window.background
        self.doing, self.looking, self.picking = Doing(self), Looking(self), Picking(self)
        self._timers = {
            name: single_shot(self, slot, milliseconds)
            for name, milliseconds, slot in (
                ("plan", PLAN_MS, self._make_plan),
                ("preview", PREVIEW_MS, self._start_preview),
            )
        }
        self._follow()

    def _follow(self) -> None:
        self.picks.changed.connect(self._picked)
        self.objects.changed.connect(self.replan)
        self.doing.changed.connect(self.changed)
        self.doing.failed.connect(self._refused)
        self.doing.done.connect(self._after)
        self.doing.done.connect(self.done)
        self.looking.changed.connect(self._looked)
        self.document.view_changed.connect(self._view_changed)
        self.document.voxels_changed.connect(self._voxels_changed)
        self.workspace.tool_chosen.connect(self._tool_chosen)
        self.workspace.rooms.entered.connect(lambda _room: self._room_changed())

    # What is there

    @property
    def is_here(self) -> bool:
        """Whether the room is the one that is shown."""
        return self.workspace.rooms.current == "proofread"

    @property
    def has_tool(self) -> bool:
        """Whether the mouse picks for this room now."""
        return self.is_here and self.workspace.tool in TOOLS

    @property
    def layer(self) -> LabelsLayer | None:
        """The labels that are worked on."""
        return self.picks.layer

    @property
    def index(self) -> ObjectIndex | None:
        """The objects of these labels, as counted last."""
        return self.objects.index if self.layer is self.objects.layer else None

    @property
    def look(self) -> Look:
        """Where the planes look."""
        return self.workspace.grid.look

    @property
    def place(self) -> tuple[Axis, int]:
        """The plane that "plane" means: that of the active view."""
        axis = self.workspace.grid.active_axis
        return axis, self.document.view.crosshair[axis.normal]

    @property
    def is_applying(self) -> bool:
        """Whether a deed is being done."""
        return self.doing.is_applying

    @property
    def outcome(self) -> Outcome | None:
        """What the plan comes to, if that is known already."""
        outcome = self.preview.outcome
        return outcome if outcome is not None and outcome.plan == self.plan else None

    # What the form asks for

    def use(self, values: Values) -> None:
        """Take other values."""
        before, self.values = self.values, values
        self.problem = None
        if values.mode is not before.mode or values.pick_by != before.pick_by:
            self.picks.forget_marks()
        if self.is_here and values.mode is not before.mode:
            self.workspace.choose_tool(next((name for name, mode in TOOLS.items() if mode is values.mode), "morph"))
        self.replan()

    def apply(self) -> None:
        """Do what the banner says."""
        if self.is_applying:
            return
        self._make_plan()
        if isinstance(self.plan, Plan):
            self.carry_out(self.plan)
        else:
            self.workspace.window.toast.say(self.plan.hint)

    def delete(self, in_plane: bool | None = None) -> None:
        """Delete what is picked; in_plane: only in the plane of the active view (None: as the form says)."""
        works_in = self.values.works_in if in_plane is None else "plane" if in_plane else "3d"
        plan = plan_deletion(replace(self.values, works_in=works_in), self.picked_now())
        if isinstance(plan, Plan):
            self.carry_out(plan)
        else:
            self.workspace.window.toast.say(plan.hint)

    def carry_out(self, plan: Plan) -> None:
        """Make a plan one deed."""
        self.problem = None
        self._timers["preview"].stop()
        self.doing.carry_out(plan, self.preview.outcome)

    def clear(self) -> bool:
        """Give up what runs, or what is prepared; True when there was something."""
        had = bool(self.picks.ids or self.picks.points) or self.picks.line is not None
        if self.doing.give_up():
            return True
        self.problem = None
        self.preview.drop()
        if self.picks.points or self.picks.line is not None:
            self.picks.forget_marks()
        else:
            self.picks.clear()
        return had

    def close(self) -> None:
        """The window closes: nothing more is shown."""
        self.doing.worker.give_up()
        self.looking.close()
        for timer in self._timers.values():
            timer.stop()

    # Plan and preview

    def replan(self) -> None:
        """Look again at what could be done; soon, once for many changes."""
        if not self._timers["plan"].isActive():
            self._timers["plan"].start()

    def picked_now(self) -> Picked:
        """What is picked, as plans take it."""
        layer_id = "" if self.layer is None else self.layer.id
        return Picked(layer_id, self.picks.ids, self.picks.points, self.picks.line, self.place)

    def _make_plan(self) -> None:
        self._timers["plan"].stop()
        before, index = self.plan, self.index
        if self.layer is None:
            self.plan = NotYet("No labels yet. Segment a plane or the volume first.")
        elif index is None:
            self.plan = NotYet("Counting the objects …")
        else:
            self.plan = _settled(plan_of(self.values, self.picked_now(), index))
        if self.plan != before or self.preview.outcome is None:
            self._prepare()
        self.changed.emit()

    def _prepare(self) -> None:
        """Show beforehand what the plan comes to, where that is not obvious and does not take long."""
        if self.outcome is None or not self.has_tool:
            self.preview.drop()
            self.doubt = None
        wanted = self.has_tool and isinstance(self.plan, Plan) and self.plan.values.mode in STYLES
        if not wanted or self.is_applying:
            if not self.is_applying:
                self.doing.worker.give_up()
            self._timers["preview"].stop()
        elif self.outcome is None:
            self._timers["preview"].start()

    def _start_preview(self) -> None:
        plan, ground = self.plan, self.ground()
        if not isinstance(plan, Plan) or ground is None or self.is_applying:
            return
        if not self.objects.is_current:
            self._timers["preview"].start()
        else:
            axis = self.place[0]
            view = self.workspace.grid.visible_box(axis)
            self.doing.find(plan, partial(foresee, view=view), self._show, self._doubted)

    def ground(self) -> Ground | None:
        """What plans are carried out on."""
        layer, index = self.layer, self.index
        if layer is None or index is None:
            return None
        return Ground(layer.source, index, layer.label_divisor, layer.id_range, proportions(layer.spacing))

    def _show(self, outcome: Outcome) -> None:
        if outcome.plan == self.plan and self.layer is not None and self.has_tool:
            self.preview.show(outcome, self.layer)
        self.changed.emit()

    def _doubted(self, problem: BaseException) -> None:
        """A plan cannot be carried out as it is; nobody has asked for it yet."""
        if isinstance(problem, AppError):
            self.doubt = problem
            self.changed.emit()
        else:
            self.workspace.window.failed(problem)

    def _refused(self, problem: AppError) -> None:
        self.problem = problem

    def _after(self, outcome: Outcome) -> None:
        """What is picked when a deed is done: what came of it."""
        plan, layer = outcome.plan, self.layer
        self.picks.forget_marks()
        if layer is None or layer.id != plan.picked.layer_id:
            return
        if plan.deletes or plan.values.mode is Mode.MERGE:
            self.picks.clear()
        elif plan.values.mode is Mode.SPLIT:
            self.document.select(layer, (*plan.picked.ids, *outcome.new_ids))
        self.replan()

    # News

    def _looked(self) -> None:
        self.workspace.grid.update_overlays()
        self.changed.emit()

    def _picked(self) -> None:
        self.problem = None
        self.looking.look()
        self.workspace.grid.update_overlays()
        self.replan()

    def _view_changed(self, _view: object, names: frozenset[str]) -> None:
        if not self.is_here:
            return
        if self.outcome is not None and not self.outcome.is_whole:
            self._timers["preview"].start()  # what is in sight is shown, and that has changed
        if not names & {"crosshair", "active"}:
            return
        if self.picks.ids and "crosshair" in names:
            self.looking.look()
        if self.values.works_in != "3d":
            self.replan()

    def _voxels_changed(self, layer: Layer, _box: object) -> None:
        if layer is self.layer:
            self.looking.pair, self.preview.outcome = None, None
            if self.is_here:
                self.looking.look()
            self.replan()

    def _tool_chosen(self, name: str) -> None:
        mode = TOOLS.get(name)
        if mode is not None and self.values.mode is not mode and not (name == "morph" and self._filters):
            self.values = replace(self.values, mode=mode)
            self.picks.forget_marks()
        self.replan()
        self.changed.emit()

    @property
    def _filters(self) -> bool:
        return self.values.mode is Mode.FILTER

    def _room_changed(self) -> None:
        if not self.is_here:
            self.doing.leave()
            self.preview.drop()
        else:
            self.looking.look()
        self.replan()


def _settled(plan: Plan | NotYet) -> Plan | NotYet:
    """A plan in 3D is the same whichever plane is looked at, and so is one along a line."""
    if isinstance(plan, Plan) and plan.values.works_in == "3d" and plan.picked.line is None:
        return replace(plan, picked=replace(plan.picked, place=(Axis.XY, 0)))
    return plan
