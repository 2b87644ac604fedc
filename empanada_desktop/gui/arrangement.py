"""How the window fits its width: narrow, the left dock opens on demand, the form is narrower, one view shows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QRect, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QToolBar, QToolButton

from empanada_desktop.gui.icons import pixmap
from empanada_desktop.gui.theme import theme

if TYPE_CHECKING:
    from empanada_desktop.gui.main_window import MainWindow
    from empanada_desktop.gui.workspace import Workspace

LEFT_STAYS_FROM, WIDE_FORM_FROM, FOUR_VIEWS_FROM = 1440, 1280, 1100
WIDE_FORM, NARROW_FORM = 376, 320
TABS_WIDTH, TAB_LENGTH = 40, 96
# Menu bar, toolbar, jobs strip and status bar.
CHROME, LOW = 136, 480


@dataclass(frozen=True)
class Space:
    """What a window of some width has room for (pixels at 100 %)."""

    left_stays: bool
    is_wide: bool
    has_four_views: bool

    @classmethod
    def of(cls, width: int) -> "Space":
        """The room in a window of a width."""
        return cls(width >= LEFT_STAYS_FROM, width >= WIDE_FORM_FROM, width >= FOUR_VIEWS_FROM)


class Arrangement(QObject):
    """Gives the parts of the window their room, and gives it back when the window grows again."""

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window = window
        self.tabs = SideTabs()
        self.tabs.toggled.connect(self.toggle_left)
        self._room = Space(True, True, True)
        self._wide_form = WIDE_FORM
        self._is_shown = False
        self._widths: dict[tuple[str, str], int] = {}
        self.wants_left = True
        """Whether the layers are to be seen where there is room for them."""
        self._is_open = False

    @property
    def _workspace(self) -> "Workspace | None":
        return self._window.workspace

    def fit(self, width: int) -> None:
        """Take the room that a window of this width has, and of the height that it has now."""
        before, self._room = self._room, Space.of(width)
        self._window.top.fit(width, wants_icon=not self._room.is_wide)
        self._window.status.set_short(not self._room.is_wide)
        if self._workspace is None:
            return
        if before.left_stays != self._room.left_stays:
            self._is_open = False
        if before.is_wide != self._room.is_wide:
            self._fit_form(self._workspace)
        self._workspace.grid.set_narrow(not self._room.has_four_views)
        self._show_left()

    def take_workspace(self) -> None:
        """The docks have been made: give them their room."""
        self._room = Space(True, True, True)
        self.fit(self._window.width())

    def show(self, is_shown: bool) -> None:
        """Show the docks, or none of them on the start page."""
        self._is_shown = is_shown
        if self._workspace is not None:
            self._show_right(self._workspace)
        self._show_left()

    def show_room(self, name: str) -> None:
        """Swap what the docks hold; each side of a room comes back as wide as it was."""
        workspace = self._workspace
        if workspace is None:
            return
        docks = {"left": workspace.left_dock, "right": workspace.right_dock}
        self._widths |= {
            (workspace.rooms.current, side): dock.width() for side, dock in docks.items() if dock.isVisible()
        }
        workspace.show_room(name)
        room = workspace.rooms[name]
        self.tabs.set_title(room.left_title, room.left_icon)
        self._window.actions_table["dock_layers"].setText(room.left_title)
        self._show_right(workspace)
        self._show_left()
        for side, dock in docks.items():
            page = workspace.left.shown if side == "left" else workspace.right.shown
            if page is not None and dock.isVisible() and not dock.isFloating():
                width = self._widths.get((name, side), page.minimumWidth())
                self._window.resizeDocks([dock], [width], Qt.Orientation.Horizontal)

    def _show_right(self, workspace: "Workspace") -> None:
        workspace.right_dock.setVisible(self._is_shown and workspace.right.shown is not None)

    def toggle_left(self) -> None:
        """Open or close the left dock."""
        if self._room.left_stays:
            self.wants_left = not self.wants_left
        else:
            self._is_open = not self._is_open
        self._show_left()

    def reset(self) -> None:
        """Everything where it belongs."""
        self.wants_left, self._is_open, self._wide_form = True, False, WIDE_FORM
        self._show_left()
        if self._workspace is not None:
            self._fit_form(self._workspace)

    def _show_left(self) -> None:
        # A dock that floats takes no room in the window.
        dock = None if self._workspace is None else self._workspace.left_dock
        is_bar = self._is_shown and not self._room.left_stays and dock is not None and not dock.isFloating()
        is_open = self._is_open if is_bar else self.wants_left
        self.tabs.setVisible(is_bar)
        self.tabs.set_open(is_open)
        if dock is not None:
            dock.setVisible(self._is_shown and is_open)
        height = self._window.height() - CHROME
        self.tabs.button.set_short(height < LOW)
        room = "" if self._workspace is None else self._workspace.rooms.current
        self._window.tools.fit(height - (self.tabs.button.sizeHint().height() + 18 if is_bar else 0), room)

    def _fit_form(self, workspace: "Workspace") -> None:
        dock = workspace.right_dock
        if not self._room.is_wide and dock.width() >= WIDE_FORM:
            self._wide_form = dock.width()
        least, wanted = (WIDE_FORM, self._wide_form) if self._room.is_wide else (NARROW_FORM, NARROW_FORM)
        workspace.right.set_least(least)
        self._window.resizeDocks([dock], [wanted], Qt.Orientation.Horizontal)


class SideTabs(QToolBar):
    """The left dock's name on its side, where there is no room for the dock itself; `toggled` opens or closes it."""

    toggled = Signal()

    def __init__(self) -> None:
        super().__init__("Left dock")
        self.setObjectName("side")
        self.setMovable(False)
        self.setOrientation(Qt.Orientation.Vertical)
        self.setFixedWidth(TABS_WIDTH)
        self.button = SideTab("Layers", "stack")
        self.button.clicked.connect(self.toggled)
        self.addWidget(self.button)
        self.hide()

    def set_title(self, title: str, icon: str) -> None:
        """Say what is in the dock now."""
        self.button.show_title(title, icon)

    def set_open(self, is_open: bool) -> None:
        """Show whether the dock is open."""
        self.button.setChecked(is_open)


class SideTab(QToolButton):
    """A tab that is read from bottom to top."""

    def __init__(self, title: str, icon: str) -> None:
        super().__init__()
        self._is_short = False
        self.show_title(title, icon)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        theme.changed.connect(self.update)

    def show_title(self, title: str, icon: str) -> None:
        """Take another text and icon."""
        self._icon = icon
        self.setText(title)
        self.setToolTip(f"{title}\nOpen or close the dock.")
        self.setAccessibleName(title)
        self.update()

    def set_short(self, is_short: bool) -> None:
        """Show the icon alone, where the window is low."""
        if is_short != self._is_short:
            self._is_short = is_short
            self.updateGeometry()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Narrow and as long as its text."""
        if self._is_short:
            return QSize(TABS_WIDTH - 2, TABS_WIDTH - 2)
        return QSize(TABS_WIDTH - 2, max(TAB_LENGTH, self.fontMetrics().horizontalAdvance(self.text()) + 44))

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw icon and text turned to the left, with the accent at the edge of an open tab."""
        painter = QPainter(self)
        is_open, is_lit = self.isChecked(), self.underMouse() or self.hasFocus()
        if is_open or is_lit:
            painter.fillRect(self.rect(), theme.colour("tint" if is_open else "hover"))
        if self.hasFocus():
            painter.setPen(theme.colour("accent"))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        token = "tint_text" if is_open else "second"
        painter.setPen(theme.colour(token))
        painter.translate(0, self.height())
        painter.rotate(-90)
        line = QRect(12, 0, self.height() - 20, self.width())
        middle = (self.width() - 16) // 2
        painter.drawPixmap(line.left(), middle, pixmap(self._icon, theme.colour(token), 16))
        if not self._is_short:
            painter.drawText(line.adjusted(24, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self.text())
        painter.end()

    def event(self, event: QEvent) -> bool:
        """Light up under the mouse."""
        if event.type() in (QEvent.Type.Enter, QEvent.Type.Leave):
            self.update()
        return super().event(event)
