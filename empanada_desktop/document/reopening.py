"""Reading what a session's folder holds: layers with their files opened, and what the journal has beyond them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from empanada_desktop.document.editable import EditableSource
from empanada_desktop.document.journal_file import JOURNAL_FILE, JournalFile
from empanada_desktop.document.kept import SESSION_FILE, as_list
from empanada_desktop.document.layer_book import LayerBook
from empanada_desktop.document.layers import Layer
from empanada_desktop.document.plain import LABELS, Moved, Written, file_below, layer_from_plain
from empanada_desktop.document.recovery import Recovered, recover
from empanada_desktop.document.snapshot import Parameters
from empanada_desktop.document.stamps import warnings_of
from empanada_desktop.document.view import ViewState
from empanada_desktop.errors import AppError
from empanada_desktop.settings import read_json

VERSION = 1


@dataclass
class Opened:
    """What a session gave back, and what it could not (in plain sentences).

    missing: files of the user's that could not be opened, and why; layers that need them are left out. is_waiting: that
    was not agreed to, so nothing else was done. moved: where files are now that lay elsewhere.
    """

    title: str = ""
    parameters: Parameters = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    active: str | None = None
    view: ViewState = field(default_factory=ViewState)
    recovered: Recovered = field(default_factory=Recovered)
    book: LayerBook = field(default_factory=LayerBook)
    file: JournalFile | None = None
    missing: dict[str, str] = field(default_factory=dict)
    moved: Moved = field(default_factory=dict)
    is_waiting: bool = False

    @property
    def n_recovered(self) -> int:
        """Edits that stand and were in the journal only: the program had not ended as it should."""
        return len(self.recovered.steps.made)


class Reader:
    """Reads one folder: `layers`, then `replay`. What is gone or damaged is left out and named in the faults."""

    def __init__(self, folder: Path, written: Written, moved: Mapping[str, str]) -> None:
        """written: see layer_to_plain. moved: beyond what the session knows itself."""
        self.folder, self._written = folder, written
        self._values = values = read_json(folder / SESSION_FILE)
        self.opened = opened = Opened(str(values.get("title", "")), _parameters(values.get("parameters")))
        opened.moved = followed(values.get("moved"), moved)
        opened.active = str(values.get("active"))
        view = values.get("view")
        opened.view = ViewState.from_plain(view if isinstance(view, dict) else {})
        if not values:
            opened.faults.append(f"The session in {folder} is damaged; nothing of it could be read.")
        version = values.get("version")
        if isinstance(version, int) and version > VERSION:
            opened.faults.append("The session was kept by a newer version of this program; some of it may be missing.")

    @property
    def stores(self) -> set[str]:
        """Where in the folder voxels of layers lie, open or closed."""
        return stores_of([*as_list(self._values.get("layers")), *as_list(self._values.get("closed"))])

    def layers(self) -> None:
        """Open the layers as they were kept."""
        missing: dict[str, tuple[str, list[str]]] = {}
        for plain in as_list(self._values.get("layers")):
            try:
                self.opened.layers.append(self._layer(plain))
            except AppError as error:
                title = str(plain.get("title", "a layer"))
                path = file_below(plain, self.folder, self.opened.moved)
                if path:
                    missing.setdefault(path, (error.message, []))[1].append(title)
                else:
                    self.opened.faults.append(f"{title} could not be opened: {error.message}")
            except (AttributeError, LookupError, OverflowError, TypeError, ValueError):
                self.opened.faults.append("One layer of the session is damaged and was left out.")
        self.opened.missing = {
            path: f"{_listed(titles)} could not be opened: {words}" for path, (words, titles) in missing.items()
        }

    def _layer(self, plain: Any) -> Layer:  # noqa: ANN401 - whatever the file holds
        layer = layer_from_plain(plain, self.folder, self._written, self.opened.moved)
        if isinstance(source := getattr(layer, "source", None), EditableSource):
            self.opened.faults += warnings_of(layer.title, plain["source"].get("below"), source)
        return layer

    def replay(self) -> None:
        """Make again what the journal tells beyond the layers' state, without what is missing."""
        opened = self.opened
        opened.faults += opened.missing.values()
        if not (self.folder / JOURNAL_FILE).exists():
            opened.recovered = Recovered(tuple(opened.layers))
            return
        kept = self._values.get("journal")
        position = kept.get("position") if isinstance(kept, dict) else None
        closed = [plain for plain in as_list(self._values.get("closed")) if isinstance(plain, dict) and "id" in plain]
        opened.book = LayerBook(opened.layers, closed, self.folder, opened.moved)
        opened.file = JournalFile(self.folder)
        position = position if isinstance(position, int) else None
        opened.recovered = recover(opened.layers, opened.file, opened.book, position)
        opened.layers = list(opened.recovered.layers)
        opened.faults += opened.recovered.faults


def followed(kept: object, moved: Mapping[str, str]) -> Moved:
    """Return where files are now that were found elsewhere before, and perhaps moved again since."""
    before = {str(old): str(new) for old, new in kept.items()} if isinstance(kept, dict) else {}
    return {old: moved.get(new, new) for old, new in before.items()} | dict(moved)


def stores_of(layers: Iterable[Any]) -> set[str]:
    """Where in the folder the voxels of layers lie that are given as plain values."""
    sources = [layer.get("source") for layer in layers if isinstance(layer, dict)]
    stores = {str(source["store"]) for source in sources if isinstance(source, dict) and "store" in source}
    return {store for store in stores if _is_inside(store)}


def _is_inside(store: str) -> bool:
    """Whether a path lies among the session's labels, whatever a mangled file says."""
    parts = PurePosixPath(store).parts
    return len(parts) > 1 and parts[0] == LABELS and ".." not in parts


def _listed(titles: list[str]) -> str:
    return " and ".join([", ".join(titles[:-1]), titles[-1]]) if len(titles) > 1 else titles[0]


def _parameters(value: object) -> Parameters:
    items = value.items() if isinstance(value, dict) else ()
    return {str(task): values for task, values in items if isinstance(values, dict)}
