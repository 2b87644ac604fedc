"""Whether a file is still the one that it was: its size and time, kept with the edits that lie over it."""

from pathlib import Path
from typing import Any

from empanada_desktop.document.editable import EditableSource
from empanada_desktop.document.frozen_labels import FrozenLabels
from empanada_desktop.document.placed import PlacedSource

ZARR_FILES = ("zarr.json", ".zgroup", ".zarray")


def stamp_below(source: EditableSource | FrozenLabels) -> list[int] | None:
    """The stamp of the file below labels that were changed; None where there is none."""
    base = source.base
    if base is None:
        return None
    return stamp_of((base.planes if isinstance(base, PlacedSource) else base).ref.path)


def stamp_of(path: str) -> list[int] | None:
    """Size and time of a file, or of what tells of a Zarr folder; None where it cannot be looked at."""
    files = [Path(path), *(Path(path) / name for name in ZARR_FILES)]
    try:
        facts = [file.stat() for file in files if file.is_file()]
    except OSError:
        return None
    return [number for fact in facts[:1] for number in (fact.st_size, fact.st_mtime_ns)] or None


def warnings_of(title: str, kept: Any, source: EditableSource) -> list[str]:  # noqa: ANN401 - whatever a file holds
    """What to say of labels whose file is no longer the one that was edited; nothing where it is, or was not noted."""
    if not isinstance(kept, list) or kept == stamp_below(source):
        return []
    words = "Your edits lie over what it holds now: look whether they fit."
    return [f"The file below {title} was changed since. {words}"]
