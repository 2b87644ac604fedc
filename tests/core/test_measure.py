"""Measures against analytic ellipsoids and scikit-image; the tolerances are the claims."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation
from skimage.measure import perimeter_crofton, regionprops

from empanada_desktop.core import proofread_change
from empanada_desktop.core.context import QuietContext
from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.core.measure import Measurements, measure
from empanada_desktop.core.measure_columns import columns
from empanada_desktop.errors import JobCancelled

Labels = NDArray[Any]
CUBES = Spacing(1000.0, 1000.0, 1000.0, "typed")  # 1 µm
THICK = Spacing(40.0, 10.0, 10.0, "the file")


def ellipsoid(axes: tuple[float, float, float], sizes: tuple[float, float, float], turn: Any = None) -> Labels:
    """Return an ellipsoid of half `axes` (z y x, in the unit of the voxel's `sizes`), turned, in a box of its own."""
    reach = max(axes)
    shape = [2 * math.ceil(reach / size) + 5 for size in sizes]
    grid = np.indices(shape).reshape(3, -1).T
    places = (grid - (np.array(shape) - 1) / 2 + 0.3) * np.array(sizes)
    places = places if turn is None else turn.inv().apply(places)
    return ((places / np.array(axes)) ** 2).sum(axis=1).reshape(shape).__le__(1).astype(np.uint32) * 10_001


def true_surface(a: float, b: float, c: float) -> float:
    """Return the surface of an ellipsoid, by integrating over its parameters."""
    theta, phi = np.meshgrid(
        (np.arange(400) + 0.5) * math.pi / 400, (np.arange(800) + 0.5) * 2 * math.pi / 800, indexing="ij"
    )
    s, k = np.sin(theta), np.cos(theta)
    element = np.sqrt((b * c * s * np.cos(phi)) ** 2 + (a * c * s * np.sin(phi)) ** 2 + (a * b * k) ** 2) * s
    return float(element.sum() * (math.pi / 400) * (2 * math.pi / 800))


def of(table: Measurements, key: str, row: int = 0) -> Any:
    return table.values[key][row]


TURNS = [
    None,
    Rotation.from_euler("xyz", (31, 47, 12), degrees=True),
    Rotation.from_euler("xyz", (80, 5, 60), degrees=True),
]


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("axes", [(12.0, 12.0, 12.0), (9.0, 14.0, 24.0), (7.0, 18.0, 18.0)])
def test_ellipsoids_in_cubes(axes: tuple[float, float, float], turn: Any) -> None:
    table = measure(ellipsoid(axes, (1.0, 1.0, 1.0), turn), None, CUBES)
    volume, surface = 4 / 3 * math.pi * math.prod(axes), true_surface(*axes)
    assert of(table, "volume") == pytest.approx(volume, rel=0.01)
    assert of(table, "surface") == pytest.approx(surface, rel=0.03)
    lengths = [of(table, key) for key in ("length", "width", "thickness")]
    assert lengths == pytest.approx([2 * half for half in sorted(axes, reverse=True)], rel=0.015)
    assert of(table, "feret") == pytest.approx(2 * max(axes), abs=1.1)
    expected = math.pi ** (1 / 3) * (6 * volume) ** (2 / 3) / surface
    assert of(table, "sphericity") == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("turn", TURNS)
def test_ellipsoids_in_thick_voxels_with_nanometres(turn: Any) -> None:
    axes = (200.0, 260.0, 420.0)
    table = measure(ellipsoid(axes, (40.0, 10.0, 10.0), turn), None, THICK, unit="nm")
    assert of(table, "volume") == pytest.approx(4 / 3 * math.pi * math.prod(axes), rel=0.02)
    assert of(table, "surface") == pytest.approx(true_surface(*axes), rel=0.05)
    lengths = [of(table, key) for key in ("length", "width", "thickness")]
    assert lengths == pytest.approx([840, 520, 400], rel=0.02)
    assert of(table, "feret") == pytest.approx(840, abs=45)
    assert "40 × 10 × 10 nm" in table.notes[0]
    assert "the file" in table.notes[0]
    micro = measure(ellipsoid(axes, (40.0, 10.0, 10.0), turn), None, THICK)
    assert of(micro, "volume") == pytest.approx(of(table, "volume") / 1e9)
    assert of(micro, "surface") == pytest.approx(of(table, "surface") / 1e6)
    assert {column.key: column.unit for column in micro.columns}["surface"] == "µm²"


def test_a_small_ball_is_measured_too() -> None:
    table = measure(ellipsoid((4.0, 4.0, 4.0), (1.0, 1.0, 1.0)), None, CUBES)
    assert of(table, "surface") == pytest.approx(4 * math.pi * 16, rel=0.06)
    assert of(table, "sphericity") == pytest.approx(1, rel=0.06)


def random_objects(seed: int = 0) -> tuple[Labels, NDArray[np.uint16]]:
    draw = np.random.default_rng(seed)
    labels = np.zeros((30, 50, 60), np.uint32)
    grid = np.indices(labels.shape)
    for label_id in range(10_001, 10_009):
        middle, axes = draw.uniform(0.1, 0.9, 3) * labels.shape, draw.uniform(3, 9, 3)
        squares = sum(((grid[axis] - middle[axis]) / axes[axis]) ** 2 for axis in range(3))
        labels[squares < 1] = label_id
    return labels, draw.integers(0, 60_000, labels.shape).astype(np.uint16)


def test_space_agrees_with_scikit_image() -> None:
    labels, grey = random_objects()
    table = measure(labels, grey, Spacing())
    for row, region in enumerate(regionprops(labels.astype(np.int32), grey.astype(np.float64))):
        assert of(table, "id", row) == region.label
        assert of(table, "voxels", row) == region.area
        assert of(table, "feret", row) == pytest.approx(_widest(region.coords), abs=1e-9)
        assert region.feret_diameter_max - 1 < of(table, "feret", row) < region.feret_diameter_max + 1e-6
        assert [of(table, key, row) for key in "zyx"] == pytest.approx(region.centroid)
        assert of(table, "grey_mean", row) == pytest.approx(region.intensity_mean)
        assert of(table, "grey_sd", row) == pytest.approx(region.intensity_std)
        assert [of(table, f"grey_{key}", row) for key in ("min", "max")] == [region.intensity_min, region.intensity_max]
        assert of(table, "grey_median", row) == np.median(grey[labels == region.label])
        # scikit-image takes voxels for points; ours are bodies, which adds a twelfth to each variance.
        for key, variance in zip(("length", "width", "thickness"), _variances(region.coords), strict=True):
            assert of(table, key, row) == pytest.approx(2 * math.sqrt(5 * (variance + 1 / 12)))
        assert of(table, "length", row) == pytest.approx(region.axis_major_length, rel=0.05)


def _widest(places: NDArray[np.int64]) -> float:
    """Try all pairs of face middles."""
    halves = np.concatenate([np.eye(places.shape[1]), -np.eye(places.shape[1])]) / 2
    points = np.unique((places[:, None] + halves).reshape(-1, places.shape[1]), axis=0)
    outer = points[ConvexHull(points).vertices]
    return float(cdist(outer, outer).max())


def _variances(places: NDArray[np.int64]) -> list[float]:
    return np.linalg.eigvalsh(np.cov(places.T, bias=True))[::-1].tolist()


@pytest.mark.parametrize("axis", list(Axis))
def test_planes_agree_with_scikit_image(axis: Axis) -> None:
    labels, grey = random_objects(1)
    index = labels.shape[axis.normal] // 2
    plane = np.take(labels, index, axis.normal)
    table = measure(labels, grey, Spacing(), axis=axis, index=index)
    regions = regionprops(plane.astype(np.int32), np.take(grey, index, axis.normal).astype(np.float64))
    assert table.ids.tolist() == [region.label for region in regions]
    for row, region in enumerate(regions):
        assert of(table, "pixels", row) == region.area
        padded = np.pad(region.image, 1)
        assert of(table, "perimeter", row) == pytest.approx(perimeter_crofton(padded, 4), rel=1e-6)
        assert of(table, "feret", row) == pytest.approx(_widest(region.coords), abs=1e-9)
        assert region.feret_diameter_max - 1 < of(table, "feret", row) < region.feret_diameter_max + 1e-6
        assert of(table, "length", row) == pytest.approx(region.axis_major_length, rel=0.05, abs=0.3)
        assert of(table, "grey_mean", row) == pytest.approx(region.intensity_mean)
    assert of(table, "z" if axis is Axis.XY else "y" if axis is Axis.XZ else "x") == index


def test_a_disc_in_a_plane_needs_only_the_planes_voxel_size() -> None:
    rows, columns_ = np.indices((60, 60))
    labels = np.zeros((3, 60, 60), np.uint16)
    labels[1] = (rows - 30) ** 2 + (columns_ - 30) ** 2 <= 20.3**2
    table = measure(labels, None, Spacing(None, 10.0, 10.0, "the file"), axis=Axis.XY, index=1, unit="nm")
    assert of(table, "area") == pytest.approx(math.pi * 203**2, rel=0.01)
    assert of(table, "perimeter") == pytest.approx(2 * math.pi * 203, rel=0.02)
    assert of(table, "circularity") == pytest.approx(1, rel=0.03)


def test_contact_is_the_shared_part_of_the_surface() -> None:
    labels = np.zeros((40, 40, 60), np.uint32)
    labels[8:32, 8:32, 6:30], labels[8:32, 8:32, 30:54] = 10_001, 20_001
    table = measure(labels, None, CUBES, class_names={1: "mito"})
    one = measure(np.where(labels > 0, 10_001, 0), None, CUBES)
    for row in range(2):
        assert of(table, "contact", row) == pytest.approx(24 * 24, rel=0.125), "the worst case: a plane of voxels"
    outside = sum(of(table, "surface", row) - of(table, "contact", row) for row in range(2))
    assert outside == pytest.approx(of(one, "surface"))
    assert table.values["neighbours"].tolist() == ["20001", "10001"]
    assert table.values["class"].tolist() == ["mito", "2"]


def test_objects_of_one_voxel_and_of_one_row_have_figures() -> None:
    labels = np.zeros((5, 6, 400), np.uint32)
    labels[2, 2, 2], labels[4, 5, 10:390] = 1, 2
    table = measure(labels, None, Spacing())
    assert of(table, "feret") == pytest.approx(1)
    assert of(table, "length") == pytest.approx(2 * math.sqrt(5 / 12))
    assert of(table, "feret", 1) == pytest.approx(380)
    assert of(table, "width", 1) == pytest.approx(2 * math.sqrt(5 / 12))
    assert table.values["border"].tolist() == ["no", "yes"]
    flat = np.zeros((1, 30, 30), np.uint32)
    flat[0, 3:27, 3:27] = 1
    assert of(measure(flat, None, Spacing()), "feret") == pytest.approx(math.hypot(24, 23), abs=1e-6)


@pytest.mark.parametrize("axis", [None, Axis.XZ])
def test_blocks_and_zarr_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, axis: Axis | None) -> None:
    labels, grey = random_objects(2)
    whole = measure(labels, grey, THICK, axis=axis, index=20)
    monkeypatch.setattr(proofread_change, "BLOCK", (7, 11, 13))
    stored = zarr.create_array(tmp_path / "ids.zarr", shape=labels.shape, chunks=(8, 16, 16), dtype=labels.dtype)
    stored[:] = labels
    parts = measure(stored, grey, THICK, axis=axis, index=20)
    for column in whole.columns:
        if column.key in ("class", "neighbours", "border"):
            assert whole.values[column.key].tolist() == parts.values[column.key].tolist()
        else:
            np.testing.assert_allclose(
                whole.values[column.key], parts.values[column.key], rtol=1e-9, err_msg=column.key
            )


def test_only_the_chosen_objects_and_in_voxels_without_a_size() -> None:
    labels, _ = random_objects(3)
    table = measure(labels, None, Spacing(), [10_003, 10_001, 99])
    assert table.ids.tolist() == [10_001, 10_003]
    assert "Voxel size unknown" in table.notes[0]
    assert {column.key: column.heading for column in table.columns}["volume"] == "Volume (px³)"
    assert len(table.rows()[0]) == len(table.columns)
    assert len(measure(np.zeros((3, 3, 3), np.uint8), None, Spacing())) == 0


def test_every_column_says_how_it_is_measured() -> None:
    for in_plane in (False, True):
        for column in columns("µm", in_plane=in_plane, with_grey=True):
            assert len(column.definition) > 10
            assert column.definition.endswith(".")


def test_measuring_can_be_cancelled() -> None:
    class Cancelled(QuietContext):
        def report(self, done: int, total: int, message: str = "") -> None:
            if message == "Measuring objects" and done == 3:
                raise JobCancelled

    with pytest.raises(JobCancelled):
        measure(random_objects()[0], None, Spacing(), context=Cancelled())
