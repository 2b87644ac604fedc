"""Labels that other programs wrote, or this one as TIFF: told from images by their values, and shown as objects."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.document.document import Document
from empanada_desktop.document.edits import LayerEdit
from empanada_desktop.document.layers import DEFAULT_DIVISOR, ImageLayer, LabelsLayer
from empanada_desktop.document.sources import VolumeSource, open_source
from empanada_desktop.errors import AppError, SettingsError
from empanada_desktop.io.tiff import read_tiff_recipe
from empanada_desktop.io.volumes import Volume

PLACES = (0.11, 0.29, 0.43, 0.5, 0.62, 0.77, 0.91)
ROWS = 512
# Neighbours that are equal, background aside: at most .19 in micrographs, at least .87 in labels of the same data.
LEAST_EQUAL = 0.5
OBJECTS = {0: "object"}
DIVISORS, MOST_CLASSES = (100_000, 10_000, 1_000), 20


def looks_like_labels(volume: Volume) -> bool:
    """Whether the voxels are ids: whole numbers, and most neighbours in a row are equal; background does not count."""
    if volume.dtype.kind not in "bui":
        return False
    planes = sampled(volume)
    values, counts = np.unique(np.concatenate([plane.ravel() for plane in planes]), return_counts=True)
    background = values[counts.argmax()]
    equal = total = 0
    for plane in planes:
        left, right = plane[:, :-1], plane[:, 1:]
        counted = (left != background) | (right != background)
        equal += int(np.count_nonzero(counted & (left == right)))
        total += int(np.count_nonzero(counted))
    return equal > LEAST_EQUAL * total


def sampled(volume: Volume) -> list[NDArray[Any]]:
    """The middle rows of some planes."""
    depth, height, _ = volume.shape
    first = max(0, (height - ROWS) // 2)
    indices = sorted({int(depth * place) for place in PLACES})
    return [volume[index, first : first + ROWS, :] for index in indices]


def labels_of(layer: ImageLayer) -> LabelsLayer:
    """The same file as a label layer; reads some planes, so use a thread. VolumeError where it holds no ids."""
    if not isinstance(layer.source, VolumeSource):
        raise SettingsError(f"{layer.title} is no file.", "Save it first, then open the file.")
    ref = replace(layer.source.ref, as_labels=True)
    source = open_source(ref)
    divisor, names = _numbering(source)
    return LabelsLayer(
        title=layer.title, source=source, spacing=layer.spacing, label_divisor=divisor, class_names=names
    )


def image_of(layer: LabelsLayer) -> ImageLayer:
    """The same file as an image; reads some planes. SettingsError where it is none, or was changed."""
    if not isinstance(layer.source, VolumeSource):
        raise SettingsError(f"{layer.title} is no file as it is.", "Save it first, then open the file.")
    image = ImageLayer.from_source(open_source(replace(layer.source.ref, as_labels=False)), layer.title)
    image.spacing = layer.spacing
    return image


def swap(document: Document, layer: ImageLayer | LabelsLayer, other: ImageLayer | LabelsLayer) -> None:
    """Put a layer in place of another as one deed: labels on top, an image at the bottom."""
    rest = [kept for kept in document.layers if kept is not layer]
    is_image = isinstance(other, ImageLayer)
    after = (other, *rest) if is_image else (*rest, other)
    document.apply(LayerEdit(f"Use {layer.title} as {'an image' if is_image else 'labels'}", document.layers, after))
    document.active = other


def _numbering(source: VolumeSource) -> tuple[int, dict[int, str]]:
    """Ids per class, and the classes' names: what our own file says, otherwise one class with room for more."""
    try:
        recipe = read_tiff_recipe(source.ref.path)
        divisor = int(recipe.get("label_divisor") or recipe.get("params", {}).get("max_objects_per_class") or 0)
        names = recipe.get("class_names")
        if divisor > 1:
            return divisor, {int(number): str(name) for number, name in names.items()} if names else {}
    except (AppError, AttributeError, TypeError, ValueError, OSError):
        pass
    return numbering(np.unique(np.concatenate([plane.ravel() for plane in sampled(source.volume)])))


def numbering(values: NDArray[Any]) -> tuple[int, dict[int, str]]:
    """Ids per class and the classes' names as ids tell them: 1001, 1002, 2001 … are two classes of 1000."""
    ids = values[values > 0].astype(np.int64)
    for divisor in DIVISORS if ids.size else ():
        classes, places = np.unique(ids // divisor), ids % divisor
        if classes[0] > 0 and places.min() > 0 and places.max() <= divisor // 4 and len(classes) <= MOST_CLASSES:
            return divisor, {number: f"class {number}" for number in classes.tolist()}
    divisor = DEFAULT_DIVISOR
    while divisor <= 10 * int(ids.max(initial=0)) and divisor < 10**9:
        divisor *= 10
    return divisor, dict(OBJECTS)
