"""The layers that a history speaks of: those that are open, and those that were deleted and can come back."""

import threading
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from empanada_desktop.document.edits import Edit, Edits, LayerEdit
from empanada_desktop.document.layers import Layer
from empanada_desktop.document.plain import frozen, layer_from_plain, layer_to_plain
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.journal import sync_file

Plain = dict[str, Any]


class LayerBook:
    """Finds layers by id. closed: layers that are not open, as plain values, until somebody wants them.

    moved: where files are now that lay elsewhere.
    """

    def __init__(
        self,
        layers: Iterable[Layer] = (),
        closed: Iterable[Plain] = (),
        folder: Path | None = None,
        moved: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self._moved = folder, moved
        self._alive: weakref.WeakValueDictionary[str, Layer] = weakref.WeakValueDictionary()
        self._closed = {str(plain["id"]): plain for plain in closed}
        self._opened: dict[str, Layer] = {}
        self._frozen: dict[str, Layer] = {}
        self._plain: dict[str, Plain] = {}
        self._lock = threading.Lock()
        self._unsynced: list[Path] = []
        for layer in layers:
            self._alive[layer.id] = layer

    def note(self, edit: Edit) -> None:
        """Remember the layers of an edit; those that are new are frozen as they are now, for the journal."""
        for layer in _layers_of(edit):
            if layer.id not in self._alive and layer.id not in self._closed:
                with self._lock:
                    self._frozen[layer.id] = frozen(layer)
            self._alive[layer.id] = layer

    def to_plain(self, layer: Layer) -> Plain:
        """Return a layer that is new as plain values, its voxels written into the folder; otherwise nothing."""
        with self._lock:
            new = self._frozen.get(layer.id)
        if new is not None and self.folder is not None:
            self._plain[layer.id] = layer_to_plain(new, self.folder, {}, self._unsynced)
            with self._lock:
                del self._frozen[layer.id]
        return self._plain.get(layer.id, {})

    def sync(self) -> None:
        """Wait until what to_plain wrote is on the disk; OSError where it cannot be."""
        while self._unsynced:
            if self._unsynced[0].exists():
                sync_file(self._unsynced[0])
            del self._unsynced[0]

    def told(self) -> None:
        """Note that the layers that to_plain returned are in a record."""
        self._plain.clear()

    def add_closed(self, plain: Plain) -> None:
        """Remember a layer that is not open."""
        self._closed[str(plain["id"])] = plain

    def find(self, layer_id: str) -> Layer:
        """Return a layer, opened now where it is closed; VolumeError where its files are gone."""
        layer = self._alive.get(layer_id) or self._opened.get(layer_id)
        if layer is not None:
            return layer
        plain = self._closed.get(layer_id)
        if plain is None or self.folder is None:
            raise VolumeError("A layer of this step is gone.", "It can be neither undone nor redone.")
        try:
            layer = self._opened[layer_id] = layer_from_plain(plain, self.folder, {}, self._moved)
        except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
            raise VolumeError("A layer of this step is damaged.", "It can be neither undone nor redone.") from error
        self._alive[layer_id] = layer
        return layer

    def hold(self, layers: Iterable[Layer]) -> None:
        """Keep layers that deeds speak of which are not in memory themselves."""
        self._opened |= {layer.id: layer for layer in layers}

    def knows(self, layer_id: str) -> bool:
        """Whether there is such a layer, open or closed."""
        return layer_id in self._alive or layer_id in self._closed

    def closed(self, ids: Iterable[str]) -> tuple[list[Layer], list[Plain]]:
        """Return the layers of these ids that are in memory, and the others as plain values."""
        layers, plains = [], []
        for layer_id in sorted(set(ids)):
            layer = self._alive.get(layer_id)
            if layer is not None:
                layers.append(layer)
            elif layer_id in self._closed:
                plains.append(self._closed[layer_id])
        return layers, plains


def _layers_of(edit: Edit) -> list[Layer]:
    if isinstance(edit, Edits):
        return [layer for part in edit.parts for layer in _layers_of(part)]
    if isinstance(edit, LayerEdit):
        return [layer for layer in (*edit.before, *edit.after) if not layer.is_preview]
    return []
