"""Edits of a document: each can be made and taken back any number of times."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.core.geometry import Box
from empanada_desktop.document.layers import Layer
from empanada_desktop.errors import AppError

if TYPE_CHECKING:
    from empanada_desktop.document.document import Document

OWN_BYTES = 200


class Edit(Protocol):
    """A deed in the history. title: what was done, in a few words."""

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
class LayerEdit:
    """Layers that were added, removed or reordered: the whole list before and after, bottom to top."""

    title: str
    before: tuple[Layer, ...]
    after: tuple[Layer, ...]

    @property
    def n_bytes(self) -> int:
        """Memory of the layers that are kept for undoing a removal."""
        kept = {layer.id for layer in self.after}
        return OWN_BYTES + sum(layer.n_bytes for layer in self.before if layer.id not in kept)

    def apply(self, document: "Document") -> None:
        """Put the new list in place."""
        _put(document, self.after)

    def revert(self, document: "Document") -> None:
        """Put the old list back."""
        _put(document, self.before)


@dataclass(frozen=True)
class PropertyEdit:
    """Properties of a layer that matter enough to be undone: title, points, shapes."""

    title: str
    layer_id: str
    before: dict[str, Any]
    after: dict[str, Any]

    @property
    def n_bytes(self) -> int:
        """Memory of the values kept."""
        return OWN_BYTES + sum(getattr(value, "nbytes", 64) for value in self.before.values())

    def apply(self, document: "Document") -> None:
        """Give the properties their new values."""
        document.change_layer(document.layer(self.layer_id), **self.after)

    def revert(self, document: "Document") -> None:
        """Give the properties their old values back."""
        document.change_layer(document.layer(self.layer_id), **self.before)


@dataclass(frozen=True)
class VoxelEdit:
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

    def apply(self, document: "Document") -> None:
        """Write the new voxels."""
        source = document.writable(self.layer_id)
        for part in self.parts:
            part.apply(source)
            document.tell_voxels_changed(self.layer_id, part.box)

    def revert(self, document: "Document") -> None:
        """Write the old voxels."""
        source = document.writable(self.layer_id)
        for part in reversed(self.parts):
            part.revert(source)
            document.tell_voxels_changed(self.layer_id, part.box)


@dataclass(frozen=True)
class Edits:
    """Several edits that are one deed to the user."""

    title: str
    parts: tuple[Edit, ...]

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


def _put(document: "Document", layers: tuple[Layer, ...]) -> None:
    """Put a list of layers in place; previews are no part of the history: those that are there stay on top."""
    previews = [layer for layer in document.layers if layer.is_preview]
    document.replace_layers((*(layer for layer in layers if not layer.is_preview), *previews))
