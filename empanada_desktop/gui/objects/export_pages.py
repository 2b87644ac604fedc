"""Files of labels and images: planes or a volume, tiles to annotate one by one, and tiles merged back; as jobs."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QCheckBox, QComboBox, QFileDialog

from empanada_desktop.core.plurals import counted
from empanada_desktop.document import ImageLayer, LabelsLayer
from empanada_desktop.errors import SettingsError
from empanada_desktop.gui.form_rows import narrow_combo
from empanada_desktop.gui.objects.desk import ObjectsDesk
from empanada_desktop.gui.objects.label_jobs import LabelJobs, image_address, known_size
from empanada_desktop.gui.objects.task_page import PathField, TaskPage, ask_folder
from empanada_desktop.jobs.spec import JobSpec

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace
    from empanada_desktop.io.volumes import VolumeRef

REPLACES = "Replace files that are there"
NO_FILE = "The image lies in no file; save it first."
EXPORT_WORDS = "Writes the labels as they are now, unsaved changes included, as TIFF files into masks/."
CUT_WORDS = "Cuts every xy plane into square TIFF files that can be annotated one by one, here or elsewhere."
MERGE_WORDS = "Puts tiles that were cut here back together. Ids stay as they are in the tiles."
TIFF = "TIFF (*.tif)"


class Exports:
    """The three pages, and the jobs that they start."""

    def __init__(self, workspace: "Workspace") -> None:
        self.workspace = workspace
        self.desk = ObjectsDesk.of(workspace)
        self.jobs = LabelJobs(self.desk)

    # Planes or a volume

    def ask_export(self) -> None:
        """Ask how the labels are to be written."""
        from empanada_desktop.tasks import export_planes

        layer, image = self._labels(), self._image_like()
        page = TaskPage(self._window, f"Export {layer.title}", EXPORT_WORDS, export_planes.Params, "Export")
        folder = PathField("Folder", lambda: ask_folder(page, "Export to"))
        greys, replaces = QCheckBox("Grey images too, into images/"), QCheckBox(REPLACES)
        can_have_greys = image is not None and image.ref is not None
        greys.setEnabled(can_have_greys)
        page.add_row("Folder", folder)
        page.add_row("With it", greys, "" if can_have_greys or image is None else NO_FILE)
        page.add_row("", replaces)

        def start() -> None:
            path, dataset = image_address(image if greys.isChecked() else None)
            values: dict[str, Any] = {
                "voxel_size": known_size(layer), "image": path, "image_dataset": dataset, "out": folder.path(),
                "name": file_name(layer.title), "overwrite": replaces.isChecked(),
            }  # fmt: skip
            params = _params(page)

            def spec(ref: "VolumeRef") -> JobSpec:
                inputs = export_planes.Inputs(labels=str(ref.path), dataset=ref.dataset, **values)
                return JobSpec("export-planes", params, inputs)

            self.jobs.start([layer], spec, f"Export {layer.title}", self._exported)

        page.when_started(start)
        page.open()

    def _exported(self, result: Any) -> None:  # noqa: ANN401 - an ExportResult, loaded by its job
        kinds = " and ".join(result.kinds)
        files = counted(result.files, "file")
        self._window.toast.say(f"Wrote {files} of {kinds} to {Path(result.out).name}.")

    # Tiles

    def ask_cut(self) -> None:
        """Ask how large tiles are to be, and whether a mask is cut with the image."""
        from empanada_desktop.tasks import cut_tiles

        image = self.workspace.image()
        if image is None or image.ref is None:
            raise SettingsError("Only an image that lies in a file can be cut.", "Open the image first.")
        path, dataset = image_address(image)
        page = TaskPage(self._window, f"Cut {image.title} into tiles", CUT_WORDS, cut_tiles.Params, "Cut")
        folder, replaces = PathField("Folder", lambda: ask_folder(page, "Tiles go to")), QCheckBox(REPLACES)
        masks = QComboBox()
        narrow_combo(masks)
        masks.addItem("No mask", None)
        for layer in self.workspace.document.of_kind(LabelsLayer):
            if layer.shape == image.shape and not layer.is_preview:
                masks.addItem(layer.title, layer.id)
        page.add_row("Mask", masks)
        page.add_row("Folder", folder)
        page.add_row("", replaces)

        def start() -> None:
            out, is_replaced, params = folder.path(), replaces.isChecked(), _params(page)
            mask = self.workspace.document.layer(masks.currentData()) if masks.currentData() else None

            def spec(ref: "VolumeRef | None" = None) -> JobSpec:
                inputs = cut_tiles.Inputs(
                    image=str(path), dataset=dataset, mask=None if ref is None else str(ref.path),
                    mask_dataset=None if ref is None else ref.dataset, out=out, overwrite=is_replaced,
                )  # fmt: skip
                return JobSpec("cut-tiles", params, inputs)

            layers = [mask] if isinstance(mask, LabelsLayer) else []
            self.jobs.start(layers, spec, f"Cut {image.title} into tiles", self._cut)

        page.when_started(start)
        page.open()

    def _cut(self, result: Any) -> None:  # noqa: ANN401 - a TilesResult
        self._window.toast.say(f"Wrote {counted(result.tiles, 'tile')} to {Path(result.out).name}.")

    def ask_merge(self) -> None:
        """Ask where the tiles are, and what is to become of them."""
        from empanada_desktop.tasks import merge_tiles

        page = TaskPage(self._window, "Merge tiles", MERGE_WORDS, None, "Merge")
        tiles = PathField("Tiles", lambda: ask_folder(page, "Folder with tiles.json"))
        targets = {kind: PathField(kind, partial(_ask_tiff, page, kind)) for kind in ("Mask", "Image")}
        replaces = QCheckBox(REPLACES)
        page.add_row("Tiles", tiles, "The folder with tiles.json, images/ and masks/.")
        for kind, field in targets.items():
            page.add_row(kind, field)
        page.add_row("", replaces)

        def propose(text: str) -> None:
            folder = Path(text.strip()).expanduser()
            for kind, field in targets.items():
                is_there = bool(text.strip()) and (folder / f"{kind.lower()}s").is_dir()
                field.line.setText(str(folder.parent / f"{folder.name}_{kind.lower()}.tif") if is_there else "")

        tiles.changed.connect(propose)

        def start() -> None:
            wanted = {kind.lower(): field.line.text().strip() or None for kind, field in targets.items()}
            if not any(wanted.values()):
                raise SettingsError("Nothing is to be written.", "Say where the mask or the image goes.")
            inputs = merge_tiles.Inputs(tiles=tiles.path(), overwrite=replaces.isChecked(), **wanted)
            self.jobs.start(
                [], lambda: JobSpec("merge-tiles", merge_tiles.Params(), inputs), "Merge tiles", self._merged
            )

        page.when_started(start)
        page.open()

    def _merged(self, result: Any) -> None:  # noqa: ANN401 - a MergedResult
        names, first = [Path(each).name for each in result.files], str(result.files[-1])
        self._window.toast.say(f"Merged into {' and '.join(names)}.", "Open", lambda: self._window.open_path(first))

    # What there is

    @property
    def _window(self) -> Any:  # noqa: ANN401 - the main window, which imports this
        return self.workspace.window

    def _labels(self) -> LabelsLayer:
        layer = self.workspace.labels()
        if layer is None or layer.is_preview:
            raise SettingsError("There are no labels to export.", "Keep the preview as labels, or open labels.")
        return layer

    def _image_like(self) -> ImageLayer | None:
        image, layer = self.workspace.image(), self._labels()
        return image if image is not None and image.shape == layer.shape else None


def _params(page: TaskPage) -> Any:  # noqa: ANN401 - the task's own Params
    return None if page.form is None else page.form.params()


def _ask_tiff(page: TaskPage, kind: str) -> str:
    path, _ = QFileDialog.getSaveFileName(page, f"{kind} to write", f"{kind.lower()}.tif", TIFF)
    return path


def file_name(title: str) -> str:
    """Return a title as the beginning of file names."""
    return "".join(each if each.isalnum() or each in "-_." else "_" for each in title).strip("._") or "labels"
