"""The sessions that lie on the disk: what each holds, which of them go by themselves, and whose file is open again."""

import datetime
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from empanada_desktop.document.journal_file import Steps, steps_after
from empanada_desktop.document.lock import SessionLock
from empanada_desktop.settings import read_json, user_folder

SESSION_FILE, PICTURE_FILE = "session.json", "picture.png"
KEPT_SESSIONS = 10


@dataclass(frozen=True)
class KeptSession:
    """A session that can be continued. steps: what was done after it was kept last, for the program ended at once.

    has_work: it holds labels, points, shapes or answers of the user's that may be in no other file. paths: the files
    that its layers show.
    """

    folder: Path
    title: str
    saved: datetime.datetime
    n_layers: int
    is_open: bool
    steps: Steps = field(default_factory=Steps)
    has_work: bool = False
    paths: frozenset[str] = frozenset()

    def forget(self) -> None:
        """Remove it from the disk, unless a program has it open."""
        if not SessionLock.is_held(self.folder):
            shutil.rmtree(self.folder, ignore_errors=True)


def sessions_folder() -> Path:
    """Where sessions are kept."""
    return user_folder() / "sessions"


def kept_sessions() -> list[KeptSession]:
    """The sessions that can be continued, the newest first; those that are open elsewhere are marked."""
    found = [_kept(path.parent) for path in sessions_folder().glob(f"*/{SESSION_FILE}")]
    return sorted((session for session in found if session is not None), key=lambda session: session.saved)[::-1]


def latest() -> KeptSession | None:
    """The session that was kept last and is not open elsewhere."""
    return next((session for session in kept_sessions() if session.n_layers and not session.is_open), None)


def earlier_work() -> list[KeptSession]:
    """The sessions that hold own work and are not open, the newest first."""
    return [session for session in kept_sessions() if session.has_work and not session.is_open]


def work_on(path: str) -> KeptSession | None:
    """The newest session that is not open and holds own work on a file."""
    wanted = str(Path(path).absolute())
    return next((session for session in earlier_work() if wanted in session.paths), None)


def forget_oldest() -> None:
    """Remove the oldest sessions that only looked at files; one with own work stays until the user lets it go."""
    idle = [session for session in kept_sessions() if not session.has_work and not session.is_open]
    for session in idle[KEPT_SESSIONS - 1 :]:
        session.forget()


def as_list(value: object) -> list[Any]:
    """A list out of a file, or an empty one for whatever else is there."""
    return value if isinstance(value, list) else []


def _kept(folder: Path) -> KeptSession | None:
    values = read_json(folder / SESSION_FILE)
    try:
        saved = datetime.datetime.fromisoformat(str(values["saved"]))
    except (KeyError, ValueError):
        return None
    if saved.tzinfo is None:
        saved = saved.replace(tzinfo=datetime.UTC)
    layers = [layer for layer in as_list(values.get("layers")) if isinstance(layer, dict)]
    steps, is_open = _steps(folder, values), SessionLock.is_held(folder)
    # The journal is told of before the layers are: what it holds beyond them counts whatever it is.
    has_work = bool(steps.n_records) or any(_is_work(layer) for layer in [*layers, *as_list(values.get("closed"))])
    title = str(values.get("title", ""))
    return KeptSession(folder, title, saved, len(layers), is_open, steps, has_work, frozenset(_paths(layers)))


def _is_work(layer: Any) -> bool:  # noqa: ANN401 - whatever the file holds
    """Whether a layer as plain values holds what is in no file of the user's, or might be."""
    if not isinstance(layer, dict):
        return True  # mangled: rather kept
    source = layer.get("source")
    if not isinstance(source, dict):
        return bool(layer.get("points") or layer.get("shapes"))
    return source.get("kind") in ("own", "overlay") or bool(layer.get("review") or layer.get("decisions"))


def _paths(layers: Iterable[dict[str, Any]]) -> list[str]:
    sources = [layer.get("source") for layer in layers]
    return [str(source["path"]) for source in sources if isinstance(source, dict) and "path" in source]


def _steps(folder: Path, values: dict[str, Any]) -> Steps:
    """What is in the journal only."""
    kept = values.get("journal")
    position, end = (kept.get("position"), kept.get("end")) if isinstance(kept, dict) else (None, None)
    if not isinstance(position, int) or not isinstance(end, int) or end < 0:
        return Steps()
    return steps_after(folder, position, end)
