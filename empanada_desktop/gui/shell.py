"""The frame of the window without anything open: menu, toolbar, tools column, strips, docks and the central place."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
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

from empanada_desktop.gui.actions import Actions
from empanada_desktop.gui.controls import Column, IconLabel, Row, text_label
from empanada_desktop.gui.icons import show_icon

TOOLBAR_HEIGHT, TOOLS_WIDTH, LEFT_WIDTH, RIGHT_WIDTH = 44, 40, 262, 376
SEARCH_WIDTH, SEARCH_ICON_WIDTH = 268, 40
TABS = (
    ("view", "View", "eye", "Look at the volume, with the layers and without a form."),
    ("segment", "Segment", "magic-wand", "Find objects in a plane or in the volume."),
)
TOOLS = (
    ("cursor", "cursor", "Cursor\nClick moves the crosshair and picks the object there."),
    ("hand", "hand", "Hand\nDrag moves the picture. The middle button does so with every tool."),
    ("box", "bounding-box", "Box\nDraw a box: a region to segment, or the smallest object to keep."),
)


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
        self._tabs = QButtonGroup(self)
        for number, (_, title, name, tip) in enumerate(TABS):
            self.addWidget(self._tab(number, title, name, tip))
        self._tabs.idClicked.connect(lambda number: self.tab_chosen.emit(TABS[number][0]))
        stretch = QWidget()
        stretch.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addWidget(stretch)
        self.search = _search_button(actions)
        self.addWidget(self.search)
        self.addSeparator()
        self.device = text_label("", "chip")
        self.device.setFixedHeight(28)
        self.device.setToolTip("What the network runs on.")
        self.addWidget(self.device)
        self.addWidget(_settings_button(actions))

    def set_tab(self, name: str) -> None:
        """Show which tab is on."""
        self._tabs.button([tab[0] for tab in TABS].index(name)).setChecked(True)

    def tab_button(self, name: str) -> QToolButton:
        """The button of a tab."""
        button = self._tabs.button([tab[0] for tab in TABS].index(name))
        if not isinstance(button, QToolButton):
            raise KeyError(name)
        return button

    def set_narrow(self, is_narrow: bool) -> None:
        """In a narrow window the search is an icon."""
        self.search.setFixedWidth(SEARCH_ICON_WIDTH if is_narrow else SEARCH_WIDTH)
        for words in self.search.findChildren(QLabel, "words"):
            words.setVisible(not is_narrow)

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

    def _tab(self, number: int, title: str, name: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setProperty("role", "tab")
        button.setText(f" {title}")
        button.setToolTip(tip)
        button.setCheckable(True)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setFixedHeight(TOOLBAR_HEIGHT - 2)
        show_icon(button, name, "second", "text")
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
    button.setToolTip("Settings\nColours and keys.")
    button.setAccessibleName("Settings")
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    show_icon(button, "gear")
    for name in ("theme_dark", "theme_light", "keys", "reset_window"):
        button.addAction(actions[name])
    return button


class ToolsColumn(QToolBar):
    """What the left mouse button does in the views."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__("Tools")
        self.setObjectName("tools")
        self.setMovable(False)
        self.setOrientation(Qt.Orientation.Vertical)
        self.setFixedWidth(TOOLS_WIDTH)
        self._group = QButtonGroup(self)
        for number, (_, name, tip) in enumerate(TOOLS):
            button = QToolButton()
            button.setCheckable(True)
            button.setToolTip(tip)
            button.setAccessibleName(tip.partition("\n")[0])
            button.setFixedSize(32, 32)
            button.setIconSize(QSize(16, 16))
            show_icon(button, name, "second", "tint_text")
            self._group.addButton(button, number)
            self.addWidget(button)
        self._group.button(0).setChecked(True)
        self._group.idClicked.connect(lambda number: self.chosen.emit(TOOLS[number][0]))

    def choose(self, name: str) -> None:
        """Choose a tool and tell of it."""
        self._group.button([tool[0] for tool in TOOLS].index(name)).setChecked(True)
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
