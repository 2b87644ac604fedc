"""A real crop to write in every format, and the comparison that every opened volume has to stand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis
from empanada_desktop.io.volumes import Volume

SAMPLE = Path(__file__).parents[2] / "resources/sample/medulla.tif"


@pytest.fixture(scope="session")
def sample() -> NDArray[np.uint8]:
    """The bundled sample (FlyEM project, CC BY), z y x."""
    return np.asarray(tifffile.imread(SAMPLE))


@pytest.fixture(scope="session")
def crop(sample: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Three different lengths out of the middle of the sample."""
    return np.ascontiguousarray(sample[40:64, 50:114, 60:140])


@pytest.fixture(scope="session")
def assert_reads() -> Callable[[Volume, NDArray[Any]], None]:
    """Compare a volume with the array it should be: whole, in all three orientations, and in boxes."""
    return _assert_reads


def _assert_reads(volume: Volume, expected: NDArray[Any]) -> None:
    assert volume.shape == expected.shape
    assert volume.dtype == expected.dtype.newbyteorder("=")
    for axis in Axis:
        count = volume.planes(axis)
        assert count == expected.shape[axis.normal]
        for index in {0, count // 2, count - 1}:
            np.testing.assert_array_equal(volume.read_plane(axis, index), np.take(expected, index, axis.normal))
    z, y, x = (length // 3 for length in expected.shape)
    np.testing.assert_array_equal(volume[z:, y : y + 5, x:-1], expected[z:, y : y + 5, x:-1])
    np.testing.assert_array_equal(volume[...], expected)


@pytest.fixture(scope="session")
def assert_size() -> Callable[[Volume, tuple[float | None, ...], str], None]:
    """Compare a volume's voxel size (z y x in nm, None where unknown) and its source."""

    def compare(volume: Volume, expected: tuple[float | None, ...], source: str) -> None:
        known = [size if size is None else pytest.approx(size, rel=1e-6) for size in expected]
        assert list(volume.spacing.zyx) == known
        assert volume.spacing.source == source

    return compare
