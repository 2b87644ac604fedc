"""A region of interest in 3D: read, segmented and written alone, as if cut out; grey values are those of the whole."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray

from empanada_desktop.cli import main
from empanada_desktop.core.context import Partial, QuietContext
from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.document.partial import PartialSource
from empanada_desktop.document.results import result_layers
from empanada_desktop.errors import JobCancelled, SettingsError
from empanada_desktop.io.ome_metadata import level_factors
from empanada_desktop.io.ome_zarr import ResultStore, finished_planes, is_complete, read_header, read_recipe
from empanada_desktop.io.volumes import VolumeRef, open_volume
from empanada_desktop.tasks import fuse, segment_volume
from empanada_desktop.tasks.demo import sample_path
from empanada_desktop.tasks.inference import SegmentationResult, volume_grey_range

SHAPE = (40, 72, 80)
REGION = Box((9, 11, 19), (33, 59, 70))
SPELLED = "9:33,11:59,19:70"
COMMON: dict[str, Any] = {"use_gpu": False, "threads": 1, "backend": "torch", "chunk_size": (16,), "min_size": 60}


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A volume, bright outside the region, so that the region alone has another grey range; and the region cut out."""
    folder = tmp_path_factory.mktemp("volumes")
    with open_volume(sample_path()) as sample:
        voxels = sample[20:60, 20:92, 110:190].astype(np.float32)
    voxels[:, :10] = 265
    paths = {"whole": folder / "whole.tif", "cut": folder / "cut.tif"}
    for name, part in (("whole", voxels), ("cut", voxels[REGION.slices])):
        metadata = {"axes": "ZYX", "spacing": 10.0, "unit": "nm"}
        tifffile.imwrite(paths[name], part, imagej=True, resolution=(0.1, 0.1), metadata=metadata)
    return {name: str(path) for name, path in paths.items()}


def segment(volume: str, out: Path, context: object = None, region: object = SPELLED, **params: object) -> Path:
    inputs = segment_volume.Inputs.checked({"volume": volume, "out": str(out), "region": region})
    chosen = segment_volume.Params.checked({**COMMON, **params})
    segment_volume.run(inputs, chosen, context or QuietContext())  # type: ignore[arg-type]
    return out


def labels_of(path: Path, group: str = "labels/mito", level: int = 0) -> NDArray[np.uint32]:
    return np.asarray(zarr.open_array(path / group / str(level), mode="r")[...])


@pytest.fixture
def same_grey(volumes: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is cut out is seen with the grey range of the whole."""
    with open_volume(volumes["whole"]) as whole, open_volume(volumes["cut"]) as cut:
        found = volume_grey_range(whole)
        assert found.high != volume_grey_range(cut).high
    monkeypatch.setattr(segment_volume, "volume_grey_range", lambda _volume: found)


@pytest.fixture(scope="module")
def ortho(volumes: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ortho") / "ortho.zarr"
    return segment(volumes["whole"], out, ortho_plane=True, return_stacks=True)


def test_inside_it_is_what_the_cut_out_volume_gives(
    ortho: Path, volumes: dict[str, str], same_grey: None, tmp_path: Path
) -> None:
    cut = segment(volumes["cut"], tmp_path / "cut.zarr", region=None, ortho_plane=True, return_stacks=True)
    assert labels_of(cut).any()
    for group in ("labels/mito", "stacks/xy/mito", "stacks/xz/mito", "stacks/yz/mito"):
        labels = labels_of(ortho, group)
        assert labels.shape == SHAPE
        np.testing.assert_array_equal(labels[REGION.slices], labels_of(cut, group))
        labels[REGION.slices] = 0
        assert not labels.any()
    recipe, header = read_recipe(ortho), read_header(ortho)
    assert recipe["inputs"]["region"] == [[9, 33], [11, 59], [19, 70]]
    assert recipe["facts"]["shape_zyx"] == list(SHAPE)
    assert header is not None
    assert header.region == REGION
    # 5 × 5 × 5 chunks make up the volume; those that the region does not touch are no files.
    written = list((ortho / "labels" / "mito" / "0").rglob("c/*/*/*"))
    assert 0 < len(written) <= 3 * 4 * 4


@pytest.mark.parametrize("plane", ["xy", "xz", "yz"])
def test_only_the_region_is_read_by_the_network(
    plane: str, volumes: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, ...]] = []
    from empanada_desktop.engine.predictor import Predictor

    predict = Predictor.predict

    def noting(predictor: Predictor, image: Any, *asked: Any) -> Any:
        seen.append(image.shape)
        return predict(predictor, image, *asked)

    monkeypatch.setattr(Predictor, "predict", noting)
    segment(volumes["whole"], tmp_path / "result.zarr", inference_plane=plane)
    axis = Axis(plane)
    rows, columns = (REGION.shape[place] for place in axis.in_plane)
    assert seen == [(rows, columns)] * REGION.shape[axis.normal]


@pytest.mark.parametrize("grain", [(1, 72, 80), (7, 16, 16)])
def test_a_cropped_volume_reads_its_box_and_nothing_else(grain: tuple[int, int, int], tmp_path: Path) -> None:
    voxels = np.arange(np.prod(SHAPE), dtype=np.uint32).reshape(SHAPE)
    array = zarr.create_array(str(tmp_path / "v.zarr"), shape=SHAPE, chunks=grain, dtype=np.uint32)
    array[...] = voxels
    expected = voxels[REGION.slices]
    with VolumeRef(str(tmp_path / "v.zarr"), region=REGION).open() as volume:
        asked: list[Box] = []
        read = volume._source.read
        volume._source.read = lambda box: (asked.append(box), read(box))[1]  # type: ignore[func-returns-value, method-assign]
        for axis in Axis:
            for index in range(volume.planes(axis)):
                np.testing.assert_array_equal(volume.read_plane(axis, index), np.take(expected, index, axis.normal))
            planes = [span for box in asked for span in range(*box.spans[axis.normal])]
            assert sorted(planes) == list(range(volume.planes(axis)))
            asked.clear()
        np.testing.assert_array_equal(volume[3:9, ::2, -4:], expected[3:9, ::2, -4:])
        assert volume.ref.region == REGION


def test_a_tiff_holds_the_region_and_says_where_it_lies(
    volumes: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, store = tmp_path / "part.tif", tmp_path / "part.zarr"
    options = ["--no-use-gpu", "--threads", "1", "--backend", "torch", "--min-size", "60", "--chunk-size", "16"]
    for path in (out, store):
        assert main(["segment-volume", volumes["whole"], "--out", str(path), "--region", SPELLED, *options]) == 0
    assert "It holds the region alone, from z 9, y 11, x 19 on." in capsys.readouterr().out
    np.testing.assert_array_equal(tifffile.imread(out), labels_of(store)[REGION.slices])
    with tifffile.TiffFile(out) as tif:
        plane = tifffile.xml2dict(tif.ome_metadata or "")["OME"]["Image"]["Pixels"]["Plane"][2]
    assert [plane[f"Position{axis}"] for axis in "ZYX"] == [110.0, 110.0, 190.0]
    assert plane["PositionXUnit"] == "nm"
    # In the window it lies over the volume.
    result = SegmentationResult(str(out), {}, 0.0, read_recipe(store) | {"inputs": {"region": REGION.spans}}, ())
    (layer,) = result_layers(result)
    assert layer.shape == SHAPE
    np.testing.assert_array_equal(layer.source[0:40, 0:72, 0:80], labels_of(store))


class StopsAt:
    """A context that is cancelled after some planes, and keeps what was offered to be shown."""

    def __init__(self, planes: int) -> None:
        self.left, self.offered = planes, list[Partial]()
        self.map = QuietContext().map

    def report(self, done: int, total: int, message: str = "") -> None:
        self.left -= message.endswith("planes")

    def check_cancelled(self) -> None:
        if self.left <= 0:
            raise JobCancelled

    def partial(self, partial: Partial) -> None:
        self.offered.append(partial)


def test_it_goes_on_to_the_same_bytes_and_shows_what_it_has(
    ortho: Path, volumes: dict[str, str], tmp_path: Path
) -> None:
    out, context = tmp_path / "again.zarr", StopsAt(60)  # in the second stack
    with pytest.raises(JobCancelled):
        segment(volumes["whole"], out, context, ortho_plane=True, return_stacks=True)
    assert 60 <= finished_planes(out) < 24 + 48
    with pytest.raises(SettingsError, match="region was"):
        segment(volumes["whole"], out, region="9:33,11:59,20:70", ortho_plane=True, return_stacks=True)
    preview = PartialSource(context.offered[-1])
    assert preview.shape == SHAPE
    shown = preview[0:40, 0:72, 0:80]
    assert shown[REGION.slices].any()
    shown[REGION.slices] = 0
    assert not shown.any()
    assert PartialSource(context.offered[4]).advance(8) == Box((14, 11, 19), (17, 59, 70))

    segment(volumes["whole"], out, ortho_plane=True, return_stacks=True)
    assert is_complete(out)
    assert content(out) == content(ortho)


def content(path: Path) -> dict[str, bytes]:
    files = {str(file.relative_to(path)): file for file in path.rglob("*") if file.is_file()}
    return {name: file.read_bytes() for name, file in files.items() if name != "zarr.json"}


def test_it_is_fused_anew(ortho: Path, volumes: dict[str, str], tmp_path: Path) -> None:
    out, tiff = tmp_path / "anew.zarr", tmp_path / "anew.tif"
    changes = fuse.Params.checked({"voxel_votes": 1, "dilate_labels": 1, "return_stacks": False})
    for path in (out, tiff):
        fuse.run(fuse.Inputs(result=str(ortho), out=str(path)), changes, QuietContext())
    again = segment(
        volumes["whole"],
        tmp_path / "again.zarr",
        ortho_plane=True,
        voxel_votes=1,
        dilate_labels=1,
        keep_predictions=False,
    )
    assert content(out) == content(again)
    np.testing.assert_array_equal(tifffile.imread(tiff), labels_of(out)[REGION.slices])
    assert labels_of(out).shape == SHAPE


def test_smaller_copies_hold_the_region(tmp_path: Path) -> None:
    region = Box((0, 33, 301), (3, 60, 390))
    store = ResultStore.create(tmp_path / "r.zarr", (4, 64, 600), Spacing(), 32, {}, region=region)
    array = store.label_array("labels/mito", 1, "mito", 1000)
    voxels = np.zeros((4, 64, 600), np.uint32)
    voxels[region.slices] = np.random.default_rng(1).integers(1, 9, region.shape)
    array[...] = voxels
    store.finish()
    for level, (z, y, x) in enumerate(level_factors((4, 64, 600), Spacing())):
        np.testing.assert_array_equal(labels_of(tmp_path / "r.zarr", level=level), voxels[::z, ::y, ::x])


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ("0:40,0:72,0:81", "0:40,0:72,0:81 reaches beyond the volume"),
        ("5:5,0:72,0:80", "nothing lies between z 5 and 5"),
        ("0:40,30:20,0:80", "nothing lies between y 30 and 20"),
        ("-3:40,0:72,0:80", "should be 0 or more"),
        ("0:40,0:72", "too few values"),
        ("0:40,0:72,a:b", "whole number"),
        ("0:40,0:15,0:80", "too thin along y for planes in xy"),
    ],
)
def test_what_is_no_region_is_refused_in_plain_words(
    region: str, words: str, volumes: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "none.zarr"
    assert main(["segment-volume", volumes["whole"], "--out", str(out), f"--region={region}", "--no-use-gpu"]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
    assert not out.exists()


def test_thinness_goes_by_what_the_network_sees() -> None:
    at: Callable[..., Any] = lambda **params: segment_volume.region_of(  # noqa: E731
        ((0, 1), (0, 72), (0, 30)), SHAPE, segment_volume.Params.checked(params)
    )
    assert at() == Box((0, 0, 0), (1, 72, 30))
    with pytest.raises(SettingsError, match="along x for planes in xy") as caught:
        at(image_downsampling=2)
    assert caught.value.hint == "Make it 32 voxels or more, or downsample less."
    with pytest.raises(SettingsError, match="along z for planes in xz"):
        at(ortho_plane=True)
    with pytest.raises(SettingsError, match="along z for planes in yz"):
        at(inference_plane="yz")
    # A volume may be as thin as it is.
    assert segment_volume.region_of(((0, 3), (0, 9), (0, 40)), (4, 9, 80), segment_volume.Params()) is not None
