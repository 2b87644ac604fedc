"""The table of the window's deeds; menus, toolbar, keys and the command palette come from it."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from empanada_desktop.gui.action_rows import MENUS, PRESETS, SCALES, ActionRow, Keys
from empanada_desktop.gui.icons import show_icon
from empanada_desktop.gui.room_rows import FILE_ROWS, ROOM_ROWS

__all__ = ["MENUS", "PRESETS", "ROWS", "ROW_BY_ID", "SCALES", "ActionRow", "Actions", "Keys", "conflicts"]

ROWS: tuple[ActionRow, ...] = (
    ActionRow("open_file", "Open file…", "File", "Open a volume or an image.", "folder-open", ("Ctrl+O",)),
    ActionRow(
        "open_folder",
        "Open folder…",
        "File",
        "Open a folder of planes, or an OME-Zarr folder.",
        "stack",
        ("Ctrl+Shift+O",),
    ),
    ActionRow("open_sample", "Open the sample", "File", "Fly brain with mitochondria to find.", "play"),
    ActionRow("continue", "Continue", "File", "Bring back what was open last time.", "arrow-right"),
    ActionRow(
        "earlier",
        "Earlier work…",
        "File",
        "Labels, points and answers of earlier sessions, of every volume that you worked on.",
        "clock-counter-clockwise",
        ends_group=True,
    ),
    ActionRow(
        "save_labels",
        "Save labels…",
        "File",
        "Write the active label layer as OME-Zarr or TIFF.",
        "floppy-disk",
        ("Ctrl+S",),
        needs="labels",
    ),
    *FILE_ROWS,
    ActionRow(
        "save_picture",
        "Save a picture of the views…",
        "File",
        "Write what the views show as PNG.",
        "export",
        ("Alt+S",),
        needs="volume",
        ends_group=True,
    ),
    ActionRow("close_volume", "Close the volume", "File", "Back to the start page.", "x", ("Ctrl+W",), needs="volume"),
    ActionRow("quit", "Quit", "File", "End the program; what is open comes back with Continue.", keys=("Ctrl+Q",)),
    ActionRow("undo", "Undo", "Edit", "Take the last change back.", "arrow-u-up-left", ("Ctrl+Z",), needs="undo"),
    ActionRow(
        "redo",
        "Redo",
        "Edit",
        "Do again what was undone.",
        "arrow-u-up-right",
        ("Ctrl+Shift+Z", "Ctrl+Y"),
        needs="redo",
    ),
    ActionRow(
        "history",
        "History",
        "Edit",
        "Every deed with where it was; a click goes back to it, or on again.",
        "clock-counter-clockwise",
        ("Ctrl+H",),
        needs="volume",
        ends_group=True,
    ),
    ActionRow(
        "palette",
        "Find an action…",
        "Edit",
        "Type a few letters of what you want to do.",
        "magnifying-glass",
        ("Ctrl+Shift+P",),
        webknossos=("Ctrl+P", "Ctrl+Shift+P"),
    ),
    ActionRow("keys", "Keys…", "Edit", "See and change the keys.", "keyboard"),
    ActionRow(
        "plane_next",
        "Next plane",
        "View",
        "Go one plane on in the active view.",
        keys=("Right",),
        webknossos=("F", "Right"),
        itksnap=("PgUp", "Right"),
        needs="volume",
    ),
    ActionRow(
        "plane_previous",
        "Previous plane",
        "View",
        "Go one plane back in the active view.",
        keys=("Left",),
        webknossos=("D", "Left"),
        itksnap=("PgDown", "Left"),
        needs="volume",
    ),
    ActionRow(
        "zoom_in",
        "Zoom in",
        "View",
        "Twice the size, around the crosshair.",
        keys=("Ctrl++", "Ctrl+="),
        webknossos=("I", "Ctrl++"),
        needs="volume",
    ),
    ActionRow(
        "zoom_out",
        "Zoom out",
        "View",
        "Half the size, around the crosshair.",
        keys=("Ctrl+-",),
        webknossos=("O", "Ctrl+-"),
        needs="volume",
    ),
    ActionRow("fit", "Fit to the views", "View", "Show the whole volume.", "frame-corners", ("Home",), needs="volume"),
    ActionRow(
        "labels_shown",
        "Labels on or off",
        "View",
        "Hide the active label layer, or show it again.",
        "eye",
        ("V",),
        webknossos=("3",),
        itksnap=("S",),
        needs="labels",
    ),
    ActionRow(
        "selected_only",
        "Show selected only",
        "View",
        "Show the selected objects of the active label layer alone, or all of them again.",
        "selection",
        ("Shift+V",),
        needs="labels",
    ),
    ActionRow(
        "contour",
        "Fill, outline or both",
        "View",
        "Show the objects of the active label layer in the next of these three ways.",
        "circle",
        needs="labels",
        ends_group=True,
    ),
    ActionRow("view_all", "Four views", "View", "Show xy, yz, xz and 3D.", "columns", ("Alt+0",), needs="volume"),
    ActionRow("view_xy", "Only xy", "View", "Maximise the xy view.", keys=("Alt+1",), needs="volume"),
    ActionRow("view_xz", "Only xz", "View", "Maximise the xz view.", keys=("Alt+2",), needs="volume"),
    ActionRow("view_yz", "Only yz", "View", "Maximise the yz view.", keys=("Alt+3",), needs="volume"),
    ActionRow(
        "view_3d", "Only 3D", "View", "Maximise the 3D view.", "cube", ("Alt+4",), needs="volume", ends_group=True
    ),
    ActionRow(
        "tool_cursor",
        "Cursor",
        "View",
        "Click moves the crosshair and picks the object there.",
        "cursor",
        ("6",),
        webknossos=("Ctrl+K, M",),
        itksnap=("1",),
        needs="volume",
    ),
    ActionRow(
        "tool_hand",
        "Hand",
        "View",
        "Drag moves the picture; the middle button does so with every tool.",
        "hand",
        itksnap=("2",),
        needs="volume",
    ),
    ActionRow(
        "tool_box",
        "Box",
        "View",
        "Draw a box: a region to segment, or the smallest object to keep.",
        "bounding-box",
        needs="volume",
        ends_group=True,
    ),
    ActionRow("theme_dark", "Dark", "View", "Dark colours.", "moon", checkable=True),
    ActionRow("theme_light", "Light", "View", "Light colours.", "sun", checkable=True, ends_group=True),
    *(
        ActionRow(
            f"scale_{percent}",
            f"Size {percent} %",
            "View",
            f"Draw everything at {percent} % when the program is started again.",
            checkable=True,
        )
        for percent in SCALES
    ),
    ActionRow(
        "layer_rename",
        "Rename layer…",
        "Layer",
        "Give the active layer another name.",
        "pencil-simple",
        ("F2",),
        needs="volume",
    ),
    ActionRow(
        "layer_duplicate", "Duplicate layer", "Layer", "Make a copy of the active layer.", "copy", needs="volume"
    ),
    ActionRow(
        "layer_use_as",
        "Use as labels, or as an image",
        "Layer",
        "Show an image's values as ids of objects, or a file of labels as grey values.",
        "palette",
        needs="volume",
    ),
    ActionRow(
        "layer_delete",
        "Delete layer",
        "Layer",
        "Take the active layer out; Undo brings it back.",
        "trash",
        needs="volume",
    ),
    ActionRow(
        "layer_up",
        "Layer up",
        "Layer",
        "Draw the active layer over the one above.",
        "arrow-up",
        ("Ctrl+PgUp",),
        needs="volume",
    ),
    ActionRow(
        "layer_down",
        "Layer down",
        "Layer",
        "Draw the active layer under the one below.",
        "arrow-down",
        ("Ctrl+PgDown",),
        needs="volume",
        ends_group=True,
    ),
    ActionRow(
        "colours_shuffle", "Shuffle colours", "Layer", "Give the objects other colours.", "shuffle", needs="labels"
    ),
    ActionRow(
        "contrast_auto",
        "Automatic contrast",
        "Layer",
        "Stretch the image's contrast to its histogram.",
        "sliders-horizontal",
        needs="volume",
    ),
    ActionRow(
        "panel_plane",
        "Segment a plane",
        "Segment",
        "Tune on the plane of the active view, live.",
        "magic-wand",
        ("Ctrl+1",),
        needs="volume",
    ),
    ActionRow(
        "panel_volume",
        "Segment a volume",
        "Segment",
        "Set up and start segmenting in 3D.",
        "magic-wand",
        ("Ctrl+2",),
        needs="volume",
        ends_group=True,
    ),
    ActionRow(
        "scale_finder",
        "Scale finder",
        "Segment",
        "The plane at four scales, side by side.",
        "columns",
        needs="volume",
    ),
    ActionRow(
        "plane_finder",
        "Plane finder",
        "Segment",
        "xy, xz and yz through the crosshair, side by side.",
        "stack",
        needs="volume",
    ),
    ActionRow(
        "box_hint",
        "Smallest object from a box",
        "Segment",
        "Draw a box; min size and min extent follow.",
        "bounding-box",
        needs="volume",
    ),
    ActionRow(
        "fuse_anew",
        "Fuse anew",
        "Segment",
        "Other votes, sizes or erosion for a finished volume, without the network.",
        "intersect",
        needs="labels",
    ),
    *ROOM_ROWS,
    ActionRow("jobs_list", "List of jobs", "Window", "Jobs with their logs.", "list-bullets", checkable=True),
    ActionRow("dock_layers", "Layers", "Window", "Show or hide the layers.", checkable=True, needs="volume"),
    ActionRow(
        "dock_form", "Task form", "Window", "Show or hide the form.", checkable=True, needs="volume", ends_group=True
    ),
    ActionRow("reset_window", "Reset", "Window", "Put every part of the window back.", "arrow-counter-clockwise"),
    ActionRow("keys_help", "Keys", "Help", "The list of keys.", "keyboard", ("F1",)),
    ActionRow(
        "figures_help",
        "What the figures mean",
        "Help",
        "How volume, surface, lengths and the rest are measured, and in which unit.",
        "ruler",
    ),
    ActionRow("open_log", "Open the log folder", "Help", "Where the program writes what happened.", "terminal"),
    ActionRow("about", "About empanada", "Help", "Version, licences, credits.", "info"),
)
ROW_BY_ID = {row.id: row for row in ROWS}


class Actions(QObject):
    """The QActions of the table, their keys, and when they are enabled."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.preset = "napari"
        self.custom: dict[str, Keys] = {}
        self._room = ""
        self._by_id = {row.id: self._make(row, window) for row in ROWS}
        self.use_keys(self.preset, self.custom)

    def __getitem__(self, name: str) -> QAction:
        return self._by_id[name]

    def connect_all(self, deeds: Mapping[str, Callable[[], object]]) -> None:
        """Connect every row to its deed; KeyError when one of them has none."""
        for name, action in self._by_id.items():
            action.triggered.connect(_without_argument(deeds[name]))

    def use_keys(self, preset: str, custom: Mapping[str, Keys]) -> None:
        """Take the keys of a preset, changed where the user chose others."""
        self.preset, self.custom = preset, dict(custom)
        self._give_keys()
        for row in ROWS:
            keys = self.keys_of(row.id)
            name = row.title.rstrip("…")
            shown = QKeySequence(keys[0]).toString(QKeySequence.SequenceFormat.NativeText) if keys else ""
            self._by_id[row.id].setToolTip(f"{name} ({shown})\n{row.tip}" if shown else f"{name}\n{row.tip}")

    def _give_keys(self) -> None:
        """In a room its own rows have their keys; whoever shares one with them has it in the other rooms."""
        taken = {key for row in ROWS if self._room in row.only_in for key in self.keys_of(row.id)}
        for row in ROWS:
            keys = [key for key in self.keys_of(row.id) if row.only_in or key not in taken]
            self._by_id[row.id].setShortcuts([QKeySequence(key) for key in keys])

    def keys_of(self, name: str) -> Keys:
        """The keys of a row as they are now."""
        return self.custom.get(name, ROW_BY_ID[name].keys_of(self.preset))

    def enable(self, there: Mapping[str, bool], room: str = "") -> None:
        """Enable what can work now; `there` says of each need whether it is met, `room` which room is shown."""
        if room != self._room:
            self._room = room
            self._give_keys()
        for row in ROWS:
            if row.needs or row.only_in:
                is_met = not row.needs or there.get(row.needs, False)
                self._by_id[row.id].setEnabled(is_met and (not row.only_in or room in row.only_in))

    def show_rooms(self, menus: Mapping[str, QMenu], names: Sequence[str]) -> None:
        """Hide what belongs to rooms that are not part of this program, and their menus."""
        for row in ROWS:
            self._by_id[row.id].setVisible(not row.room or row.room in names)
        for menu in menus.values():
            menu.menuAction().setVisible(any(action.isVisible() for action in menu.actions()))

    def fill_menus(self, bar: QMenuBar) -> dict[str, QMenu]:
        """Make the menus of the table."""
        menus = {name: bar.addMenu(name) for name in MENUS}
        for row in ROWS:
            menus[row.menu].addAction(self._by_id[row.id])
            if row.ends_group:
                menus[row.menu].addSeparator()
        return menus

    def _make(self, row: ActionRow, window: QWidget) -> QAction:
        action = QAction(row.title, window)
        action.setCheckable(row.checkable)
        action.setStatusTip(row.tip)
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.setMenuRole(QAction.MenuRole.NoRole)
        if row.icon:
            show_icon(action, row.icon)
        window.addAction(action)
        return action


def _without_argument(deed: Callable[[], object]) -> Callable[[], None]:
    """Drop the "checked" that Qt hands over."""

    def call() -> None:
        deed()

    return call


def conflicts(keys: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Find keys that several actions have where both answer to them: key -> ids."""
    users: dict[str, list[str]] = {}
    for name, own in keys.items():
        for key in own:
            users.setdefault(QKeySequence(key).toString(), []).append(name)
    return {key: names for key, names in users.items() if any(meet(*pair) for pair in combinations(names, 2))}


def meet(one: str, other: str) -> bool:
    """Whether there is a room in which both rows have their keys: in a room its own rows go first."""
    rooms, others = ROW_BY_ID[one].only_in, ROW_BY_ID[other].only_in
    return bool(set(rooms) & set(others)) if rooms and others else not rooms and not others
