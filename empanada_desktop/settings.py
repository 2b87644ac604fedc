"""Where the program's own files and the user's are, and what the window remembers between runs."""

from __future__ import annotations

import datetime
import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

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


SETTINGS_VERSION = 1
SETTINGS_FILE = "settings.json"
MOST_RECENT = 12
THEMES = ("dark", "light", "system")


@dataclass(frozen=True)
class Settings:
    """What the window remembers between runs. Anything missing or mangled in the file takes its default.

    keys: name of the preset; changed_keys: action -> shortcut where the user chose another. window: Qt's geometry and
    state, base64. recent: paths, the newest first; opened: when, in ISO 8601. form: values of the forms, by task.
    """

    theme: str = "dark"
    scale: float = 1.0
    keys: str = "napari"
    changed_keys: dict[str, str] = field(default_factory=dict)
    recent: tuple[str, ...] = ()
    window: dict[str, str] = field(default_factory=dict)
    form: dict[str, dict[str, Any]] = field(default_factory=dict)
    opened: dict[str, str] = field(default_factory=dict)

    def with_recent(self, path: str) -> Settings:
        """Return the settings with a path as the newest of the recent ones."""
        recent = (path, *(other for other in self.recent if other != path))[:MOST_RECENT]
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return replace(self, recent=recent, opened={one: self.opened.get(one, "") for one in recent} | {path: now})

    def save(self) -> None:
        """Write the settings, complete or not at all; OSError where the folder may not be written to."""
        write_json(user_folder() / SETTINGS_FILE, {"version": SETTINGS_VERSION, **asdict(self)})


def load_settings() -> Settings:
    """Read the settings of the last run; defaults where there are none, or where they make no sense."""
    values = read_json(user_folder() / SETTINGS_FILE)
    sound = {
        name: kept for name, default in asdict(Settings()).items() if (kept := _sound(name, values.get(name), default))
    }
    if sound.get("theme") not in THEMES:
        sound.pop("theme", None)
    if not 0.5 <= sound.get("scale", 1.0) <= 4:
        sound.pop("scale")
    return Settings(**sound)


def read_json(path: Path) -> dict[str, Any]:
    """Read named values from a file; nothing where it is missing or damaged."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def write_json(path: Path, values: dict[str, Any], is_waited_for: bool = False) -> None:
    """Write named values to a file, complete or not at all; OSError where that is not possible.

    is_waited_for: they are on the disk before the old file goes, so that a power cut leaves one of the two.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(json.dumps(values, indent=1, ensure_ascii=False))
            if is_waited_for:
                file.flush()
                os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _sound(name: str, value: object, default: object) -> Any:  # noqa: ANN401 - one of the fields' types
    """Return what of a value is of the default's kind; None where nothing is."""
    if isinstance(default, tuple):
        return tuple(part for part in value if isinstance(part, str))[:MOST_RECENT] if isinstance(value, list) else None
    if isinstance(default, dict):
        inner = dict if name == "form" else str
        kept = value.items() if isinstance(value, dict) else ()
        return {key: part for key, part in kept if isinstance(part, inner)}
    if isinstance(default, float):
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    return value if isinstance(value, str) else None
