"""What is open: the document, its views, docks and panels, and what runs on it. Made when something is opened."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog, QInputDialog, QSplitter, QWidget

from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.document import Document, ImageLayer, LabelsLayer, Layer
from empanada_desktop.document.edits import Edit
from empanada_desktop.document.plain import frozen
from empanada_desktop.errors import AppError, SettingsError
from empanada_desktop.gui import warm_up
from empanada_desktop.gui.actions import ROW_BY_ID
from empanada_desktop.gui.advisor import Advisor
from empanada_desktop.gui.computer import Computer
from empanada_desktop.gui.controls import Column
from empanada_desktop.gui.docks.active_object import object_colour
from empanada_desktop.gui.docks.layers import LayersDock
from empanada_desktop.gui.fuse_desk import FuseDesk
from empanada_desktop.gui.jobs_controller import JobsController, place_of
from empanada_desktop.gui.label_files import use_as
from empanada_desktop.gui.live_plane import LivePlaneDesk
from empanada_desktop.gui.long_deeds import LongDeeds
from empanada_desktop.gui.notify import DEED
from empanada_desktop.gui.opener import Opener
from empanada_desktop.gui.opening import find_contrast
from empanada_desktop.gui.panels.segment_dock import SegmentDock
from empanada_desktop.gui.region_frame import RegionFrame
from empanada_desktop.gui.rooms import Pages, Room, Rooms
from empanada_desktop.gui.saving import check_free, file_name, save_labels
from empanada_desktop.gui.session_keeper import SessionKeeper
from empanada_desktop.gui.shell import TOOL_BY_NAME, is_at_home, make_dock
from empanada_desktop.gui.viewer.canvas import Tool
from empanada_desktop.gui.viewer.canvas_tool import CanvasTool
from empanada_desktop.gui.viewer.view_grid import ViewGrid
from empanada_desktop.gui.volume_desk import VolumeDesk

if TYPE_CHECKING:
    from empanada_desktop.gui.main_window import MainWindow

TOOLS = {"cursor": Tool.CURSOR, "hand": Tool.HAND, "box": Tool.BOX}
LOOK_AGAIN_MS = 150
STYLES = ("fill", "outline", "both")
BOTTOM_SHARE = 0.31
LABELS_FILTER = "OME-Zarr (*.zarr);;TIFF (*.tif)"


class Workspace(QObject):
    """Puts the parts together; each deed of the menus is one call into a part, its own or a room's."""

    tool_chosen = Signal(str)
    """The name of the tool that is on now."""
    ending = Signal()
    """The window closes: whoever has threads or processes ends them."""

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self.window = window
        self.document = Document()
        self.grid = ViewGrid(self.document)
        self.centre = QWidget()
        self.views = QSplitter()
        self.views.setHandleWidth(4)
        self.views.setChildrenCollapsible(False)
        self.views.addWidget(self.grid)
        self.banner, self.bottom = Pages(), Pages()
        self.rows = QSplitter(Qt.Orientation.Vertical)
        self.rows.setHandleWidth(4)
        self.rows.setChildrenCollapsible(False)
        self.rows.addWidget(self.views)
        self.rows.addWidget(self.bottom)
        self.rows.setStretchFactor(0, 1)
        self.centre_column = Column(self.banner, self.rows)
        self.centre_column.setStretch(1, 1)
        self.centre.setLayout(self.centre_column)
        self.layers = LayersDock(self.document, window.actions_table, window.background)
        self.form = SegmentDock()
        self.jobs = JobsController(self)
        self.live = LivePlaneDesk(self)
        self.volume = VolumeDesk(self)
        self.fuse = FuseDesk(self)
        self.advisor = Advisor(self)
        self.frame = RegionFrame(self)
        self.session = SessionKeeper(self)
        self.opener = Opener(self)
        self.edits = LongDeeds(self)
        self.rooms = Rooms(self, self._own_rooms())
        self.rooms.made.connect(self._take_room)
        self.tool = "cursor"
        self._tool_of_room: dict[str, str] = {}
        self._has_shared_height = False
        self._make_docks()
        self._connect()
        self.use_preset(window.actions_table.preset)
        self.deeds = self._deeds()
        self._told = (0, 0, 0)
        self._look_again = QTimer(self)
        self._look_again.setSingleShot(True)
        self._look_again.setInterval(LOOK_AGAIN_MS)
        self._look_again.timeout.connect(self._tell_again)
        self._warm = warm_up.WarmUp()
        if window.warms_up:
            QTimer.singleShot(warm_up.AFTER_MS, self, self._warm_up)

    def _warm_up(self) -> None:
        """The live plane's process at once, the jobs' one when the form of the volume is seen: each takes memory."""
        self._warm.start("live plane", self.live.controller.session.warm_up)
        self.form.mode_changed.connect(self._warm_up_jobs)
        self._warm_up_jobs("volume" if self.form.current is self.form.volume else "plane")

    def _warm_up_jobs(self, mode: str) -> None:
        if mode == "volume":
            self._warm.start("jobs", self.jobs.queue.warm_up)

    def _make_docks(self) -> None:
        window = self.window
        left, right = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
        self.left_header, self.left, self.right_header, self.right = Pages(), Pages(), Pages(), Pages()
        self.left_dock = make_dock(window, "layers", self.left_header, self.left, left)
        self.right_dock = make_dock(window, "form", self.right_header, self.right, right)
        self.show_room("segment")
        for dock in (self.left_dock, self.right_dock):
            dock.visibilityChanged.connect(lambda _shown: window.enable_actions())

    def _own_rooms(self) -> dict[str, Room]:
        left, left_header = self.layers, self.layers.header
        segment = Room("segment", left, left_header, right=self.form, right_header=self.form.header)
        return {"view": Room("view", left, left_header), "segment": segment}

    def _take_room(self, room: Room) -> None:
        """A room is made: its parts live where they will be shown, and objects are counted from now on."""
        from empanada_desktop.gui.objects.desk import ObjectsDesk

        self.layers.object.follow(ObjectsDesk.of(self))
        for pages, page in (
            (self.left, room.left),
            (self.left_header, room.left_header),
            (self.right, room.right),
            (self.right_header, room.right_header),
            (self.banner, room.banner),
            (self.bottom, room.bottom),
        ):
            pages.add_page(page)

    def show_room(self, name: str) -> None:
        """Put a room's parts into the docks, above and below the views; what is open, looked at and done stays."""
        room = self.rooms[name]
        self._tool_of_room[self.rooms.current] = self.tool
        self.rooms.current = name
        self.left.show_page(room.left or self.layers)
        self.left_header.show_page(room.left_header or self.layers.header)
        self.right_header.show_page(room.right_header)
        self.right.show_page(room.right)
        for pages, page in ((self.banner, room.banner), (self.bottom, room.bottom)):
            pages.show_page(page)
            pages.setVisible(page is not None)
        self._share_height()
        kept = self._tool_of_room.get(name, self.tool if not TOOL_BY_NAME[self.tool].rooms else "cursor")
        if kept != self.tool:
            self.choose_tool(kept)
        self.rooms.entered.emit(name)

    def _share_height(self) -> None:
        """The first time that there is something below the views, give it its part of the height."""
        if self.bottom.shown is not None and not self._has_shared_height:
            self._has_shared_height = True
            height = self.rows.height()
            self.rows.setSizes([round(height * (1 - BOTTOM_SHARE)), round(height * BOTTOM_SHARE)])

    def choose_tool(self, name: str) -> None:
        """Take a tool, in the room that is shown if it is at home there, otherwise in its own."""
        if not is_at_home(name, self.rooms.current):
            home = TOOL_BY_NAME[name].rooms[0]
            self._tool_of_room[home] = name
            self.window.choose_tab(home)
        self.tool = name
        self.window.tools.show_tool(name)
        tool = self._canvas_tool(name)
        if tool is None:
            self.grid.set_tool(TOOLS.get(name, Tool.CURSOR))
        else:
            self.grid.set_canvas_tool(tool)
        self.tool_chosen.emit(name)

    def _canvas_tool(self, name: str) -> CanvasTool | None:
        """What a tool does in the views; None where the views know it themselves."""
        if name in TOOLS:
            return None
        homes = TOOL_BY_NAME[name].rooms
        first = [room for room in homes if room == self.rooms.current]
        tools = (self.rooms[room].tools.get(name) for room in (*first, *homes))
        return next((tool for tool in tools if tool is not None), None)

    def place_docks(self) -> None:
        """Put the docks where they belong."""
        areas = {
            self.left_dock: Qt.DockWidgetArea.LeftDockWidgetArea,
            self.right_dock: Qt.DockWidgetArea.RightDockWidgetArea,
        }
        for dock, area in areas.items():
            dock.setFloating(False)
            self.window.addDockWidget(area, dock)
            dock.show()
        self.grid.reset_edges()
        self.grid.maximise(None)

    def _connect(self) -> None:
        document, window = self.document, self.window
        for signal in (document.layer_added, document.layer_removed, document.active_changed, document.history_changed):
            signal.connect(self._changed)
        self.edits.busy_changed.connect(lambda _is_busy: self.window.enable_actions())
        for moved_on in (document.applied, document.active_changed, self.rooms.entered):
            moved_on.connect(lambda *_: window.bar.settle(DEED))
        document.view_changed.connect(self._view_changed)
        document.layer_changed.connect(self._layer_changed)
        self.grid.hovered.connect(self._hovered)
        self.grid.clicked.connect(self._picked)
        self.grid.reading_failed.connect(lambda words: window.bar.say(words))
        self.grid.box_drawn.connect(self._box_drawn)
        self.grid.picture_taken.connect(self._save_image)
        self.jobs.lines_changed.connect(window.strip.show_jobs)
        self.jobs.lines_changed.connect(window.jobs_list.show_jobs)
        self.jobs.failed.connect(self._job_failed)
        self.jobs.settled.connect(window.bar.settle)
        window.tools.chosen.connect(self.choose_tool)
        self.form.mode_changed.connect(lambda _name: self.live.place_changed())

    def _deeds(self) -> dict[str, Callable[[], object]]:
        grid, document = self.grid, self.document
        return {
            "undo": self._undo,
            "redo": self._redo,
            "plane_next": lambda: grid.step(1),
            "plane_previous": lambda: grid.step(-1),
            "zoom_in": lambda: grid.zoom(2),
            "zoom_out": lambda: grid.zoom(0.5),
            "fit": grid.fit,
            "labels_shown": self._toggle_labels,
            "selected_only": self._toggle_selected_only,
            "contour": self._next_style,
            "history": lambda: self.window.choose_tab("proofread"),
            "view_all": lambda: grid.maximise(None),
            "view_xy": lambda: grid.maximise("xy"),
            "view_xz": lambda: grid.maximise("xz"),
            "view_yz": lambda: grid.maximise("yz"),
            "view_3d": lambda: grid.maximise("3d"),
            "save_labels": self.ask_save_labels,
            "save_picture": self.ask_save_picture,
            "layer_rename": self._rename,
            "layer_duplicate": self._with_active(document.duplicate_layer),
            "layer_use_as": self._with_active(partial(use_as, self)),
            "layer_delete": self._delete,
            "layer_up": lambda: self._move(1),
            "layer_down": lambda: self._move(-1),
            "colours_shuffle": self._shuffle,
            "contrast_auto": self._auto_contrast,
            "panel_plane": lambda: self._show_form("plane"),
            "panel_volume": lambda: self._show_form("volume"),
            "scale_finder": self.live.find_scale,
            "plane_finder": self.live.find_plane,
            "box_hint": self.volume.ask_box,
            "fuse_anew": lambda: self._show_form("fuse"),
        }

    def do(self, name: str) -> None:
        """Carry out a deed of the menus; what the user can mend is said in the bar."""
        try:
            self._deed(name)()
        except AppError as problem:
            self.window.tell(problem, about=DEED)
        else:
            self.window.bar.settle(DEED)

    def _deed(self, name: str) -> Callable[[], object]:
        if name.startswith("tool_"):
            return lambda: self.choose_tool(name.removeprefix("tool_"))
        if name.startswith("room_"):
            return lambda: self.window.choose_tab(name.removeprefix("room_"))
        return self.deeds[name] if name in self.deeds else self.rooms[ROW_BY_ID[name].room].deeds[name]

    # What is there

    def image(self) -> ImageLayer | None:
        """The image that is worked on; previews of confidence are none."""
        image = self.document.image
        if image is not None and not image.is_preview:
            return image
        return next((layer for layer in self.document.of_kind(ImageLayer) if not layer.is_preview), None)

    def labels(self) -> LabelsLayer | None:
        """The label layer that deeds act on: the active one, otherwise the topmost, of previews only the last."""
        if isinstance(self.document.active, LabelsLayer):
            return self.document.active
        every = sorted(self.document.of_kind(LabelsLayer), key=lambda layer: not layer.is_preview)
        return every[-1] if every else None

    def needs(self) -> dict[str, bool]:
        """Which needs of the actions are met."""
        history = self.document.history
        return {
            "volume": bool(self.document.layers),
            "labels": self.labels() is not None,
            # While a large edit is being undone it can be asked for again already.
            "undo": history.next_undo is not None or self.edits.is_busy,
            "redo": history.next_redo is not None or self.edits.is_busy,
        }

    def _changed(self, *_: object) -> None:
        self.window.enable_actions()
        self.live.place_changed()
        self.volume.image_changed()
        self.advisor.refresh()

    def _layer_changed(self, layer: Layer, names: frozenset[str]) -> None:
        if "spacing" in names and layer is self.image():
            self.window.status.show_voxel(layer.spacing)
            self.show_position(self._told)
            self.volume.spacing_changed()
            self.advisor.refresh()

    # Closing

    def clear(self, then: Callable[[], object]) -> None:
        """Keep what is open for Continue, in a thread, then close it and call `then`; unless the user stays with it."""

        def close() -> None:
            self.live.stop()
            self.document.clear()
            then()

        self.session.leave(close)

    def computer_changed(self, computer: Computer) -> None:
        """Take note of what the computer has."""
        self.form.plane.weights.show_library(computer.weights)
        self.form.volume.show_computer(computer)
        self.advisor.refresh()

    # Deeds

    def _undo(self) -> None:
        def say(edit: Edit | None) -> None:
            if edit is not None:
                self.window.toast.say(f"Undone: {edit.title}.", "Redo", self._redo)

        if not self.grid.take_back():
            self.edits.undo(say)

    def _redo(self) -> None:
        def say(edit: Edit | None) -> None:
            if edit is not None:
                self.window.toast.say(f"Done again: {edit.title}.", "Undo", self._undo)

        self.edits.redo(say)

    def _toggle_labels(self) -> None:
        layer = self.labels()
        if layer is not None:
            self.document.change_layer(layer, visible=not layer.visible)

    def _toggle_selected_only(self) -> None:
        layer = self.labels()
        if layer is not None:
            self.document.change_layer(layer, shows_selected_only=not layer.shows_selected_only)

    def _next_style(self) -> None:
        layer = self.labels()
        if layer is not None:
            self.document.change_layer(layer, style=STYLES[(STYLES.index(layer.style) + 1) % len(STYLES)])

    def _with_active(self, deed: Callable[[Layer], object]) -> Callable[[], None]:
        def do() -> None:
            if self.document.active is not None:
                deed(self.document.active)

        return do

    def _rename(self) -> None:
        layer = self.document.active
        if layer is None:
            return
        title, agreed = QInputDialog.getText(self.window, "Rename layer", "Name", text=layer.title)
        if agreed and title.strip():
            self.document.rename_layer(layer, title.strip())

    def _delete(self) -> None:
        layer = self.document.active
        if layer is None:
            return
        if layer.is_preview:
            self.live.stop()
            return
        self.document.remove_layer(layer)
        self.window.toast.say(f"Deleted {layer.title}.", "Undo", self.edits.undo)

    def _move(self, steps: int) -> None:
        layer = self.document.active
        if layer is not None:
            place = self.document.layers.index(layer) + steps
            if 0 <= place < len(self.document.layers):
                self.document.move_layer(layer, place)

    def _shuffle(self) -> None:
        layer = self.labels()
        if layer is not None:
            self.document.shuffle_colours(layer)

    def _auto_contrast(self) -> None:
        layer = self.image()
        volume = getattr(layer.source, "volume", None) if layer is not None else None
        if layer is not None and volume is not None:
            self.window.background.run(
                lambda: find_contrast(volume), lambda found: self.document.change_layer(layer, contrast=found)
            )

    def _show_form(self, mode: str) -> None:
        self.window.choose_tab("segment")
        self.form.show_mode(mode)

    def ask_save_labels(self) -> None:
        """Ask for a file and write the labels to it."""
        layer = self.labels()
        if layer is None:
            return
        path, kind = QFileDialog.getSaveFileName(self.window, "Save labels", f"{layer.title}.zarr", LABELS_FILTER)
        if path:
            self.save_labels(layer, file_name(path, kind))

    def save_labels(self, layer: LabelsLayer, path: Path) -> None:
        """Write labels as they are now to a file, in a thread; once a large edit that is being made has ended."""
        if layer.is_preview:
            raise SettingsError("This preview is not kept yet.", "Keep it as labels first, then save it.")
        check_free(path, self.document.layers)
        if self.edits.is_busy:
            self.window.toast.say(f"{layer.title} is saved as soon as all of it is changed.")
        self.edits.when_free(lambda: self._save_labels(layer, path))

    def _save_labels(self, layer: LabelsLayer, path: Path) -> None:
        moment = frozen(layer)

        def saved(done: Path) -> None:
            self.window.bar.settle("saving")
            self.window.toast.say(f"Saved {layer.title} to {done.name}.")

        failed = partial(self.window.tell, about="saving")
        self.window.background.run(lambda: save_labels(moment, path), saved, failed)

    def ask_save_picture(self) -> None:
        """Ask for a file and write what the views show."""
        path, _ = QFileDialog.getSaveFileName(self.window, "Save a picture of the views", "views.png", "PNG (*.png)")
        if path and not self.grid.grab().save(path):
            raise SettingsError(f"{path} could not be written.", "Choose another folder.")

    def _save_image(self, image: QImage) -> None:
        path, _ = QFileDialog.getSaveFileName(self.window, "Save a picture of the 3D view", "3d.png", "PNG (*.png)")
        if path and not image.save(path):
            self.window.tell(SettingsError(f"{path} could not be written.", "Choose another folder."))

    def use_preset(self, preset: str) -> None:
        """Take over what the wheel does."""
        self.grid.set_wheel(zooms=preset == "napari")

    # News

    def _view_changed(self, view: Any, names: frozenset[str]) -> None:  # noqa: ANN401 - a ViewState
        if "zoom" in names and view.zoom > 0:
            self.window.status.show_zoom(view.zoom)
        if "crosshair" in names:
            self.show_position(view.crosshair)
        if names & {"crosshair", "active"}:
            self.live.place_changed()

    def _picked(self, *_: object) -> None:
        """A click that picked one object makes it the one to paint."""
        layer = self.labels()
        if layer is not None and len(layer.selected) == 1:
            self.document.change_layer(layer, active_id=next(iter(layer.selected)))

    def _hovered(self, voxel: tuple[int, int, int] | None) -> None:
        self.show_position(voxel or self.document.view.crosshair)

    def show_position(self, voxel: tuple[int, int, int], is_new: bool = True) -> None:
        """Say in the status bar where a voxel lies, and what is there."""
        status, self._told = self.window.status, voxel
        status.show_position(voxel, self.document.spacing)
        value, layer, label_id = self.grid.values_at(voxel)
        if value is None and is_new and self.image() is not None:
            self._look_again.start()
        status.show_grey("" if value is None else f"{value:g}")
        if layer is not None and label_id:
            name = layer.class_of(label_id) or layer.title
            status.show_object(label_id, name, object_colour(layer, label_id))
        else:
            status.show_object(0, "", "#000000")

    def _tell_again(self) -> None:
        """The voxels were not read yet when their place was told."""
        if not self.document.layers:
            return
        if self.grid.is_complete:
            self.show_position(self._told, is_new=False)
        elif self.grid.isVisible():
            self._look_again.start()

    def _box_drawn(self, axis: Axis, box: Box) -> None:
        if self.volume.wants_box:
            self.volume.take_box(axis, box)
        else:
            self.live.take_region(axis, box)

    def _job_failed(self, job: Any) -> None:  # noqa: ANN401 - a Job
        if isinstance(job.error, AppError):
            self.window.tell(job.error, about=place_of(job))
            self.window.bar.offer("Run again", lambda: self.jobs.do("run_again", job.id))
        elif job.error is not None:
            self.window.notifier.error(job.error)

    # Session and end

    def save_session(self) -> AppError | None:
        """Keep what is open for Continue; returns what failed."""
        return self.session.save()

    def end(self) -> None:
        """End every process and thread."""
        self.ending.emit()
        self._look_again.stop()
        self.session.close()
        self.live.close()
        self._warm.close(self.live.controller.close, self.jobs.close)
        self.grid.close_views()
