"""Planes confined to the voxels of a label: the same from the command line, in a batch, and live."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from empanada_desktop.cli import main
from empanada_desktop.core.confine import PlaneMask, inside_of, window_of
from empanada_desktop.core.context import QuietContext
from empanada_desktop.core.geometry import Axis
from empanada_desktop.errors import SettingsError
from empanada_desktop.io.volumes import VolumeRef, open_volume
from empanada_desktop.tasks import segment_plane
from empanada_desktop.tasks.demo import sample_path
from empanada_desktop.tasks.inference_params import PlaneParams
from empanada_desktop.tasks.live_plane import LivePlane, LivePlanes

PARAMS = PlaneParams(use_gpu=False, threads=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A crop of the sample, and labels in it: 7 a disc in planes 1 and 2, 9 the right edge of every plane."""
    folder = tmp_path_factory.mktemp("confined")
    with open_volume(sample_path()) as sample:
        voxels = np.asarray(sample[98:102, 60:, :])
    labels = np.zeros(voxels.shape, np.uint16)
    rows, columns = np.indices(labels.shape[1:])
    labels[1:3, (rows - 80) ** 2 + (columns - 130) ** 2 < 50**2] = 7
    labels[:, :, -20:] = 9
    tifffile.imwrite(folder / "image.tif", voxels, photometric="minisblack")
    tifffile.imwrite(folder / "labels.tif", labels, photometric="minisblack")
    return folder


def planes(folder: Path, name: str, **changed: object) -> NDArray[np.uint32]:
    values = {"volume": str(folder / "image.tif"), "out": str(folder / name), "batch": True, "overwrite": True}
    segment_plane.run(segment_plane.Inputs.checked(values | changed), PARAMS, QuietContext())
    return np.asarray(tifffile.imread(folder / name))


def test_objects_lie_inside_the_chosen_label_only(folder: Path) -> None:
    everywhere = planes(folder, "free.tif")
    confined = planes(folder, "confined.tif", confine_to=str(folder / "labels.tif"), confine_ids=(7,))
    labels = tifffile.imread(folder / "labels.tif")
    assert (everywhere[1][labels[1] != 7] > 0).any()
    assert (confined[1] > 0).any()
    assert not confined[labels != 7].any()
    assert not confined[0].any()
    # What the network sees round the label makes it find nearly the same there as in the whole plane.
    disc = labels[1] == 7
    assert ((confined[1] > 0) == (everywhere[1] > 0))[disc].mean() > 0.97


def test_the_command_line_takes_the_same_names(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image, labels, out = (str(folder / name) for name in ("image.tif", "labels.tif", "line.tif"))
    line = ["segment-plane", image, "--out", out, "--index", "1", "--no-use-gpu", "--threads", "1"]
    assert main([*line, "--confine-to", labels, "--confine-ids", "7", "9", "42"]) == 0
    assert "There is no label 42 in that plane." in capsys.readouterr().out
    both = tifffile.imread(out)
    assert both.any()
    assert not both[~np.isin(tifffile.imread(labels)[1], (7, 9))].any()
    with open_volume(out):
        assert main([*line, "--overwrite", "--confine-to", str(folder / "gone.tif")]) == 2
    assert "gone.tif" in capsys.readouterr().err


def test_labels_of_another_volume_are_refused(folder: Path) -> None:
    tifffile.imwrite(folder / "small.tif", np.ones((4, 8, 8), np.uint8), photometric="minisblack")
    with pytest.raises(SettingsError, match="4 × 8 × 8"):
        planes(folder, "refused.tif", confine_to=str(folder / "small.tif"))
    assert not (folder / "refused.tif").exists()


def test_live_and_written_planes_agree_and_the_network_runs_once(folder: Path) -> None:
    labels = tifffile.imread(folder / "labels.tif")[1]
    inside = inside_of(labels, (7,))
    window = window_of(inside)
    assert window is not None
    top, left, bottom, right = window
    live = LivePlanes()
    ref = VolumeRef(str(folder / "image.tif"))
    seen = inside[top:bottom, left:right]
    plane = LivePlane(ref, Axis.XY, 1, window, PlaneMask.of(seen))
    found = live.group(plane, PARAMS, QuietContext()).labels
    written = planes(folder, "written.tif", confine_to=str(folder / "labels.tif"), confine_ids=(7,))[1]
    np.testing.assert_array_equal(found, written[top:bottom, left:right])
    lower = seen.copy()
    lower[: np.flatnonzero(found.any(axis=1))[0] + 5] = False
    half = LivePlane(ref, Axis.XY, 1, window, PlaneMask.of(lower))
    assert not live.predict(half, PARAMS, QuietContext()).ran
    halved = live.group(half, PARAMS, QuietContext()).labels
    assert halved.any()
    assert not halved[~lower].any()
    live.close()


def test_masks_and_windows() -> None:
    inside = np.zeros((300, 13), bool)
    assert window_of(inside) is None
    inside[200, 4:6] = True
    assert window_of(inside, 10) == (190, 0, 211, 13)
    np.testing.assert_array_equal(PlaneMask.of(inside).inside, inside)
    np.testing.assert_array_equal(inside_of(np.array([[0, 3, 5]]), ()), [[False, True, True]])
