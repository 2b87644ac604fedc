"""The quantise verb and what segmenting says of 8-bit weights that are not there."""

from pathlib import Path

import pytest

from empanada_desktop.cli import main
from empanada_desktop.io.tiff import read_tiff_recipe
from empanada_desktop.settings import HOME_VARIABLE, resources_folder

SAMPLE = str(resources_folder() / "sample" / "medulla.tif")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


def test_quantised_weights_are_refused_until_they_are_made_and_then_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "plane.tif"
    segment = ["segment-plane", SAMPLE, "--out", str(out), "--use-quantised", "--threads", "1"]
    assert main(segment) == 2
    said = capsys.readouterr().err
    assert "Error: There is no quantised form of MitoStarter_v1 yet." in said
    assert "empanada-desktop quantise VOLUME --weights MitoStarter_v1" in said
    assert not out.exists()
    assert main(["quantise", SAMPLE, "--planes", "2", "--threads", "1"]) == 0
    assert "Use it with --use-quantised." in capsys.readouterr().out
    assert main(segment) == 0
    assert f"The 8-bit form was measured on {Path(SAMPLE).name} (F1 " in capsys.readouterr().out
    recipe = read_tiff_recipe(out)
    assert recipe is not None
    assert "int8" in recipe["facts"]["ran_with"]
    assert recipe["params"]["use_quantised"] is True


def test_planes_of_nothing_cannot_be_quantised_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import numpy as np
    import tifffile

    empty = tmp_path / "empty.tif"
    tifffile.imwrite(empty, np.zeros((2, 64, 64), np.uint8))
    assert main(["quantise", str(empty), "--planes", "1", "--threads", "1"]) == 2
    assert "hold no objects" in capsys.readouterr().err
    assert not (tmp_path / "home" / "weights").exists()
