"""Shows what was opened: as another layer where it fits, otherwise instead of what is open; no file twice unasked."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from empanada_desktop.document import ImageLayer, LabelsLayer, Layer
from empanada_desktop.document.editable import file_of
from empanada_desktop.document.results import add_layers
from empanada_desktop.gui.label_files import add_labels, offer_labels
from empanada_desktop.gui.moved_files import Wanted
from empanada_desktop.gui.opening import Opened
from empanada_desktop.gui.volume_desk import tell_apart

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace

Then = Callable[[], object]


class Opener:
    """Puts opened files into the workspace's document."""

    def __init__(self, workspace: "Workspace") -> None:
        self._workspace, self._window = workspace, workspace.window
        self._document, self._session = workspace.document, workspace.session

    def take(self, opened: Opened, then: Then) -> None:
        """Show an opened file, as another layer where it fits what is open, otherwise instead of it; then call `then`.

        What is open already only becomes active. Where what is open cannot be kept and the user stays with it, nothing
        happens.
        """
        self._session.when_settled(lambda: self._take(opened, then))

    def restored(self, title: str) -> None:
        """A session was brought back into the document: say what it is."""
        image = self._workspace.image()
        self._tell_title(image.title if image is not None else title)
        self._window.status.show_voxel(self._document.spacing)
        self._workspace.show_position(self._document.view.crosshair)

    def _take(self, opened: Opened, then: Then) -> None:
        twins = [self._twin(layer) for layer in opened.layers]
        shown = [twin for twin in twins if twin is not None]
        if shown and len(shown) == len(twins):
            self._show_twins(shown, lambda: self._session.when_settled(lambda: self._show(opened, then)), then)
        else:
            rest = [layer for layer, twin in zip(opened.layers, twins, strict=True) if twin is None]
            self._show(replace(opened, layers=rest), then)

    def _twin(self, layer: Layer) -> Layer | None:
        """The layer that shows the same file already."""
        place = file_of(layer)
        others = (other for other in self._document.layers if not other.is_preview)
        return next((other for other in others if place is not None and file_of(other) == place), None)

    def _show_twins(self, twins: list[Layer], again: Then, then: Then) -> None:
        then()
        if self._document.active not in twins:
            self._document.active = twins[-1]
        self._window.toast.say(f"{twins[-1].title} is open already.", "Open it again", again)

    def _show(self, opened: Opened, then: Then) -> None:
        document = self._document
        if opened.layers and (not document.layers or opened.layers[0].shape != document.shape):
            self._show_instead(opened, then)
            return
        if opened.labels is not None and opened.layers:
            add_labels(self._workspace, opened.labels)
        else:
            self._add(opened, 0)
        then()

    def _show_instead(self, opened: Opened, then: Then) -> None:
        """Close what is open, which is kept, and say how to get back."""
        before, folder = next((layer.title for layer in self._document.layers), ""), self._session.folder

        def show() -> None:
            self._add(opened)
            self._first_look(opened)
            then()
            if before and folder is not None:
                words = f"{before} was closed: {opened.layers[0].title} has another size."
                self._window.toast.say(words, f"Back to {before}", lambda: self._window.go_on(Wanted(folder)))

        self._workspace.clear(show)

    def _add(self, opened: Opened, place: int | None = None) -> None:
        tell_apart(opened.layers, self._document.layers)
        for image in (layer for layer in opened.layers if isinstance(layer, ImageLayer)):
            self._document.add_layer(image, place, f"Open {image.title}")
        labels = [layer for layer in opened.layers if isinstance(layer, LabelsLayer)]
        if labels:  # the classes and stacks of a result, which are one step to undo
            title = labels[0].title if len(labels) == 1 else Path(opened.path).stem
            add_layers(self._document, labels[::-1], f"Open {title}")
        if opened.layers:
            self._tell_title(opened.layers[0].title)

    def _first_look(self, opened: Opened) -> None:
        document, workspace = self._document, self._workspace
        document.history.clear()
        document.history_changed.emit()
        z, y, x = document.shape
        document.change_view(crosshair=(z // 2, y // 2, x // 2), zoom=0.0, centre=None)
        if z == 1:  # a single image has one view worth showing
            workspace.grid.maximise("xy")
        self._window.status.show_voxel(document.spacing)
        workspace.form.show_mode("plane")
        self._session.opened(opened.path)
        self._window.offer_work_on(opened.path)
        notes = [layer.note for layer in opened.layers if layer.note and isinstance(layer, ImageLayer)]
        if opened.labels is not None:
            offer_labels(workspace, opened.layers[0], notes)
        elif notes:
            self._window.bar.say(" ".join(notes), "warning")

    def _tell_title(self, title: str) -> None:
        self._window.setWindowTitle(f"{title} - empanada")
