"""The rooms of the window: a tab swaps what lies in the docks, below and above the views; all that is open stays.

A room is made by `make_room(workspace) -> Room` in the module that its row of TABS names, when it is first chosen.
"""

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from empanada_desktop.gui.controls import Column

if TYPE_CHECKING:
    from empanada_desktop.gui.viewer.canvas_tool import CanvasTool
    from empanada_desktop.gui.workspace import Workspace


@dataclass(frozen=True, eq=False)
class Room:
    """What a tab shows: docks (None on the left: the layers), a part below the views, a banner above them.

    `tools`: what `ViewGrid.set_canvas_tool` takes, by the names of shell.TOOLS. `deeds`: what the rows of the actions
    table do whose `room` this is. `left_title` and `left_icon` are for the tab on the side of a narrow window.
    """

    name: str
    left: QWidget | None = None
    left_header: QWidget | None = None
    left_title: str = "Layers"
    left_icon: str = "stack"
    right: QWidget | None = None
    right_header: QWidget | None = None
    bottom: QWidget | None = None
    banner: QWidget | None = None
    tools: Mapping[str, "CanvasTool"] = field(default_factory=dict)
    deeds: Mapping[str, Callable[[], object]] = field(default_factory=dict)


@dataclass(frozen=True)
class Tab:
    """A tab of the toolbar; `maker` is the module with the room's make_room, "" where the workspace makes it."""

    name: str
    title: str
    icon: str
    tip: str
    maker: str = ""


TABS = (
    Tab("view", "View", "eye", "Look at the volume, with the layers and without a form."),
    Tab("segment", "Segment", "magic-wand", "Find objects in a plane or in the volume."),
    Tab(
        "annotate",
        "Annotate",
        "paint-brush",
        "Paint labels in any plane.",
        "empanada_desktop.gui.annotate.room",
    ),
    Tab(
        "proofread",
        "Proofread",
        "list-bullets",
        "Go through the objects: merge, split, delete, accept.",
        "empanada_desktop.gui.proofread.room",
    ),
    Tab(
        "measure",
        "Measure",
        "ruler",
        "Sizes, shapes and grey values of the objects; scores.",
        "empanada_desktop.gui.objects.room",
    ),
)


def is_there(maker: str) -> bool:
    """Whether a room's module is part of this program; it is not loaded."""
    try:
        return not maker or importlib.util.find_spec(maker) is not None
    except ModuleNotFoundError:  # not even its package
        return False


def tabs_there() -> tuple[Tab, ...]:
    """The tabs whose rooms are part of this program."""
    return tuple(tab for tab in TABS if is_there(tab.maker))


class Pages(QWidget):
    """Widgets of which one shows at a time; unlike in a QStackedWidget the others ask for no room."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.shown: QWidget | None = None
        self._pages: list[QWidget] = []
        self._least = 0
        self._layout = Column()
        self.setLayout(self._layout)

    def add_page(self, page: QWidget | None) -> None:
        """Take a widget in without showing it."""
        if page is not None and page not in self._pages:
            page.hide()
            self._pages.append(page)
            self._layout.addWidget(page)

    def show_page(self, page: QWidget | None) -> None:
        """Show a widget, which stays here, or nothing."""
        self.add_page(page)
        self.shown = page
        for other in self._pages:
            other.setVisible(other is page)
        self._keep_least()

    def set_least(self, width: int) -> None:
        """Let no page be narrower than this, nor ask for more."""
        self._least = width
        self._keep_least()

    def _keep_least(self) -> None:
        if self._least and self.shown is not None:
            self.shown.setMinimumWidth(self._least)
            self._layout.activate()  # the dock around it is made narrower right after


class Rooms(QObject):
    """Makes the rooms when they are first chosen; `made` carries a new Room, `entered` the name of one."""

    made = Signal(object)
    entered = Signal(str)

    def __init__(self, workspace: "Workspace", made: Mapping[str, Room]) -> None:
        super().__init__(workspace)
        self._workspace = workspace
        self._made = dict(made)
        self.current = "view"

    def __getitem__(self, name: str) -> Room:
        """A room, made now if it is not yet; KeyError when there is none of this name."""
        if name not in self._made:
            maker = next((tab.maker for tab in TABS if tab.name == name and tab.maker), None)
            if maker is None or not is_there(maker):
                raise KeyError(name)
            room: Room = importlib.import_module(maker).make_room(self._workspace)
            self._made[name] = room
            self.made.emit(room)
        return self._made[name]

    def is_made(self, name: str) -> bool:
        """Whether a room was chosen before."""
        return name in self._made
