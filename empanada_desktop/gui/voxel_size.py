"""A voxel size that is typed: read, and taken for everything that is open in the volume, as one deed."""

import math

from empanada_desktop.core.geometry import Spacing
from empanada_desktop.document import Document, ImageLayer, LabelsLayer
from empanada_desktop.document.edits import Edit, Edits, PropertyEdit
from empanada_desktop.errors import SettingsError

TYPED = "typed"


def typed_size(text: str, known: Spacing | None = None) -> Spacing:
    """Read "z, y, x" or one number; SettingsError for anything else.

    One number is the size along all axes; where some sizes are known, along the others.
    """
    try:
        numbers = [float(part) for part in text.replace("×", ",").removesuffix("nm").split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 3) or not all(math.isfinite(number) and number > 0 for number in numbers):
        raise SettingsError(f"“{text}” is no voxel size.", "Type three numbers in nanometres: z, y, x.")
    if len(numbers) == 3:
        z, y, x = numbers
    else:
        partly = known is not None and not known.is_known
        before = known.zyx if known is not None and partly else (None,) * 3
        z, y, x = (numbers[0] if size is None else size for size in before)
    return Spacing(z, y, x, TYPED)


def set_voxel_size(document: Document, text: str) -> None:
    """Take a typed voxel size for the image and all labels over it; one deed that undoes. SettingsError for others."""
    spacing = typed_size(text, document.spacing)
    layers = [layer for layer in document.layers if isinstance(layer, ImageLayer | LabelsLayer)]
    edits: list[Edit] = [
        PropertyEdit("Set the voxel size", layer.id, {"spacing": layer.spacing}, {"spacing": spacing})
        for layer in layers
        if layer.shape == document.shape and not layer.is_preview
    ]
    document.apply(Edits(f"Set the voxel size to {spacing.words}", tuple(edits)))
