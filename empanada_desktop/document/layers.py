"""What lies on top of one another in the views: images, labels, points and shapes.

Layers are changed through the Document only (change_layer, apply), so that everybody hears of it.
"""

import copy
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.core.grey import GreyRange
from empanada_desktop.document.editable import EditableSource
from empanada_desktop.document.placed import PlacedSource
from empanada_desktop.document.reviewing import QueueItem
from empanada_desktop.document.sources import ArraySource, PlaneLabels, PlaneSource, VolumeSource, check_labels_type
from empanada_desktop.io.volumes import VolumeRef

Triple = tuple[int, int, int]
LabelStyle = Literal["fill", "outline", "both"]
Kind = Literal["image", "labels", "points", "shapes"]
DEFAULT_DIVISOR = 10_000
EDITABLE = ArraySource | EditableSource | VolumeSource | PlacedSource


def _new_id() -> str:
    return uuid.uuid4().hex


@dataclass(eq=False, kw_only=True)
class Layer:
    """What all layers have. `id` stays the same for as long as the layer lives, in saved sessions too."""

    title: str
    id: str = field(default_factory=_new_id)
    visible: bool = True
    opacity: float = 1.0
    locked: bool = False
    is_preview: bool = False
    note: str = ""

    @property
    def kind(self) -> Kind:
        """Which of the four kinds of layer this is."""
        raise NotImplementedError

    @property
    def n_bytes(self) -> int:
        """Memory that the layer's own voxels take; 0 when they lie in a file."""
        return 0

    def duplicate(self) -> Self:
        """Return another layer that looks the same; voxels in memory are copied, files are shared."""
        twin = copy.copy(self)
        twin.id, twin.title, twin.is_preview = _new_id(), f"{self.title} copy", False
        return twin


@dataclass(eq=False, kw_only=True)
class ImageLayer(Layer):
    """Grey values. `contrast`: the grey values shown black and white; `grey`: the range that a network gets."""

    source: PlaneSource
    spacing: Spacing = field(default_factory=Spacing)
    contrast: tuple[float, float] = (0.0, 255.0)
    grey: GreyRange | None = None
    colormap: str = "grey"

    @property
    def kind(self) -> Kind:
        """An image."""
        return "image"

    @property
    def shape(self) -> Triple:
        """Voxels along z, y and x."""
        return self.source.shape

    @property
    def ref(self) -> VolumeRef | None:
        """The address of the volume with the voxel size that the layer says, None when it is no file."""
        if not isinstance(self.source, VolumeSource):
            return None
        z, y, x = self.spacing.zyx
        is_typed = self.spacing.zyx != self.source.spacing.zyx
        if not is_typed or z is None or y is None or x is None:
            return self.source.ref
        return replace(self.source.ref, voxel_size=(z, y, x))

    @property
    def n_bytes(self) -> int:
        """Memory that the voxels take."""
        return self.source.n_bytes if isinstance(self.source, ArraySource) else 0

    @classmethod
    def from_source(cls, source: VolumeSource, title: str | None = None) -> Self:
        """Make a layer of an open volume; reads a few planes to find its grey range."""
        grey = source_grey_range(source)
        return cls(
            title=title or source.volume.title,
            source=source,
            spacing=source.spacing,
            contrast=(grey.low, grey.high),
            grey=grey,
            note=" ".join(source.volume.notes),
        )


@dataclass(eq=False, kw_only=True)
class LabelsLayer(Layer):
    """Objects by id. `selected` ids are outlined in white; `colour_table`: colour places of ids below its length.

    active_id: the id that tools paint with. review: "queued", "accepted", "edited" or "flagged" by id, changed by
    Document.edit_properties. id_range: first and last of the ids that new objects take, where several people share a
    volume; None: any of the class. queue: what is to be reviewed, and in decisions what the user said to each item, by
    its key. hidden: objects that are not drawn. painted_id: what was painted since objects were selected last, or 0;
    it shows where only those do.
    """

    source: PlaneSource
    spacing: Spacing = field(default_factory=Spacing)
    opacity: float = 0.42
    style: LabelStyle = "both"
    shows_selected_only: bool = False
    seed: int = 0
    selected: frozenset[int] = frozenset()
    label_divisor: int = DEFAULT_DIVISOR
    class_names: Mapping[int, str] = field(default_factory=dict)
    colour_table: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    active_id: int = 1
    review: Mapping[int, str] = field(default_factory=dict)
    id_range: tuple[int, int] | None = None
    queue: tuple[QueueItem, ...] = ()
    decisions: Mapping[str, str] = field(default_factory=dict)
    hidden: frozenset[int] = frozenset()
    painted_id: int = 0

    def __post_init__(self) -> None:
        check_labels_type(self.source.dtype, self.title)

    @property
    def kind(self) -> Kind:
        """Labels."""
        return "labels"

    @property
    def shape(self) -> Triple:
        """Voxels along z, y and x."""
        return self.source.shape

    @property
    def is_editable(self) -> bool:
        """Whether voxels may be changed, over the file where they lie in one: not locked, and no preview."""
        return isinstance(self.source, EDITABLE) and not self.locked

    @property
    def n_bytes(self) -> int:
        """Memory that the voxels take."""
        if isinstance(self.source, PlaneLabels):
            return self.source.labels.nbytes
        return self.source.n_bytes if isinstance(self.source, ArraySource | EditableSource) else 0

    def class_of(self, label_id: int) -> str:
        """Return the class's name that an id belongs to, "" for background or when it is not known."""
        return self.class_names.get(label_id // self.label_divisor, "") if label_id else ""

    def duplicate(self) -> Self:
        """Return another layer that looks the same; voxels in memory are copied."""
        twin = super().duplicate()
        if isinstance(self.source, ArraySource) and isinstance(self.source.array, np.ndarray):
            twin.source = ArraySource(self.source.array.copy())
        elif isinstance(self.source, EditableSource):
            twin.source = self.source.copy()
        return twin


@dataclass(eq=False, kw_only=True)
class PointsLayer(Layer):
    """Places in the volume. points: (n, 3) float64 z, y, x in voxels; voxel i spans i to i + 1."""

    points: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))
    size: float = 8.0
    colour: str = "#34BBA9"

    @property
    def kind(self) -> Kind:
        """Points."""
        return "points"


@dataclass(frozen=True)
class Shape:
    """A rectangle, polygon, path or line on a plane. vertices: row, column in voxels; a rectangle has two corners."""

    kind: Literal["rectangle", "polygon", "path", "line"]
    axis: Axis
    index: int
    vertices: tuple[tuple[float, float], ...]


@dataclass(eq=False, kw_only=True)
class ShapesLayer(Layer):
    """Drawn regions and lines."""

    shapes: tuple[Shape, ...] = ()
    colour: str = "#F2C14E"

    @property
    def kind(self) -> Kind:
        """Shapes."""
        return "shapes"


def source_grey_range(source: VolumeSource) -> GreyRange:
    """Find the grey values that become black and white, as segmenting does."""
    from empanada_desktop.tasks.inference import volume_grey_range

    return volume_grey_range(source.volume)
