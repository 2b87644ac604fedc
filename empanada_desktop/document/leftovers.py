"""What lies among a session's labels and belongs to nothing any more: found when the session was kept and is closed."""

import contextlib
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from empanada_desktop.errors import VolumeError
from empanada_desktop.io.overlay_files import packs_of

LENT_SECONDS = 24 * 3600.0


def sweep(labels: Path, used: Iterable[str]) -> None:
    """Remove from a session's labels what no state uses. used: places of what is, relative to the session's folder.

    States that were lent to jobs stay for a day: a job may outlive the window. What cannot be removed, or read, stays.
    """
    if not labels.is_dir():
        return
    kept = {labels.parent / store for store in used}
    states = [path for path in labels.glob("*/*.overlay") if path in kept or _may_be_read(path)]
    try:
        kept |= {pack for state in states for pack in packs_of(state)} | set(states)
    except VolumeError:
        return
    for path in _things(labels):
        if path not in kept:
            _remove(path)
    for folder in labels.iterdir():
        with contextlib.suppress(OSError):
            folder.rmdir()  # only where it is empty


def _may_be_read(state: Path) -> bool:
    """Whether a job may still read a state that it was lent."""
    with contextlib.suppress(OSError):
        return is_lent(state) and time.time() - state.stat().st_mtime < LENT_SECONDS
    return False


def is_lent(state: Path) -> bool:
    """Whether a state was written for a job."""
    return not state.stem.isdigit()


def _things(labels: Path) -> Iterator[Path]:
    """Stores of whole layers, and states and packs of each layer."""
    for path in labels.iterdir():
        if path.suffix in (".zarr", ".part"):
            yield path
        elif path.is_dir():
            yield from (file for file in path.iterdir() if file.suffix in (".overlay", ".pack", ".part"))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()
