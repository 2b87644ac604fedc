"""What is open at one moment, frozen, so that it can be written while the window lives on."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from empanada_desktop.document.document import Document
from empanada_desktop.document.journal import Journal
from empanada_desktop.document.journal_file import Reachable
from empanada_desktop.document.layers import Layer
from empanada_desktop.document.plain import frozen, is_own
from empanada_desktop.document.view import ViewState

Parameters = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Snapshot:
    """What is open at one moment. parameters: values of the forms, by task.

    closed: layers that are not open, but that undoing can bring back; closed_plain: those not in memory. position: the
    last record of the journal that this state holds; None without one. reachable: what of the journal the history leads
    to.
    """

    layers: tuple[Layer, ...]
    active: str | None
    view: ViewState
    parameters: Parameters
    title: str = ""
    closed: tuple[Layer, ...] = ()
    closed_plain: tuple[dict[str, Any], ...] = ()
    position: int | None = None
    reachable: Reachable | None = None

    @classmethod
    def of(
        cls,
        document: Document,
        parameters: Parameters | None = None,
        title: str = "",
        journal: Journal | None = None,
    ) -> Self:
        """What is open in a document now, frozen; previews are not kept. A large edit is brought to its end first."""
        document.finish_long()
        for stroke in tuple(document.open_strokes):
            stroke.tell()
        layers = [layer for layer in document.layers if not layer.is_preview]
        active = document.active.id if document.active is not None else None
        closed: tuple[list[Layer], list[dict[str, Any]]] = [], []
        if journal is not None:
            open_ids = {layer.id for layer in layers}
            ids = {layer_id for deed in document.history.edits for layer_id in deed.layer_ids}
            closed = journal.book.closed(ids - open_ids)
        position = journal.position if journal is not None else None
        return cls(
            tuple(frozen(layer) for layer in layers),
            active,
            document.view,
            parameters or {},
            title,
            tuple(frozen(layer) for layer in closed[0]),
            tuple(closed[1]),
            position,
            document.history.reachable(position) if position is not None else None,
        )


def own_work(layers: Iterable[Layer]) -> list[Layer]:
    """The layers that are in no file of the user's: what is lost when a session cannot be kept."""
    return [layer for layer in layers if is_own(layer) and not layer.is_preview]
