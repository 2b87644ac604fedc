"""What segmenting a plane and segmenting a volume do alike before and after the network runs."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.grey import GreyRange, grey_range_of_bands, sampled_planes, sampled_rows
from empanada_desktop.errors import SettingsError
from empanada_desktop.tasks.inference_params import InferenceParams, PlaneParams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from empanada_desktop.engine.plane import PlaneSettings
    from empanada_desktop.engine.tiled import TiledPredictor
    from empanada_desktop.io.volumes import Volume
    from empanada_desktop.io.weights import Weights, WeightsDescriptor

TIFF_SUFFIXES = (".tif", ".tiff")
PIXELS_AT_ONCE = 32 << 20
PIXELS_LOOKED_AT = 512 << 20  # of all planes together; more are sampled, so that a plane of any size opens soon
PLANES_SUMMED, PIXELS_SUMMED = 4, 1 << 20  # for a checksum that costs next to nothing


@dataclass(frozen=True)
class SegmentationResult:
    """Where a segmentation is, what is in it (objects of each class), and where it comes from."""

    out: str
    objects: dict[str, int]
    seconds: float
    recipe: dict[str, Any]
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        """Say in plain sentences what was made and where it is."""
        found = ", ".join(f"{count} {name}" for name, count in self.objects.items())
        return [*self.notes, f"Objects: {found}.", f"Time: {self.seconds:.1f} s.", f"Written to {self.out}"]


def volume_grey_range(volume: "Volume") -> GreyRange:
    """Find which grey values are black and white; from the same sampled xy planes whatever is segmented."""
    depth, height, width = volume.shape
    a_plane = PIXELS_LOOKED_AT // len(sampled_planes(depth))
    bands = sampled_rows(height, width, a_plane, min(a_plane // 2, PIXELS_AT_ONCE))

    def read_bands(index: int) -> "Iterator[NDArray[Any]]":
        if len(bands) == 1:
            yield volume.read_plane(Axis.XY, index)
        else:
            yield from (volume[index, rows, :] for rows in bands)

    return grey_range_of_bands(read_bands, depth, volume.dtype, height * width)


def checksum_of_voxels(volume: "Volume") -> str:
    """Return a checksum of some rows of some planes: it tells another volume of the same name, shape and dtype."""
    depth, height, width = volume.shape
    found = hashlib.sha256()
    for index in sampled_planes(depth, PLANES_SUMMED):
        for rows in sampled_rows(height, width, 2 * PIXELS_SUMMED, PIXELS_SUMMED):
            found.update(volume[index, rows, :].tobytes())
    return found.hexdigest()[:16]


def plane_settings(params: InferenceParams, descriptor: "WeightsDescriptor") -> "PlaneSettings":
    """Hand the parameters of a plane to the engine as single values."""
    return settings_for(params, frozenset(() if params.semantic_only else descriptor.thing_list))


def settings_for(params: InferenceParams, things: frozenset[int]) -> "PlaneSettings":
    """As plane_settings, with the classes that come as single objects."""
    from empanada_desktop.engine.plane import PlaneSettings

    return PlaneSettings(
        things=things,
        image_downsampling=params.image_downsampling,
        segmentation_confidence=params.segmentation_confidence,
        centre_confidence=params.centre_confidence,
        centre_min_distance=params.centre_min_distance,
        fine_boundaries=params.fine_boundaries,
        fill_holes=params.fill_holes,
        min_area=params.min_area if isinstance(params, PlaneParams) else 0,
    )


def load_predictor(
    weights: "Weights", params: InferenceParams, may_prepare: bool = True, device: str | None = None
) -> "TiledPredictor":
    """Load the network that the parameters ask for; it is shown planes whole or in tiles.

    may_prepare=False, for work of a few planes, leaves what makes the network faster but takes some seconds once.
    device: where it runs, in place of params.use_gpu.
    """
    from empanada_desktop.engine.predictor import Predictor
    from empanada_desktop.engine.tiled import BATCH_PIXELS, TiledPredictor, batch_of_tiles

    predictor = Predictor.from_weights(
        weights,
        use_gpu=params.use_gpu,
        threads=params.threads,
        backend=params.backend,
        use_quantised=params.use_quantised,
        may_prepare=may_prepare,
        device_name=device,
    )
    stride, on_card = weights.descriptor.network.size_factor, predictor.device.type != "cpu"
    batch, pixels = (batch_of_tiles(params.tile_size), BATCH_PIXELS) if on_card else (1, 0)
    tiled = TiledPredictor(predictor, stride, params.tile_size, batch, pixels)
    tiled.notes += predictor.notes
    return tiled


def result_facts(volume: "Volume", weights: "Weights", grey: GreyRange) -> dict[str, Any]:
    """Return what a recipe tells of the data and the weights."""
    return {
        "weights": {"name": weights.descriptor.name, "sha256": weights.descriptor.sha256},
        "weights_mean_std": [weights.descriptor.mean, weights.descriptor.std],
        "grey_range": grey.to_dict(),
        "shape_zyx": list(volume.shape),
        "dtype": str(volume.dtype),
        "voxel_size_nm_zyx": list(volume.spacing.zyx),
        "voxel_size_source": volume.spacing.source,
    }


def check_tiff_output(out: str, overwrite: bool) -> Path:
    """Return the path of a TIFF that may be written; AppError when it exists or has nowhere to go."""
    from empanada_desktop.io.volumes.faults import writing

    path = Path(out)
    if path.suffix.lower() not in TIFF_SUFFIXES:
        raise SettingsError(f"“{out}” is not a TIFF name.", "Give a name that ends in .tif.")
    with writing(path):
        is_folder, exists, parent = path.is_dir(), path.exists(), path.absolute().parent
        has_parent = parent.is_dir()
    if is_folder:
        raise SettingsError(f"{out} is a folder.", "Choose another name.")
    if exists and not overwrite:
        raise SettingsError(f"{out} exists already.", "Choose another name, or replace it with --overwrite.")
    if not has_parent:
        raise SettingsError(f"There is no folder {parent}.", "Make it first, or write elsewhere.")
    return path


def check_apart(out: str, volume: str, what: str = "the volume to segment") -> None:
    """See that writing `out` harms nothing of what is read, --overwrite or not; AppError when it would."""
    from empanada_desktop.io.volumes.faults import writing

    with writing(Path(out)):
        target, source = Path(out).resolve(), Path(volume).resolve()
        is_same = target == source or (target.exists() and source.exists() and target.samefile(source))
        is_around, is_inside = target in source.parents, source in target.parents and source.is_dir()
    if is_same or is_around:
        raise SettingsError(f"{out} is {what}, which is never replaced.", "Choose another name.")
    # A result folder among planes is passed over when they are opened again; anything else would count as a plane.
    if is_inside and (source.suffix == ".zarr" or target.suffix.lower() != ".zarr"):
        raise SettingsError(f"{out} lies inside {what}.", "Write to another folder.")
