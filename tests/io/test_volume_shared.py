"""The real volumes beside the repository open with the voxel sizes that their README tells."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.grey import grey_range
from empanada_desktop.io.volumes import Volume, open_volume

Check = Callable[[Volume, NDArray[Any]], None]
SizeCheck = Callable[[Volume, tuple[float | None, ...], str], None]

DATA = Path(__file__).parents[3] / "shared/data"
FOLDERS: dict[str, tuple[tuple[float | None, ...], str]] = {
    "flyem_medulla_fibsem": ((10, 10, 10), "ImageJ spacing"),
    "cdeep3m_sbem": ((None, 5.9, 5.9), "TIFF resolution"),
    "vnc_sstem": ((47.5, 4.6, 4.6), "ImageJ spacing"),
    "axondeepseg_tem_2d": ((None, 4.93, 4.93), "TIFF resolution"),
}
SINGLE: dict[str, tuple[tuple[float | None, ...], str]] = {
    "c_elegans_em_stack.tif": ((None, None, None), "unknown"),
    "em_fly_eye_2d.tif": ((None, None, None), "unknown"),
    "em_mitochondria_er_2d.tif": ((None, 8, 8), "TIFF resolution"),
}


@pytest.fixture
def data() -> Path:
    if not DATA.is_dir():
        pytest.skip("the shared data sets are not beside the repository")
    return DATA


def check(path: Path, assert_size: SizeCheck, expected: tuple[float | None, ...], source: str) -> None:
    with open_volume(path) as volume:
        assert_size(volume, expected, source)
        assert volume.notes == []
        array = tifffile.imread(path)
        array = array.reshape(volume.shape)
        for axis in Axis:
            middle = volume.planes(axis) // 2
            np.testing.assert_array_equal(volume.read_plane(axis, middle), np.take(array, middle, axis.normal))
        assert grey_range(lambda z: volume.read_plane(Axis.XY, z), volume.planes(Axis.XY), volume.dtype).low == 0


@pytest.mark.parametrize("folder", FOLDERS)
def test_folders(data: Path, assert_size: SizeCheck, folder: str) -> None:
    files = sorted((data / folder).glob("*.tif"))
    assert files
    for path in files:
        check(path, assert_size, *FOLDERS[folder])


@pytest.mark.parametrize("name", SINGLE)
def test_single_files(data: Path, assert_size: SizeCheck, name: str) -> None:
    check(data / "neubias_ccby" / name, assert_size, *SINGLE[name])
