"""The actions of the window's table of deeds: menus, toolbar, keys and the command palette come from it."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from empanada_desktop.gui.action_rows import MENUS, PRESETS, SCALES, ActionRow, Keys
from empanada_desktop.gui.icons import show_icon
from empanada_desktop.gui.window_rows import ROW_BY_ID, ROWS

__all__ = ["MENUS", "PRESETS", "ROWS", "ROW_BY_ID", "SCALES", "ActionRow", "Actions", "Keys", "conflicts"]


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
