"""A session of which files are not where they were: they are named, and the user says where they are now."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from empanada_desktop.document.reopening import Opened, followed

if TYPE_CHECKING:
    from empanada_desktop.gui.main_window import MainWindow

ABOUT = "missing files"
HINT = "Nothing was changed. Find it, or go on without it: the session as it is then stays in Earlier work."


@dataclass(frozen=True)
class Wanted:
    """Which session to bring back. folder: None for what was kept last. moved: where files are now, by where they were.

    goes_without: what cannot be opened is left out, in a copy of the session.
    """

    folder: Path | None = None
    moved: Mapping[str, str] = field(default_factory=dict)
    goes_without: bool = False


def ask_where(window: "MainWindow", folder: Path, opened: Opened) -> None:
    """Say which files are missing, with a button to find the first of them and one to go on without them."""
    path = next(iter(opened.missing))
    window.status.clearMessage()
    window.bar.say(" ".join(opened.missing.values()), "warning", HINT, about=ABOUT)
    window.bar.offer(f"Find {_name(path, opened)}", lambda: _find(window, folder, opened, path))
    if opened.layers:
        window.bar.offer("Go on without it", lambda: window.go_on(Wanted(folder, opened.moved, goes_without=True)))


def found(opened: Opened, path: str, chosen: Path) -> dict[str, str]:
    """Return where files are: the one that was found, and others that lie beside it under their own names."""
    moved = {path: str(chosen)}
    for other in opened.missing:
        beside = chosen.parent / Path(other).name
        if other != path and beside.exists():
            moved[other] = str(beside)
    return followed(opened.moved, moved)


def _find(window: "MainWindow", folder: Path, opened: Opened, path: str) -> None:
    """Ask where a file is, beginning in its folder as far as that is there."""
    title = f"Find {_name(path, opened)}"
    start = str(next((place for place in Path(path).parents if place.is_dir()), Path.home()))
    if Path(path).suffix.lower() in ("", ".zarr"):
        chosen = QFileDialog.getExistingDirectory(window, title, start)
    else:
        chosen, _ = QFileDialog.getOpenFileName(window, title, start)
    if chosen:
        window.go_on(Wanted(folder, found(opened, path, Path(chosen))))


def _name(path: str, opened: Opened) -> str:
    """The file's name as the user knows it, even where another one was chosen for it that did not fit."""
    return Path(next((old for old, new in opened.moved.items() if new == path), path)).name
