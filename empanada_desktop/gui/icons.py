"""Icons by name, drawn from qtawesome's Phosphor font in the colours of the theme that is on."""

import functools
import importlib.util
import json
import weakref
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QPainter, QPixmap

from empanada_desktop.gui.theme import theme

SIZES = (16, 18, 24, 32)
FONT_FILE, NAMES_FILE = "phosphor-1.3.0.ttf", "phosphor-charmap-1.3.0.json"


class HasIcon(Protocol):
    """A button or an action."""

    def setIcon(self, icon: QIcon) -> None:  # noqa: N802 - Qt's name
        """Show the icon."""


@functools.cache
def _font() -> tuple[str, dict[str, str]]:
    """The family of the icon font and its characters by name; qtawesome itself, slow to import, is not loaded."""
    found = importlib.util.find_spec("qtawesome")
    if found is None or found.origin is None:
        return "", {}
    folder = Path(found.origin).parent / "fonts"
    number = QFontDatabase.addApplicationFont(str(folder / FONT_FILE))
    families = QFontDatabase.applicationFontFamilies(number)
    return (families[0] if families else ""), json.loads((folder / NAMES_FILE).read_text(encoding="utf-8"))


def pixmap(name: str, colour: QColor, size: int, ratio: float = 2.0) -> QPixmap:
    """Draw an icon of `size` logical pixels."""
    family, names = _font()
    picture = QPixmap(round(size * ratio), round(size * ratio))
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
    font = QFont(family)
    font.setPixelSize(size)
    painter.setFont(font)
    painter.setPen(colour)
    painter.drawText(QRect(0, 0, size, size), Qt.AlignmentFlag.AlignCenter, chr(int(names.get(name, "0"), 16)))
    painter.end()
    return picture


def icon(name: str, token: str = "text", checked: str | None = None) -> QIcon:
    """Make an icon in a colour of the theme, with its disabled look; `checked` names the colour when it is on."""
    return _icon(name, theme.tokens.name, token, checked)


@functools.lru_cache(maxsize=512)
def _icon(name: str, _theme_name: str, token: str, checked: str | None) -> QIcon:
    made = QIcon()
    for size in SIZES:
        made.addPixmap(pixmap(name, theme.colour(token), size), QIcon.Mode.Normal)
        made.addPixmap(pixmap(name, theme.colour("disabled"), size), QIcon.Mode.Disabled)
        if checked:
            made.addPixmap(pixmap(name, theme.colour(checked), size), QIcon.Mode.Normal, QIcon.State.On)
    return made


_shown: "weakref.WeakKeyDictionary[HasIcon, tuple[str, str, str | None]]" = weakref.WeakKeyDictionary()


def show_icon(owner: HasIcon, name: str, token: str = "text", checked: str | None = None) -> None:
    """Put an icon on a button or action and keep it in the colours of the theme."""
    _shown[owner] = (name, token, checked)
    owner.setIcon(icon(name, token, checked))


def _repaint_all() -> None:
    for owner, what in list(_shown.items()):
        try:
            owner.setIcon(icon(*what))
        except RuntimeError:  # Qt's half of the widget is gone already
            del _shown[owner]


theme.changed.connect(_repaint_all)
