"""Shows in the views what a deed would come to; nothing is changed by it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis
from empanada_desktop.document import Document, LabelsLayer
from empanada_desktop.document.chosen import ChosenObjects
from empanada_desktop.document.colours import LABEL_COLOURS, colour_places
from empanada_desktop.document.layers import LabelStyle
from empanada_desktop.document.sources import FlatSource, PlaneSource, Triple, box_of, cut, intersection, within
from empanada_desktop.gui.proofread.deeds import Outcome, Shown
from empanada_desktop.gui.proofread.values import Mode

STYLES: dict[Mode, tuple[LabelStyle, float]] = {
    Mode.SPLIT: ("both", 0.75),
    Mode.MORPH: ("outline", 1.0),
    Mode.FILTER: ("both", 0.75),
}
LARGEST_TABLE = 1 << 22


class BoxLabels(FlatSource):
    """Labels of a box within a volume that is empty elsewhere."""

    def __init__(self, shape: Triple, shown: Shown) -> None:
        super().__init__(shape, np.dtype(np.uint32))
        self._shown = shown

    def read(self, level: int, axis: Axis, index: int, rows: slice, columns: slice) -> NDArray[np.uint32]:
        """Return part of a plane."""
        return self[cut(axis, slice(index, index + 1), rows, columns)].squeeze(axis.normal)

    def __getitem__(self, index: Any) -> NDArray[np.uint32]:  # noqa: ANN401 - three slices
        wanted = box_of(index, self._shape)
        result = np.zeros(wanted.shape, np.uint32)
        common = intersection(wanted, self._shown.box)
        if common is not None:
            result[within(common, wanted)] = self._shown.voxels[within(common, self._shown.box)]
        return result


class Preview:
    """One preview layer at a time."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.layer: LabelsLayer | None = None
        self.outcome: Outcome | None = None

    def show(self, outcome: Outcome, like: LabelsLayer) -> None:
        """Show an outcome instead of the one before; `like` is the layer that it would change."""
        self.drop()
        self.outcome = outcome
        source = _source(outcome, like)
        if source is None or outcome.plan.values.mode not in STYLES:
            return
        style, opacity = STYLES[outcome.plan.values.mode]
        self.layer = LabelsLayer(
            title="Preview",
            source=source,
            spacing=like.spacing,
            note=outcome.plan.title,
            is_preview=True,
            style=style,
            opacity=opacity,
            seed=like.seed,
            colour_table=_colours(like, outcome),
        )
        self._document.add_layer(self.layer)

    def drop(self) -> None:
        """Show nothing any more."""
        layer, self.layer, self.outcome = self.layer, None, None
        if layer is not None and layer in self._document.layers:
            self._document.remove_layer(layer)


def _source(outcome: Outcome, like: LabelsLayer) -> PlaneSource | None:
    """What there is to see of an outcome: voxels that were worked out, or objects as they are."""
    if outcome.going is not None:
        return ChosenObjects(like.source, outcome.going.tolist()) if len(outcome.going) else None
    return None if outcome.shown is None else BoxLabels(like.shape, outcome.shown)


def _colours(like: LabelsLayer, outcome: Outcome) -> NDArray[np.uint8]:
    """The layer's own colours, with others for the ids that are new: each part looks different from the first."""
    last = max(outcome.new_ids, default=0)
    if not outcome.new_ids or last >= LARGEST_TABLE or not outcome.plan.picked.ids:
        return like.colour_table
    table = colour_places(
        np.arange(max(last + 1, len(like.colour_table)), dtype=np.uint32), like.colour_table, like.seed
    )
    first = int(table[outcome.plan.picked.ids[0]])
    for number, label_id in enumerate(outcome.new_ids, 1):
        table[label_id] = (first + number) % len(LABEL_COLOURS)
    return table
