"""Several volumes in one command: a result each, a fault in one does not stop the others, and it goes on."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from empanada_desktop.cli import main
from empanada_desktop.errors import SettingsError
from empanada_desktop.io.ome_zarr import is_complete, read_recipe
from empanada_desktop.jobs.batch import jobs_of, result_names
from empanada_desktop.tasks.segment_volume import Params


@pytest.fixture
def volumes(tiny_volume: str, tmp_path: Path) -> list[str]:
    """Two of one name, and one that is no volume between them."""
    places = [tmp_path / name / "cells.tif" for name in ("first", "second", "third")]
    for place in places:
        place.parent.mkdir()
        shutil.copy(tiny_volume, place)
    places[1].write_bytes(b"no volume")
    return [str(place) for place in places]


def segment(volumes: list[str], out: Path, weights: str, *more: str) -> int:
    values = ["--weights", weights, "--backend", "torch", "--no-use-gpu", "--threads", "1", "--min-size", "0"]
    return main(["segment-volume", *volumes, "--out", str(out), *values, *more])


def test_each_volume_gets_its_result_and_faults_are_told_at_the_end(
    volumes: list[str], tiny_volume: str, tiny_weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results"
    assert segment(volumes, out, tiny_weights) == 2
    said = capsys.readouterr()
    assert [line for line in said.out.splitlines() if line.startswith("--")] == [f"-- {volumes[0]}", f"-- {volumes[2]}"]
    assert f"Error: {volumes[1]} " in said.err
    assert said.err.count(volumes[1]) == 1
    assert sorted(path.name for path in out.iterdir()) == ["cells_labels.zarr", "cells_labels_3.zarr"]

    alone = tmp_path / "alone.zarr"
    assert segment([tiny_volume], alone, tiny_weights) == 0
    expected = zarr.open_array(alone / "labels/mito/0", mode="r")[...]
    for name in ("cells_labels", "cells_labels_3"):
        labels = zarr.open_array(out / f"{name}.zarr" / "labels/mito/0", mode="r")[...]
        np.testing.assert_array_equal(labels, expected)
    assert np.any(expected)

    # With the fault mended the same command makes what is missing, and leaves what is there.
    shutil.copy(tiny_volume, volumes[1])
    before = read_recipe(out / "cells_labels.zarr")["created"]
    capsys.readouterr()
    assert segment(volumes, out, tiny_weights) == 0
    assert capsys.readouterr().out.count("is there already") == 2
    assert is_complete(out / "cells_labels_2.zarr")
    assert read_recipe(out / "cells_labels.zarr")["created"] == before
    # Other values are another job: nothing is replaced unasked.
    assert segment(volumes, out, tiny_weights, "--erode-labels", "1") == 2
    assert "exists" in capsys.readouterr().err
    assert read_recipe(out / "cells_labels.zarr")["created"] == before


def test_several_volumes_need_a_folder() -> None:
    with pytest.raises(SettingsError, match="one result, but there are 2 volumes"):
        jobs_of("segment-volume", Params(), {"out": "x.zarr"}, ["a.tif", "b.tif"])
    alone = jobs_of("segment-volume", Params(), {"out": "x.zarr"}, ["a.tif"])
    assert [job.inputs.model_dump()["out"] for job in alone] == ["x.zarr"]


def test_no_two_results_have_one_name() -> None:
    names = result_names(["a/x.tif", "b/x.mrc", "X.h5", "x_labels_2.tif"])
    assert names == ["x_labels.zarr", "x_labels_2.zarr", "X_labels_3.zarr", "x_labels_2_labels.zarr"]
