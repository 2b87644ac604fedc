"""Brings desk and widgets of the room together: what is picked goes to the banner, what is typed to the desk."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QInputDialog

from empanada_desktop.core.ids import next_free_id
from empanada_desktop.document import LabelsLayer
from empanada_desktop.document.reviewing import QueueItem
from empanada_desktop.errors import AppError
from empanada_desktop.gui.docks.active_object import object_colour
from empanada_desktop.gui.objects.deeds import ObjectDeeds
from empanada_desktop.gui.objects.review_queue import ReviewQueue
from empanada_desktop.gui.proofread.banner import MOST_NAMED, Banner, BannerState, NamedObject
from empanada_desktop.gui.proofread.deeds import Outcome
from empanada_desktop.gui.proofread.desk import ProofreadDesk
from empanada_desktop.gui.proofread.dock import ProofreadDock
from empanada_desktop.gui.proofread.facts import volume_words
from empanada_desktop.gui.proofread.form import EditForm
from empanada_desktop.gui.proofread.history import HistoryView
from empanada_desktop.gui.proofread.labels_part import LabelsPart
from empanada_desktop.gui.proofread.menu import ObjectMenu, open_menu
from empanada_desktop.gui.proofread.picking_tool import PickingTool
from empanada_desktop.gui.proofread.plans import NotYet, Plan, kept_id, sizes_of
from empanada_desktop.gui.proofread.selection import selection_lines
from empanada_desktop.gui.proofread.values import LARGEST_ID, Mode
from empanada_desktop.gui.viewer.camera import DISPLAYED

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace

ICONS = {Mode.MERGE: "git-merge", Mode.SPLIT: "scissors", Mode.MORPH: "circle-dashed", Mode.FILTER: "funnel"}
MODES = {"Join?": Mode.MERGE, "Split?": Mode.SPLIT}
KEYS = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape)


class ProofreadRoom(QObject):
    """The room's parts and what goes on between them."""

    def __init__(self, workspace: "Workspace", queue: ReviewQueue) -> None:
        super().__init__(workspace)
        self.workspace, self.queue = workspace, queue
        self.desk = ProofreadDesk(workspace)
        self.object_deeds = ObjectDeeds.of(self.desk.objects)
        self.tool = PickingTool(self.desk)
        self.form = EditForm()
        self.labels = LabelsPart(self.desk)
        actions = workspace.window.actions_table
        history = HistoryView(workspace.document, workspace.edits, actions)
        self.dock = ProofreadDock(history, actions, self.form, self.labels)
        self.banner = Banner()
        self.menu: ObjectMenu | None = None
        self._shown_ids: tuple[object, ...] = ()
        self._connect()
        self.refresh()

    def _connect(self) -> None:
        desk, grid = self.desk, self.workspace.grid
        desk.changed.connect(self.refresh)
        self.form.changed.connect(lambda _name: desk.use(self.form.values))
        self.banner.applied.connect(desk.apply)
        self.banner.cleared.connect(desk.clear)
        self.dock.history.list.failed.connect(self.workspace.window.tell)
        desk.done.connect(self._done)
        desk.menu_asked.connect(self._ask_menu_here)
        self.queue.edit_asked.connect(self._mend)
        self.labels.jump_asked.connect(self.jump)
        grid.menu_asked.connect(self._ask_menu)
        self.banner.installEventFilter(self)
        self.workspace.rooms.entered.connect(lambda _room: self._entered())
        self.workspace.ending.connect(desk.close)
        if grid.volume_view is not None:
            grid.volume_view.taker = self._take_3d
            grid.volume_view.menu_asked.connect(self._ask_menu_3d)
            grid.volume_view.installEventFilter(self)

    def deeds(self) -> dict[str, Callable[[], object]]:
        """What the rows of the actions table do that belong to this room."""
        return {
            "objects_apply": self.desk.apply,
            "objects_clear": self.desk.clear,
            "objects_delete": self.desk.delete,
            "objects_delete_plane": lambda: self.desk.delete(in_plane=True),
            "mode_filter": lambda: self.change(mode=Mode.FILTER),
            "review_accept": self.queue.accept,
            "review_skip": self.queue.skip,
            "review_edit": self.queue.edit,
            "review_flag": self.queue.flag,
            "object_jump": self.ask_jump,
            "objects_count": self.show_labels,
        }

    # Deeds

    def change(self, **values: Any) -> None:  # noqa: ANN401 - the fields of Values
        """Set values of the form as if they had been chosen."""
        if "mode" in values:
            values["mode"] = Mode(values["mode"])
        self.form.change(**values)

    def ask_jump(self) -> None:
        """Ask for an id and go there."""
        label_id, agreed = QInputDialog.getInt(self.workspace.window, "Jump to label", "Id", 1, 1, LARGEST_ID)
        if agreed:
            self.jump(label_id)

    def jump(self, label_id: int) -> None:
        """Put the crosshair into an object and pick it."""
        index, layer = self.desk.index, self.desk.layer
        if index is None or layer is None:
            return
        if label_id not in index:
            self.workspace.window.toast.say(f"There is no object {label_id}.")
            return
        self.workspace.document.select(layer, [label_id])
        self.object_deeds.jump(label_id, closer=True)

    def show_labels(self) -> None:
        """Unfold the section with ids and counts."""
        self.dock.labels_section.set_open(True)
        self.dock.area.ensureWidgetVisible(self.dock.labels_section)

    def _mend(self, item: QueueItem) -> None:
        """Take the tool that a question of the queue asks for; its objects are selected already."""
        mode = MODES.get(item.question, Mode.MORPH)
        self.change(mode=mode)
        self.workspace.choose_tool(mode.value)

    def _done(self, outcome: Outcome) -> None:
        """Go to the next in the queue when what it asks about has just been merged."""
        entry, plan = self.queue.current, outcome.plan
        asked = entry is not None and bool(set(entry.item.ids) & set(plan.picked.ids))
        if plan.values.mode is Mode.MERGE and not plan.deletes and plan.values.goes_on and asked:
            self.queue.advance(plan.picked.ids)

    def _entered(self) -> None:
        if self.desk.is_here and self.workspace.tool == "cursor":
            self.workspace.choose_tool("merge")

    def _take_3d(
        self, layer: LabelsLayer | None, label_id: int, voxel: tuple[int, int, int], modifiers: Qt.KeyboardModifier
    ) -> bool:
        """A click in 3D picks as a click in a plane does."""
        if not self.desk.has_tool or (layer is not None and layer is not self.desk.layer):
            return False
        if layer is not None:
            self.workspace.document.change_view(crosshair=voxel)
            self.desk.picking.click_object(label_id, voxel, modifiers)
        return True

    def _ask_menu(self, voxel: tuple[int, int, int], place: QPoint) -> None:
        self._open_menu(self.desk.picking.id_at(voxel), place)

    def _ask_menu_here(self) -> None:
        """The menu of the object at the crosshair, beside it."""
        voxel, canvas = self.workspace.document.view.crosshair, self.workspace.grid.canvas(self.desk.place[0])
        rows, columns = DISPLAYED[canvas.axis]
        x, y = canvas.camera().point_of(voxel[rows] + 0.5, voxel[columns] + 0.5)
        self._ask_menu(voxel, canvas.mapToGlobal(QPoint(round(x), round(y))))

    def _ask_menu_3d(self, layer: LabelsLayer, label_id: int, place: QPoint) -> None:
        if layer is self.desk.layer:
            self._open_menu(label_id, place)

    def _open_menu(self, label_id: int, place: QPoint) -> None:
        if self.desk.is_here:
            self.menu = open_menu(self.workspace.window, self.desk, self.change, label_id, place)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Enter and Escape mean the same over the banner and over the 3D view as over the planes."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() in KEYS:
            return self.desk.has_tool and self.desk.picking.take_key(event)
        return super().eventFilter(watched, event)

    # What is shown

    def refresh(self) -> None:
        """Show what the desk knows now."""
        desk, values = self.desk, self.desk.values
        if self.form.values.mode is not values.mode:
            self.form.show_values(values)
        layer, index = desk.layer, desk.index
        self.banner.show_state(self.banner_state())
        self._show_problem()
        lines: tuple[tuple[str, str], ...] = ()
        if layer is not None and index is not None and desk.picks.ids:
            known = desk.looking.pair
            pair = known[1] if known is not None and known[0] == desk.picks.ids else None
            lines = selection_lines(layer, index, desk.picks.ids, pair)
        self.dock.selection.show_lines(lines)
        self.form.set_split_ready(*self._split_readiness())
        self._show_ids()

    def _show_problem(self) -> None:
        problem, bar = self.desk.problem, self.form.bar
        if problem is None:
            bar.hide()
        elif not bar.isVisible() or problem.message not in bar.text():
            bar.say(problem.message, "error", problem.hint)

    def _split_readiness(self) -> tuple[bool, str]:
        ids = self.desk.picks.ids
        if len(ids) != 1:
            return False, "ready when one object is picked"
        return True, f"{ids[0]} is picked"

    def _show_ids(self) -> None:
        """Show what depends on all objects: only when they are others, or another class is meant."""
        layer, index, ids = self.desk.layer, self.desk.index, self.desk.picks.ids
        if layer is None or index is None:
            self.form.show_new_id(0)
            self.labels.refresh()
            self._shown_ids = ()
            return
        class_id = (ids[0] if ids else int(index.ids[0]) if len(index) else 1) // layer.label_divisor
        shown = (index, class_id, layer.id, layer.label_divisor, tuple(layer.class_names.items()))
        if shown != self._shown_ids:
            self._shown_ids = shown
            self.labels.refresh()
            try:
                self.form.show_new_id(next_free_id(index.ids, class_id, layer.label_divisor))
            except AppError:
                self.form.show_new_id(0)

    def banner_state(self) -> BannerState:
        """What the banner says."""
        desk = self.desk
        plan, mode = desk.plan, desk.values.mode
        icon, title = ICONS[mode], mode.value.capitalize()
        if desk.is_applying:
            return BannerState(icon, title, desk.doing.words, clear="Cancel")
        hint = plan.hint if isinstance(plan, NotYet) else self._hint()
        deed = self._deed_words(plan) if isinstance(plan, Plan) else ""
        picked = bool(desk.picks.ids or desk.picks.points) or desk.picks.line is not None
        clear = "Cancel" if desk.outcome is not None else "Clear" if picked else ""
        if desk.doubt is not None and isinstance(plan, Plan):
            words = f"{desk.doubt.message} {desk.doubt.hint}"
            return BannerState(icon, title, hint, *self._named(), words, deed, "Clear", is_wrong=True)
        return BannerState(icon, title, hint, *self._named(), self._words(), deed, clear)

    def _hint(self) -> str:
        if self.desk.values.means_all:
            layer = self.desk.layer
            where = "" if self.desk.values.works_in == "3d" else f" in {self._plane_words()}"
            return f"All objects of {layer.title if layer is not None else 'the labels'}{where}"
        hints = {"click": "Click objects in any view", "line": "Draw lines over objects", "points": "Click points"}
        where = "" if self.desk.values.works_in == "3d" else f", in {self._plane_words()}"
        return hints[self.desk.values.pick_by] + where

    def _plane_words(self) -> str:
        axis, index = self.desk.place
        if self.desk.values.works_in == "planes":
            return f"every {axis} plane"
        return f"{'zyx'[axis.normal]} {index}"

    def _named(self) -> tuple[tuple[NamedObject, ...], int]:
        """The objects that are meant: the first few, and how many more there are."""
        desk, layer, index = self.desk, self.desk.layer, self.desk.index
        if layer is None or index is None or (isinstance(desk.plan, Plan) and desk.plan.ids is None):
            return (), 0
        ids, into = desk.picks.ids, 0
        if desk.values.mode is Mode.MERGE and len(ids) > 1:
            into = kept_id(desk.values, desk.picked_now(), index)
            ids = tuple(sorted(ids, key=lambda label_id: label_id != into))
        named = tuple(
            NamedObject(label_id, object_colour(layer, label_id), "keeps its id" if label_id == into else "")
            for label_id in ids[:MOST_NAMED]
        )
        return named, len(ids) - len(named)

    def _words(self) -> str:
        desk, layer, index = self.desk, self.desk.layer, self.desk.index
        if layer is None or index is None or not isinstance(desk.plan, Plan):
            return ""
        if desk.values.mode is Mode.MERGE:
            total = int(sizes_of(index, desk.picks.ids).sum())
            become = f"become {desk.plan.into}, " if desk.plan.into not in desk.picks.ids else ""
            return f"{become}{volume_words(total, layer.spacing)} together"
        if desk.outcome is not None:
            return desk.outcome.words
        return desk.doing.words

    def _deed_words(self, plan: Plan) -> str:
        count = len(plan.picked.ids)
        if plan.values.mode is Mode.MERGE:
            return f"Merge {count} objects" if count > 1 else f"Rename to {plan.into}"
        if plan.values.mode is Mode.SPLIT and plan.values.split_by == "points":
            return f"Split at {len(plan.picked.points)} points"
        words = {Mode.SPLIT: "Split", Mode.FILTER: "Remove"}
        return words.get(plan.values.mode) or plan.title.partition(" ")[0]
