"""Where missed and invented objects are, as labels of their own."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.blocks import blocks, count_blocks
from empanada_desktop.core.context import JobContext
from empanada_desktop.errors import SettingsError
from empanada_desktop.tasks.inference import TIFF_SUFFIXES, check_apart, check_tiff_output

if TYPE_CHECKING:
    from empanada_desktop.io.volumes import Volume

Ids = Collection[int]
CHUNK = 128
AT_ONCE = (64, 512, 512)


def check_layer_name(name: str, volumes: tuple[str, ...], overwrite: bool) -> Path:
    """Return where missed and invented objects are written; SettingsError where that may not be."""
    for volume in volumes:
        check_apart(name, volume, "one of the two to compare")
    if Path(name).suffix.lower() in TIFF_SUFFIXES:
        return check_tiff_output(name, overwrite)
    if Path(name).suffix.lower() != ".zarr":
        raise SettingsError(f"{name} is neither .zarr nor .tif.", "Name it X.zarr or X.tif.")
    return Path(name)


def write_layers(
    path: Path, truth: "Volume", prediction: "Volume", missed: Ids, invented: Ids, recipe: dict[str, Any],
    overwrite: bool, context: JobContext,
) -> None:  # fmt: skip
    """Write X.zarr with the labels missed and invented, ids kept; or X.tif: 1 missed, 2 invented, 3 both."""
    if path.suffix.lower() in TIFF_SUFFIXES:
        from empanada_desktop.io.tiff import write_label_tiff

        planes = _marked_planes(truth, prediction, missed, invented, context)
        write_label_tiff(path, planes, truth.shape, truth.spacing, recipe, np.uint8, overwrite=True)
        return
    from empanada_desktop.io.ome_zarr import ResultStore
    from empanada_desktop.io.volumes.faults import writing

    store = ResultStore.create(path, truth.shape, truth.spacing, CHUNK, recipe, overwrite)
    try:
        with writing(path):
            for name, volume, ids in (("missed", truth, missed), ("invented", prediction, invented)):
                _copy(volume, store.label_array(f"labels/{name}", 1, name, 2**31), ids, context, name)
        store.finish(recipe, context)
    except BaseException:  # a second Ctrl-C too
        store.discard()
        raise


def _copy(volume: "Volume", array: Any, ids: Ids, context: JobContext, name: str) -> None:  # noqa: ANN401 - zarr
    wanted, total = np.array(sorted(ids), np.int64), count_blocks(volume.shape, AT_ONCE)
    for done, box in enumerate(blocks(volume.shape, AT_ONCE), 1):
        context.check_cancelled()
        labels = volume[box.slices]
        array[box.slices] = np.where(np.isin(labels, wanted), labels, 0)
        context.report(done, total, f"Writing {name} objects")


def _marked_planes(
    truth: "Volume", prediction: "Volume", missed: Ids, invented: Ids, context: JobContext
) -> Iterator[NDArray[np.uint8]]:
    sides = [(truth, np.array(sorted(missed), np.int64)), (prediction, np.array(sorted(invented), np.int64))]
    for index in range(truth.shape[0]):
        context.check_cancelled()
        marks = [np.isin(volume[index], ids) for volume, ids in sides]
        yield (marks[0] + 2 * marks[1]).astype(np.uint8)
        context.report(index + 1, truth.shape[0], "Writing missed and invented objects")
