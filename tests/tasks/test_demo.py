"""The main job without a window: the sample's result as OME-Zarr, TIFF and picture, and what is said of it."""

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

from empanada_desktop.cli import main
from empanada_desktop.io.volumes import open_volume
from empanada_desktop.tasks import demo


def test_the_sample_is_segmented_drawn_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a corner of the sample in place of it."""
    with open_volume(demo.sample_path()) as whole:
        corner = whole[96:104, 60:160, 40:150]
    tifffile.imwrite(tmp_path / "corner.tif", corner, imagej=True, metadata={"axes": "ZYX", "spacing": 8, "unit": "nm"})
    monkeypatch.setattr(demo, "sample_path", lambda: tmp_path / "corner.tif")
    folder = tmp_path / "output"
    folder.mkdir()
    (folder / "corner_mitochondria.tif").write_text("of an earlier run")
    arguments = ["demo", "--folder", str(folder), "--no-use-gpu", "--threads", "1", "--backend", "torch"]
    assert main([*arguments, "--min-size", "50", "--min-extent", "2"]) == 0
    said = capsys.readouterr().out
    stem = folder / "corner_mitochondria"
    assert re.search(r"Objects: \d+ mito\.\nTime: [\d.]+ s\.\nWritten to ", said)
    for path in (f"Written to {stem}.zarr", f"As TIFF: {stem}.tif", f"Picture: {stem}.png"):
        assert path in said
    assert sorted(path.suffix for path in folder.iterdir()) == [".png", ".tif", ".zarr"]
    with open_volume(f"{stem}.zarr") as labels, open_volume(f"{stem}.tif") as copy, open_volume(f"{stem}.png") as drawn:
        assert labels.shape == corner.shape
        assert labels[:].any()
        np.testing.assert_array_equal(copy[:], labels[:])
        assert copy.spacing.zyx[0] == labels.spacing.zyx[0] == 8
        assert drawn.shape[0] == 1
        assert min(drawn.shape[1:]) > 100
        assert drawn[:].std() > 10
