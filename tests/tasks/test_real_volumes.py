"""Segmenting each of the real volumes whole, from the command line; full runs of minutes, so marked long."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray

from empanada_desktop.cli import main
from empanada_desktop.io.volumes import open_volume
from empanada_desktop.tasks.demo import sample_path

DATA = Path(__file__).parents[3] / "shared/data"
VOLUMES = {
    "flyem_medulla_fibsem/training_sample1_raw.tif": (10.0, 10.0, 10.0),
    "flyem_medulla_fibsem/training_sample2_raw.tif": (10.0, 10.0, 10.0),
    "flyem_medulla_fibsem/validation_crop200_raw.tif": (10.0, 10.0, 10.0),
    "cdeep3m_sbem/training_raw.tif": (None, 5.9, 5.9),
    "cdeep3m_sbem/extra_sections_v1_raw.tif": (None, 5.9, 5.9),
    "vnc_sstem/sections00_15_raw.tif": (47.5, 4.6, 4.6),
    "neubias_ccby/c_elegans_em_stack.tif": None,
    "neubias_ccby/em_fly_eye_2d.tif": None,
    "axondeepseg_tem_2d/sub-366A_sample-0001_acq-roi_TEM_raw.tif": (None, 4.93, 4.93),
}

pytestmark = pytest.mark.long


def segment(volume: Path, out: Path) -> int:
    assert main(["segment-volume", str(volume), "--out", str(out), "--no-use-gpu", "--chunk-size", "64,256,256"]) == 0
    with open_volume(out) as labels:
        ids: set[int] = set()
        for start in range(0, labels.shape[0], 32):
            ids.update(np.unique(labels[start : start + 32]).tolist())
    return len(ids - {0})


@pytest.mark.parametrize("name", VOLUMES)
def test_every_real_volume_is_segmented_and_reopens(name: str, tmp_path: Path) -> None:
    if not DATA.is_dir():
        pytest.skip("the shared data sets are not beside the repository")
    out = tmp_path / "x.zarr"
    count = segment(DATA / name, out)
    print(f"{name}: {count} objects")  # noqa: T201 - shown by -rP
    with open_volume(DATA / name) as volume, open_volume(out) as labels:
        assert labels.shape == volume.shape
        assert labels.spacing.zyx == volume.spacing.zyx
        if VOLUMES[name] is not None:
            for found, expected in zip(labels.spacing.zyx, VOLUMES[name] or (), strict=True):
                assert found == (expected if expected is None else pytest.approx(expected, rel=1e-3))
        known = [1.0 if size is None else size for size in volume.spacing.zyx]
    assert zarr.open_group(str(out), mode="r")["labels/mito/0"].shape == labels.shape  # type: ignore[union-attr]
    multiscales = zarr.open_group(str(out), mode="r")["labels/mito"].attrs["ome"]["multiscales"]  # type: ignore[index,call-overload]
    assert multiscales[0]["datasets"][0]["coordinateTransformations"][0]["scale"] == pytest.approx(known)


@pytest.fixture(scope="module")
def sample() -> NDArray[np.uint8]:
    with open_volume(sample_path()) as volume:
        return volume[:]


@pytest.fixture(scope="module")
def sample_count(tmp_path_factory: pytest.TempPathFactory) -> int:
    return segment(sample_path(), tmp_path_factory.mktemp("sample") / "x.zarr")


@pytest.mark.parametrize(
    ("kind", "tolerance"), [("12 bits in uint16", 0.03), ("int32 with negatives", 0.3), ("float32", 0.3)]
)
def test_copies_of_the_sample_in_other_types_have_the_same_objects(
    kind: str, tolerance: float, sample: NDArray[np.uint8], sample_count: int, tmp_path: Path
) -> None:
    copies = {
        "12 bits in uint16": sample.astype(np.uint16) * 16,
        "int32 with negatives": sample.astype(np.int32) * 1000 - 100_000,
        "float32": sample.astype(np.float32) / 97 - 1,
    }
    tifffile.imwrite(tmp_path / "copy.tif", copies[kind], photometric="minisblack")
    found = segment(tmp_path / "copy.tif", tmp_path / "x.zarr")
    print(f"{kind}: {found} objects, {sample_count} in uint8")  # noqa: T201 - shown by -rP
    assert sample_count > 10
    assert abs(found - sample_count) <= tolerance * sample_count
