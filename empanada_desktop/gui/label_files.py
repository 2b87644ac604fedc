"""Files of other programs whose values look like ids: shown as labels, or as the image that they are after all."""

from functools import partial
from typing import TYPE_CHECKING

from empanada_desktop.document import ImageLayer, LabelsLayer, Layer
from empanada_desktop.document.foreign_labels import image_of, labels_of, swap
from empanada_desktop.errors import SettingsError
from empanada_desktop.gui.volume_desk import tell_apart

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace

LOOKS_LIKE = "looks like labels"


def add_labels(workspace: "Workspace", labels: LabelsLayer) -> None:
    """Put labels over what is open, with its voxel size where their file tells none."""
    document = workspace.document
    if not labels.spacing.is_known:
        labels.spacing = document.spacing
    tell_apart([labels], document.layers)
    document.add_layer(labels, None, f"Open {labels.title}")
    words = f"Opened {labels.title} as labels."
    workspace.window.toast.say(words, "Use as an image", lambda: use_as(workspace, labels))


def offer_labels(workspace: "Workspace", image: Layer, notes: list[str]) -> None:
    """Say that what was opened alone looks like labels, behind what else there is to say of it."""
    words = " ".join([*notes, f"{image.title} looks like labels."])
    workspace.window.bar.say(words, "warning", about=LOOKS_LIKE)
    workspace.window.bar.offer("Use as labels", lambda: use_as(workspace, image))


def use_as(workspace: "Workspace", layer: Layer) -> None:
    """Show the file of an image as labels, or the file of labels as an image; SettingsError for other layers."""
    if not isinstance(layer, ImageLayer | LabelsLayer):
        raise SettingsError(f"{layer.title} holds no voxels.", "Choose an image or labels.")

    def done(other: ImageLayer | LabelsLayer) -> None:
        workspace.window.bar.settle(LOOKS_LIKE)
        if layer in workspace.document.layers:
            swap(workspace.document, layer, other)

    workspace.window.background.run(partial(_other, layer), done)


def _other(layer: ImageLayer | LabelsLayer) -> ImageLayer | LabelsLayer:
    return labels_of(layer) if isinstance(layer, ImageLayer) else image_of(layer)
