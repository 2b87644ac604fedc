"""segment-plane in tiles: what it writes is what the tiles give at once, confined or not, and nothing else is left."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray

from empanada_desktop.core.context import QuietContext
from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.grey import GreyRange
from empanada_desktop.engine.device import memory_guard
from empanada_desktop.engine.plane import labels_from
from empanada_desktop.engine.predictor import PlaneOutputs, Predictor
from empanada_desktop.io.volumes import VolumeRef, open_volume
from empanada_desktop.io.weights import find_weights
from empanada_desktop.tasks import inference, segment_plane, segment_volume
from empanada_desktop.tasks.demo import sample_path
from empanada_desktop.tasks.inference import load_predictor, plane_settings
from empanada_desktop.tasks.inference_params import PlaneParams
from empanada_desktop.tasks.live_plane import LivePlane, LivePlanes

PARAMS = PlaneParams(use_gpu=False, threads=1, tile_size=128, backend="torch", fill_holes=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three planes of the sample, and labels in them: 7 a disc in plane 1."""
    folder = tmp_path_factory.mktemp("large")
    with open_volume(sample_path()) as sample:
        voxels = np.asarray(sample[98:101])
    labels = np.zeros(voxels.shape, np.uint16)
    rows, columns = np.indices(labels.shape[1:])
    labels[1:2, (rows - 80) ** 2 + (columns - 130) ** 2 < 20**2] = 7
    tifffile.imwrite(folder / "image.tif", voxels, photometric="minisblack")
    tifffile.imwrite(folder / "labels.tif", labels, photometric="minisblack")
    return folder


def written(folder: Path, **changed: object) -> tuple[NDArray[np.uint32], dict[str, int]]:
    out = folder / "out" / "labels.tif"
    out.parent.mkdir(exist_ok=True)
    values = {"volume": str(folder / "image.tif"), "out": str(out), "batch": True, "overwrite": True}
    result = segment_plane.run(segment_plane.Inputs.checked(values | changed), PARAMS, QuietContext())
    assert list(out.parent.iterdir()) == [out]
    with open_volume(out) as volume:
        return volume[...], result.objects


def at_once(grey: NDArray[np.uint8]) -> NDArray[np.uint32]:
    weights = find_weights(PARAMS.weights)
    predictor = load_predictor(weights, PARAMS)
    assert predictor.is_tiled((grey.shape[0], grey.shape[1]))
    outputs = predictor.predict(grey.astype(np.float32) / 255)
    return labels_from(outputs, plane_settings(PARAMS, weights.descriptor), PARAMS.max_objects_per_class)[0]


def test_every_plane_is_as_at_once(folder: Path) -> None:
    labels, objects = written(folder)
    image = tifffile.imread(folder / "image.tif")
    expected = np.stack([at_once(plane) for plane in image])
    np.testing.assert_array_equal(labels, expected)
    assert objects == {"mito": sum(len(np.unique(plane)) - 1 for plane in expected)}
    assert objects["mito"] > 8


@pytest.mark.parametrize("plane", ["xz", "yz"])
def test_other_orientations_and_regions_are_read_as_they_lie(folder: Path, plane: str) -> None:
    with open_volume(sample_path()) as sample:
        grey = sample.read_plane(Axis(plane), 60)[10:190, 3:]
    changed = {"volume": str(sample_path()), "batch": False, "index": 60, "plane": plane, "region": (10, 3, 190, 200)}
    np.testing.assert_array_equal(written(folder, **changed)[0][0], at_once(grey))


def test_confined_to_labels(folder: Path) -> None:
    free, _ = written(folder)
    labels, _ = written(folder, confine_to=str(folder / "labels.tif"))
    inside = tifffile.imread(folder / "labels.tif") == 7
    assert labels[1].any()
    assert not labels[~inside].any()
    assert ((labels > 0) == (free > 0))[inside].mean() > 0.95


def test_live_planes_and_volumes_take_tiles_too(folder: Path) -> None:
    live = LivePlanes()
    shown = live.group(LivePlane(VolumeRef(str(folder / "image.tif")), Axis.XY, 1), PARAMS, QuietContext())
    live.close()
    np.testing.assert_array_equal(shown.labels, written(folder)[0][1])
    results = []
    for tile_size in (0, 128):
        params = segment_volume.Params(
            use_gpu=False, threads=1, tile_size=tile_size, backend="torch", min_size=50, min_extent=2
        )
        out = folder / f"volume_{tile_size}.zarr"
        segment_volume.run(
            segment_volume.Inputs(volume=str(folder / "image.tif"), out=str(out)), params, QuietContext()
        )
        with open_volume(out) as volume:
            results.append(volume[...] > 0)
    assert 0.97 < (results[0] == results[1]).mean() < 1


@pytest.mark.parametrize("volume", [False, True])
def test_a_job_that_shows_less_at_once_for_lack_of_memory_says_so(
    folder: Path, volume: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Predictor.predict_many

    def with_little_memory(self: Predictor, planes: Sequence[NDArray[np.float32]], *rest: int) -> list[PlaneOutputs]:
        with memory_guard("Buy another one."):
            if sum(plane.size for plane in planes) > 300 * 300:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return original(self, planes, *rest)

    monkeypatch.setattr(Predictor, "predict_many", with_little_memory)
    tifffile.imwrite(folder / "wide.tif", np.tile(tifffile.imread(folder / "image.tif")[:2], (1, 2, 2)))
    task = segment_volume if volume else segment_plane
    out = folder / ("less.zarr" if volume else "less.tif")
    params = {"use_gpu": False, "threads": 1, "backend": "torch", "tile_size": 0 if volume else 384}
    inputs = task.Inputs.checked({"volume": str(folder / "wide.tif"), "out": str(out)})
    result = task.run(inputs, task.Params.checked(params), QuietContext())  # type: ignore[arg-type]
    assert [note for note in result.notes if "too little memory" in note] == [
        "The graphics card had too little memory: the network sees tiles of 256 pixels from there on."
    ]
    with open_volume(out) as labels:
        assert labels[...].any()


def test_the_grey_range_of_a_huge_plane_is_found_in_bands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the limits made small; no read is larger than a band, and an ordinary plane is read whole."""
    path = tmp_path / "plane.tif"
    values = np.random.default_rng(0).integers(0, 4096, (1, 300, 200), dtype=np.uint16)
    tifffile.imwrite(path, values, compression="zlib", tile=(64, 64), metadata={"axes": "ZYX"})
    with open_volume(path) as volume:
        whole = inference.volume_grey_range(volume)
        read: list[int] = []
        real = type(volume).__getitem__
        monkeypatch.setattr(type(volume), "__getitem__", lambda *asked: _noted(real(*asked), read))
        monkeypatch.setattr(inference, "PIXELS_LOOKED_AT", 20_000)
        monkeypatch.setattr(inference, "PIXELS_AT_ONCE", 4_000)
        assert inference.volume_grey_range(volume) == whole == GreyRange(0.0, 4095.0, "12 bits")
    assert sum(read) <= 20_000
    assert max(read) <= 4_000


def _noted(values: NDArray[np.uint16], read: list[int]) -> NDArray[np.uint16]:
    read.append(values.size)
    return values
