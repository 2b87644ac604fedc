"""Which layer of points or shapes tools act on."""

from collections.abc import Callable
from typing import TypeVar

from empanada_desktop.document import Document, PointsLayer, ShapesLayer
from empanada_desktop.errors import SettingsError

Marks = TypeVar("Marks", PointsLayer, ShapesLayer)
# Does something, says what the user can mend; True when it was done.
Guard = Callable[[Callable[[], object]], bool]
# Pixels of the screen around the cursor in which something is hit.
HIT = 6.0


def target_layer(document: Document, kind: type[Marks]) -> Marks | None:
    """The active layer of a kind, otherwise the topmost; None where there is none. SettingsError where it is locked."""
    layers = document.of_kind(kind)
    if not layers:
        return None
    active = document.active
    return unlocked(active if isinstance(active, kind) else layers[-1])


def unlocked(layer: Marks) -> Marks:
    """The layer itself; SettingsError where it is locked."""
    if layer.locked:
        raise SettingsError(f"{layer.title} is locked.", "Unlock it in the list of layers first.")
    return layer
