"""Where the program's own files and the user's are."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

HOME_VARIABLE = "EMPANADA_DESKTOP_HOME"


def resources_folder() -> Path:
    """The folder of bundled weights, sample and pictures, whether or not this copy of the program has it."""
    package = Path(__file__).resolve().parent
    beside = package.parent / "resources"
    candidates = (package / "resources", beside, package.parent / "empanada_desktop_resources")
    return next((folder for folder in candidates if folder.is_dir()), beside)


def user_folder() -> Path:
    """The user's own folder for weights and the like, which may not exist yet; EMPANADA_DESKTOP_HOME overrides it."""
    chosen = os.environ.get(HOME_VARIABLE)
    return Path(chosen) if chosen else Path(platformdirs.user_data_dir("empanada-desktop", appauthor=False))
