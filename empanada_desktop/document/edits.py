"""Edits of a document: each can be made and taken back any number of times."""

import datetime
import functools
import getpass
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from empanada_desktop.core.edit_pieces import write_all
from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.core.geometry import Box
from empanada_desktop.document.layers import Layer
from empanada_desktop.errors import AppError

if TYPE_CHECKING:
    from empanada_desktop.document.document import Document

OWN_BYTES = 2_000  # what a small stroke takes in memory beside its voxels, measured


@functools.cache
def user_name() -> str:
    """Who works here: the name that the system knows, "" where it knows none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""


def utc_now() -> datetime.datetime:
    """Return the time in UTC."""
    return datetime.datetime.now(datetime.UTC)


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """When an edit was made, in UTC, and by whom."""

    when: datetime.datetime = field(default_factory=utc_now, compare=False)
    who: str = field(default_factory=user_name, compare=False)


class Edit(Protocol):
    """A deed in the history. title: what was done, in a few words."""

    @property
    def when(self) -> datetime.datetime:
        """When it was made, in UTC."""

    @property
    def who(self) -> str:
        """Who made it."""

    @property
    def where(self) -> str:
        """Which part of the volume it changed, in words: "z 148 to 191"; "" where that means nothing."""

    @property
    def title(self) -> str:
        """What was done, in a few words, as in "Undo merge"."""

    @property
    def n_bytes(self) -> int:
        """Memory that keeping the edit takes."""

    def apply(self, document: "Document") -> None:
        """Make the change."""

    def revert(self, document: "Document") -> None:
        """Take it back."""


@dataclass(frozen=True)
class LayerEdit(Stamp):
    """Layers that were added, removed or reordered: the whole list before and after, bottom to top."""

    title: str
    before: tuple[Layer, ...]
    after: tuple[Layer, ...]

    @property
    def where(self) -> str:
        """Nowhere: no voxels change."""
        return ""

    @property
    def n_bytes(self) -> int:
        """Memory without the layers: the history asks those that are not open, which may leave it on their own."""
        return OWN_BYTES

    def apply(self, document: "Document") -> None:
        """Put the new list in place."""
        _put(document, self.after)

    def revert(self, document: "Document") -> None:
        """Put the old list back."""
        _put(document, self.before)


@dataclass(frozen=True)
class Patch:
    """What of a mapping changes: values by key, None where there is none."""

    changes: dict[Any, Any]

    @classmethod
    def between(cls, before: Mapping[Any, Any], after: Mapping[Any, Any]) -> "Patch":
        """Return what turns one mapping into another."""
        gone = dict.fromkeys(key for key in before if key not in after)
        return cls(gone | {key: value for key, value in after.items() if before.get(key) != value})

    def on(self, values: Mapping[Any, Any]) -> dict[Any, Any]:
        """Return a mapping with the changes made."""
        return {key: value for key, value in {**values, **self.changes}.items() if value is not None}


@dataclass(frozen=True)
class PropertyEdit(Stamp):
    """Properties of a layer that matter enough to be undone: title, points, shapes, what the review said.

    before, after: values by name; of mappings, which may be large, only a Patch.
    """

    title: str
    layer_id: str
    before: dict[str, Any]
    after: dict[str, Any]

    @property
    def where(self) -> str:
        """Nowhere: no voxels change."""
        return ""

    @property
    def n_bytes(self) -> int:
        """Memory of the values kept."""
        return OWN_BYTES + sum(_n_bytes(value) for value in (*self.before.values(), *self.after.values()))

    def apply(self, document: "Document") -> None:
        """Give the properties their new values."""
        self._put(document, self.after)

    def revert(self, document: "Document") -> None:
        """Give the properties their old values back."""
        self._put(document, self.before)

    def _put(self, document: "Document", values: Mapping[str, Any]) -> None:
        layer = document.layer(self.layer_id)
        made = {
            name: value.on(getattr(layer, name)) if isinstance(value, Patch) else value
            for name, value in values.items()
        }
        document.change_layer(layer, **made)


@dataclass(frozen=True)
class VoxelEdit(Stamp):
    """Voxels of a label layer, changed in one or more boxes."""

    title: str
    layer_id: str
    parts: tuple[ArrayEdit, ...] = field(repr=False)

    @property
    def n_bytes(self) -> int:
        """Memory of the voxels kept."""
        return OWN_BYTES + sum(part.n_bytes for part in self.parts)

    @property
    def boxes(self) -> tuple[Box, ...]:
        """Where voxels change."""
        return tuple(part.box for part in self.parts)

    @property
    def where(self) -> str:
        """The planes in which voxels change."""
        return planes_in_words(self.boxes)

    def apply(self, document: "Document") -> None:
        """Write the new voxels; all of them or, where a file fails, none."""
        self._write(document, forwards=True)

    def revert(self, document: "Document") -> None:
        """Write the old voxels; all of them or none."""
        self._write(document, forwards=False)

    def _write(self, document: "Document", forwards: bool) -> None:
        source = document.writable(self.layer_id)
        write_all(source, self.parts, forwards, lambda box: document.tell_voxels_changed(self.layer_id, box))


@dataclass(frozen=True)
class Edits(Stamp):
    """Several edits that are one deed to the user."""

    title: str
    parts: tuple[Edit, ...]

    @property
    def where(self) -> str:
        """Where the first of the parts that say it change something."""
        return next((part.where for part in self.parts if part.where), "")

    @property
    def n_bytes(self) -> int:
        """Memory of all parts."""
        return sum(part.n_bytes for part in self.parts)

    def apply(self, document: "Document") -> None:
        """Make the changes in order; all of them or, where one is refused, none."""
        made: list[Edit] = []
        try:
            for part in self.parts:
                part.apply(document)
                made.append(part)
        except AppError:
            for part in reversed(made):
                part.revert(document)
            raise

    def revert(self, document: "Document") -> None:
        """Take the changes back in reverse order."""
        for part in reversed(self.parts):
            part.revert(document)


def _n_bytes(value: Any) -> int:  # noqa: ANN401 - about, whatever it is
    if isinstance(value, Patch):
        return 64 * len(value.changes)
    return int(getattr(value, "nbytes", 0)) or 64 * (len(value) if isinstance(value, tuple | frozenset) else 1)


def planes_in_words(boxes: Iterable[Box]) -> str:
    """Return the xy planes that boxes span together, as in "z 148 to 191"; numbered from 0."""
    spans = [box.spans[0] for box in boxes]
    if not spans:
        return ""
    first, last = min(low for low, _ in spans), max(high for _, high in spans) - 1
    return f"z {first}" if first == last else f"z {first} to {last}"


def _put(document: "Document", layers: tuple[Layer, ...]) -> None:
    """Put a list of layers in place; previews are no part of the history: those that are there stay on top."""
    previews = [layer for layer in document.layers if layer.is_preview]
    document.replace_layers((*(layer for layer in layers if not layer.is_preview), *previews))
