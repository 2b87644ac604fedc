"""Where the program's own files and the user's are."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from empanada_desktop.errors import AppError

HOME_VARIABLE = "EMPANADA_DESKTOP_HOME"


def resources_folder() -> Path:
    """The folder of bundled weights, sample and pictures; AppError when this copy of the program has none."""
    package = Path(__file__).resolve().parent
    candidates = (package / "resources", package.parent / "resources", package.parent / "empanada_desktop_resources")
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise AppError("This copy of the program lacks its resources folder.", "Install the program again.")


def user_folder() -> Path:
    """The user's own folder for weights and the like, which may not exist yet; EMPANADA_DESKTOP_HOME overrides it."""
    chosen = os.environ.get(HOME_VARIABLE)
    return Path(chosen) if chosen else Path(platformdirs.user_data_dir("empanada-desktop", appauthor=False))
