"""The frame of the window without anything open: menu, toolbar, tools column, strips, docks and the central place."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QButtonGroup,
    QDockWidget,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QPushButton,
    QSizePolicy,
    QToolBar,
    QToolButton,
    QWidget,
)

from empanada_desktop.gui.actions import ROW_BY_ID, SCALES, Actions
from empanada_desktop.gui.controls import Column, IconLabel, Row, text_label
from empanada_desktop.gui.icons import show_icon
from empanada_desktop.gui.rooms import Tab, tabs_there

TOOLBAR_HEIGHT, TOOLS_WIDTH, LEFT_WIDTH, RIGHT_WIDTH = 44, 40, 262, 376
SEARCH_WIDTH, SEARCH_LEAST_WIDTH, SEARCH_ICON_WIDTH, TOOLBAR_EDGES, SPACE = 268, 160, 40, 24, 2
TOOL_SIDE, LEAST_TOOL_SIDE, TOOLS_SPACE, TOOLS_EDGES, SEPARATOR = 32, 20, 4, 12, 17


@dataclass(frozen=True)
class ToolRow:
    """A tool of the column; its title, tip, icon and keys are those of the action `tool_<name>`.

    `rooms`: where it is at home; chosen elsewhere, it opens the first of them. None: it is at home everywhere.
    """

    name: str
    rooms: tuple[str, ...] = ()
    ends_group: bool = False


PAINTING = ("annotate", "proofread")
TOOLS = (
    ToolRow("cursor"),
    ToolRow("hand", ends_group=True),
    ToolRow("brush", PAINTING),
    ToolRow("eraser", PAINTING),
    ToolRow("fill", PAINTING),
    ToolRow("pick", PAINTING),
    ToolRow("polygon", PAINTING),
    ToolRow("smart", PAINTING, ends_group=True),
    ToolRow("merge", ("proofread",)),
    ToolRow("split", ("proofread",)),
    ToolRow("morph", ("proofread",), ends_group=True),
    ToolRow("box"),
    ToolRow("points", ("annotate", "proofread", "measure")),
    ToolRow("shapes", ("annotate", "proofread", "measure")),
)
TOOL_BY_NAME = {tool.name: tool for tool in TOOLS}


def is_at_home(tool: str, room: str) -> bool:
    """Whether a tool can be used in a room."""
    rooms = TOOL_BY_NAME[tool].rooms
    return not rooms or room in rooms


def tools_there(tabs: Sequence[Tab]) -> tuple[ToolRow, ...]:
    """The tools that have a room."""
    names = {tab.name for tab in tabs}
    return tuple(tool for tool in TOOLS if not tool.rooms or tool.rooms[0] in names)


class TopBar(QToolBar):
    """Open, save, undo, the workspace tabs, search, device."""

    tab_chosen = Signal(str)

    def __init__(self, actions: Actions) -> None:
        super().__init__("Toolbar")
        self.setObjectName("top")
        self.setMovable(False)
        self.setFixedHeight(TOOLBAR_HEIGHT)
        self.setIconSize(QSize(18, 18))
        self.layout().setContentsMargins(6, 0, 6, 0)  # type: ignore[union-attr]
        self._add_deeds(actions)
        self.tabs = tabs_there()
        self._shows_words = True
        self._tabs = QButtonGroup(self)
        for number, tab in enumerate(self.tabs):
            self.addWidget(self._tab(number, tab))
        self._tabs.idClicked.connect(lambda number: self.tab_chosen.emit(self.tabs[number].name))
        self._stretch = QWidget()
        self._stretch.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addWidget(self._stretch)
        self.search = _search_button(actions)
        self.addWidget(self.search)
        self.addSeparator()
        self.device = text_label("", "chip")
        self.device.setFixedHeight(28)
        self.device.setToolTip("What the network runs on.")
        self._device_place = self.addWidget(self.device)
        self.addWidget(_settings_button(actions))

    def set_tab(self, name: str) -> None:
        """Show which tab is on."""
        self.tab_button(name).setChecked(True)
        self._show_words()

    def tab_button(self, name: str) -> QToolButton:
        """The button of a tab."""
        button = self._tabs.button([tab.name for tab in self.tabs].index(name))
        if not isinstance(button, QToolButton):
            raise KeyError(name)
        return button

    def fit(self, width: int, wants_icon: bool) -> None:
        """Give the search the room that is left; where there is none, tabs lose their words, then the device goes."""
        self._device_place.setVisible(True)
        room = self._room(width, shows_words=True)
        if room < SEARCH_ICON_WIDTH:
            room = self._room(width, shows_words=False)
        self._device_place.setVisible(room >= SEARCH_ICON_WIDTH)
        is_icon = wants_icon or room < SEARCH_LEAST_WIDTH
        self.search.setFixedWidth(SEARCH_ICON_WIDTH if is_icon else min(room, SEARCH_WIDTH))
        for number, words in enumerate(self.search.findChildren(QLabel, "words")):
            words.setVisible(not is_icon and (number == 0 or room >= SEARCH_WIDTH))

    def _room(self, width: int, shows_words: bool) -> int:
        """How much of a width is left beside everything but the search and the stretch."""
        self._shows_words = shows_words
        self._show_words()
        kept = [self.widgetForAction(action) for action in self.actions()]
        widths = [one.sizeHint().width() + SPACE for one in kept if one not in (None, self.search, self._stretch)]
        return width - int(sum(widths)) - TOOLBAR_EDGES

    def set_tabs_enabled(self, is_enabled: bool) -> None:
        """Tabs work on something that is open."""
        for button in self._tabs.buttons():
            button.setEnabled(is_enabled)

    def _add_deeds(self, actions: Actions) -> None:
        self.addAction(actions["open_file"])
        opener = self.widgetForAction(actions["open_file"])
        if isinstance(opener, QToolButton):
            opener.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            actions["open_file"].setIconText(" Open")
        for name in ("save_labels", "save_picture"):
            self.addAction(actions[name])
        self.addSeparator()
        self.addAction(actions["undo"])
        self.addAction(actions["redo"])
        self.addSeparator()

    def _show_words(self) -> None:
        style = Qt.ToolButtonStyle
        for button in self._tabs.buttons():
            if isinstance(button, QToolButton):
                both = self._shows_words or button.isChecked()
                button.setToolButtonStyle(style.ToolButtonTextBesideIcon if both else style.ToolButtonIconOnly)

    def _tab(self, number: int, tab: Tab) -> QToolButton:
        button = QToolButton()
        button.setProperty("role", "tab")
        button.setText(f" {tab.title}")
        button.setAccessibleName(tab.title)
        button.setToolTip(f"{tab.title}\n{tab.tip}")
        button.setCheckable(True)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setFixedHeight(TOOLBAR_HEIGHT - 2)
        show_icon(button, tab.icon, "second", "text")
        self._tabs.addButton(button, number)
        return button


def _search_button(actions: Actions) -> QPushButton:
    button = QPushButton()
    button.setToolTip(actions["palette"].toolTip())
    button.setAccessibleName("Find an action")
    button.setFixedWidth(SEARCH_WIDTH)
    words, key = text_label("Find an action", "second"), text_label("Ctrl+Shift+P", "second")
    line: QHBoxLayout = Row(IconLabel("magnifying-glass"), words, 1, key, spacing=8)
    line.setContentsMargins(10, 0, 10, 0)
    button.setLayout(line)
    for label in (words, key):
        label.setObjectName("words")
        label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    button.clicked.connect(actions["palette"].trigger)
    return button


def _settings_button(actions: Actions) -> QToolButton:
    button = QToolButton()
    button.setToolTip("Settings\nColours, size and keys.")
    button.setAccessibleName("Settings")
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    show_icon(button, "gear")
    for name in ("theme_dark", "theme_light", *(f"scale_{percent}" for percent in SCALES), "keys", "reset_window"):
        button.addAction(actions[name])
    return button


class ToolsColumn(QToolBar):
    """What the left mouse button does in the views; `chosen` carries the name of a tool."""

    chosen = Signal(str)

    def __init__(self, actions: Actions, tools: Sequence[ToolRow]) -> None:
        super().__init__("Tools")
        self.setObjectName("tools")
        self.setMovable(False)
        self.setOrientation(Qt.Orientation.Vertical)
        self.setFixedWidth(TOOLS_WIDTH)
        self._group = QButtonGroup(self)
        self._names = [tool.name for tool in tools]
        for number, tool in enumerate(tools):
            self.addWidget(self._button(number, actions[f"tool_{tool.name}"]))
            if tool.ends_group and number + 1 < len(tools):
                self.addSeparator()
        self._group.button(0).setChecked(True)
        self._group.idClicked.connect(lambda number: self.chosen.emit(self._names[number]))

    def _button(self, number: int, action: QAction) -> QToolButton:
        button = QToolButton()
        button.setCheckable(True)
        button.setAccessibleName(action.text())
        button.setFixedSize(TOOL_SIDE, TOOL_SIDE)
        button.setIconSize(QSize(16, 16))
        show_icon(button, ROW_BY_ID[f"tool_{self._names[number]}"].icon, "second", "tint_text")
        button.setToolTip(action.toolTip())
        action.changed.connect(lambda: button.setToolTip(action.toolTip()))
        self._group.addButton(button, number)
        return button

    def fit(self, height: int, room: str) -> None:
        """Make the buttons smaller where a height asks for it; where that does not do, only those of a room show."""
        separators = sum(action.isSeparator() for action in self.actions())
        free = height - separators * SEPARATOR - TOOLS_EDGES
        at_home = [is_at_home(name, room) or not room for name in self._names]
        is_low = free < len(self._names) * (LEAST_TOOL_SIDE + TOOLS_SPACE)
        shown = [home or not is_low for home in at_home]
        side = min(TOOL_SIDE, max(LEAST_TOOL_SIDE, free // sum(shown) - TOOLS_SPACE))
        buttons = [action for action in self.actions() if not action.isSeparator()]
        for number, action in enumerate(buttons):
            action.setVisible(shown[number])
            self._group.button(number).setFixedSize(TOOL_SIDE, side)

    @property
    def current(self) -> str:
        """The tool that is on."""
        return self._names[self._group.checkedId()]

    def show_tool(self, name: str) -> None:
        """Show which tool is on."""
        self._group.button(self._names.index(name)).setChecked(True)

    def choose(self, name: str) -> None:
        """Choose a tool and tell of it."""
        self.show_tool(name)
        self.chosen.emit(name)


def make_dock(
    window: QMainWindow, name: str, header: QWidget, content: QWidget, area: Qt.DockWidgetArea
) -> QDockWidget:
    """A dock that floats and moves by its header."""
    dock = QDockWidget(name.capitalize(), window)
    dock.setObjectName(name)
    dock.setTitleBarWidget(header)
    dock.setWidget(content)
    window.addDockWidget(area, dock)
    return dock


def dock_header(title: str, buttons: Sequence[QWidget] = ()) -> QWidget:
    """The line over a dock's content; it can be dragged like any title."""
    holder = QWidget()
    holder.setProperty("role", "panel")
    line = Row(text_label(title, "strong"), 1, *buttons, spacing=2)
    line.setContentsMargins(12, 5, 6, 5)
    holder.setLayout(Column(line))
    holder.setFixedHeight(35)
    return holder
