"""The command line as a user meets it: real processes where signals and streams matter, calls where they do not."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml

from empanada_desktop.cli import main
from empanada_desktop.io.ome_zarr import finished_planes, read_recipe
from empanada_desktop.io.volumes import open_volume
from empanada_desktop.tasks.demo import sample_path

PROGRAM = [sys.executable, "-m", "empanada_desktop"]


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    with open_volume(sample_path()) as sample:
        tifffile.imwrite(tmp_path / "volume.tif", sample[0:6, 0:96, 0:96], imagej=True, metadata={"axes": "ZYX"})
    return tmp_path / "volume.tif"


def test_segment_plane_writes_a_label_tiff(volume: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "plane.tif"
    arguments = ["segment-plane", str(volume), "--out", str(out), "--plane", "xz", "--index", "40", "--no-use-gpu"]
    assert main(arguments) == 0
    assert tifffile.imread(out).shape == (6, 96)
    said = capsys.readouterr().out
    assert "Objects:" in said
    assert f"Written to {out}" in said


def test_batch_mode_gives_every_plane_and_nothing_wider_than_32_bits(volume: Path, tmp_path: Path) -> None:
    out = tmp_path / "batch.tif"
    arguments = ["segment-plane", str(volume), "--out", str(out), "--batch", "--region", "0,10,64,90", "--no-use-gpu"]
    assert main(arguments) == 0
    labels = tifffile.imread(out)
    assert labels.shape == (6, 64, 80)
    assert labels.dtype == np.uint32
    for plane in labels:
        ids = np.unique(plane[plane > 0])
        np.testing.assert_array_equal(ids, 10_000 + np.arange(1, len(ids) + 1))


def test_specks_are_dropped_from_a_plane(volume: Path, tmp_path: Path) -> None:
    everything, large = tmp_path / "everything.tif", tmp_path / "large.tif"
    for out, min_area in ((everything, "0"), (large, "200")):
        arguments = ["segment-plane", str(volume), "--out", str(out), "--min-area", min_area, "--no-use-gpu"]
        assert main([*arguments, "--segmentation-confidence", "0.3"]) == 0
    before, after = tifffile.imread(everything), tifffile.imread(large)
    ids, areas = np.unique(before[before > 0], return_counts=True)
    np.testing.assert_array_equal(after > 0, np.isin(before, ids[areas >= 200]))


def test_a_recipe_runs_again_on_other_data(volume: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "first.zarr", tmp_path / "second.zarr"
    assert main(["segment-volume", str(volume), "--out", str(first), "--min-size", "10", "--no-use-gpu"]) == 0
    recipe = tmp_path / "job.yaml"
    with open_volume(first) as labels:
        expected = labels[:]
    recipe.write_text(yaml.safe_dump(read_recipe(first)), encoding="utf-8")
    copy = tmp_path / "copy.tif"
    copy.write_bytes(volume.read_bytes())
    assert main(["run", str(recipe), "--input", str(copy), "--out", str(second)]) == 0
    with open_volume(second) as labels:
        np.testing.assert_array_equal(labels[:], expected)
    assert read_recipe(second)["params"]["min_size"] == 10
    assert read_recipe(second)["inputs"]["volume"] == str(copy)
    recipe.write_text("task: segment-volume\nparams: {min_size: 10}\n", encoding="utf-8")  # as the form saves it
    assert main(["run", str(recipe), "--input", str(copy)]) == 2
    assert "Error: “out” is missing." in capsys.readouterr().err


@pytest.mark.parametrize("name", ["first.zarr", "first.tif"])
def test_a_result_runs_again_by_the_recipe_it_carries(name: str, volume: Path, tmp_path: Path) -> None:
    first, second = tmp_path / name, tmp_path / "second.zarr"
    arguments = ["segment-volume", str(volume), "--out", str(first), "--overwrite", "--min-size", "10", "--no-use-gpu"]
    assert main(arguments) == 0
    assert main(["run", str(first)]) == 2  # leave to overwrite was for the first run only
    assert main(["run", str(first), "--out", str(second)]) == 0
    assert read_recipe(second)["params"]["min_size"] == 10
    with open_volume(first) as one, open_volume(second) as other:
        np.testing.assert_array_equal(one[:], other[:])


@pytest.mark.parametrize("text", ["task: segment-volume\ninputs: [1, 2]", "{" * 2000, "task: [1]", "", "[", "\0"])
def test_nonsense_is_no_job(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = tmp_path / "job.yaml"
    job.write_text(text, encoding="utf-8")
    assert main(["run", str(job), "--out", "x.zarr"]) == 2
    assert main(["run", str(tmp_path), "--out", "x.zarr"]) == 2
    job.rename(tmp_path / "job.tif")
    assert main(["run", str(tmp_path / "job.tif")]) == 2
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in said] == ["Error", "Hint"] * 3
    assert not any("header=" in line for line in said)


def test_choices_among_numbers_are_taken(volume: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.zarr"
    choices = ["--image-downsampling", "2", "--median-filter-size", "5", "--no-use-gpu"]
    assert main(["segment-volume", str(volume), "--out", str(out), *choices]) == 0
    params = read_recipe(out)["params"]
    assert (params["image_downsampling"], params["median_filter_size"]) == (2, 5)


@pytest.mark.parametrize("verb", ["segment-plane", "segment-volume"])
def test_the_volume_itself_is_never_replaced(
    verb: str, volume: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = volume.parent / "planes"
    folder.mkdir()
    for index, plane in enumerate(tifffile.imread(volume)):
        tifffile.imwrite(folder / f"{index}.tif", plane)
    monkeypatch.chdir(volume.parent)
    before = {path: path.read_bytes() for path in volume.parent.rglob("*.tif")}
    for source, out in (
        (volume, volume),
        (volume, "volume.tif"),
        ("planes", "planes/0.tif"),
        (folder, "planes/new.tif"),
    ):
        assert main([verb, str(source), "--out", str(out), "--overwrite", "--no-use-gpu"]) == 2
        assert "the volume to segment" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in volume.parent.rglob("*.tif")} == before


def test_a_result_is_not_replaced_by_what_is_made_from_it(volume: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.zarr"
    assert main(["segment-volume", str(volume), "--out", str(out), "--no-use-gpu"]) == 0
    again = ["segment-volume", str(out), "--out", str(out), "--overwrite", "--no-use-gpu"]
    assert main(again) == 2
    assert main([again[0], str(out / "labels" / "mito"), *again[2:]]) == 2
    assert main([again[0], str(out), "--out", str(out / "labels" / "new.zarr")]) == 2
    assert read_recipe(out)["inputs"]["volume"] == str(volume)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["segment-volume", "missing.tif", "--out", "x.zarr"], "missing.tif"),
        (["segment-volume", "VOLUME", "--out", "x.png"], "x.png"),
        (["segment-volume", "VOLUME", "--out", "x.zarr", "--median-filter-size", "4"], "median-filter-size"),
        (["segment-volume", "VOLUME", "--out", "x.zarr", "--segmentation-confidence", "2"], "segmentation-confidence"),
        (["segment-volume", "VOLUME", "--out", "x.zarr", "--weights", "nobody"], "nobody"),
        (["segment-volume", "VOLUME", "--out", "x.zarr", "--chunk-size", "1,2"], "chunk-size"),
        (["segment-volume", "VOLUME", "--out", "nowhere/x.tif"], "nowhere"),
        (["segment-volume", "VOLUME", "--out", "x.zarr", "--voxel-size", "0,1,1"], "voxel size"),
        (["segment-volume", "VOLUME", "--out", "x.zarr", "--voxel-size", "8"], "“voxel-size” has too few values"),
        (
            ["segment-volume", "VOLUME", "--out", "x.zarr", "--voxel-size", "8,8,8,8"],
            "“voxel-size” has too many values",
        ),
        (["segment-volume", "VOLUME", "--out", "x.zarr", "--centre-confidence", "0,5"], "a number such as 0.5 (given"),
        (["segment-volume", "VOLUME", "--out", "x" * 300 + ".tif"], "cannot be written"),
        (["segment-volume", "VOLUME", "--out", "x" * 300 + ".zarr"], "cannot be written"),
        (["segment-plane", "VOLUME", "--out", "x" * 300 + ".tif"], "cannot be written"),
        (["segment-plane", "VOLUME", "--out", "x.tif", "--index", "99"], "99"),
        (["segment-plane", "VOLUME", "--out", "x.tif", "--region", "0,0,999,9"], "region"),
        (["segment-volume", "VOLUME"], "--out"),
        (["segment-volume", "VOLUME", "--out", " "], "“out” is empty."),
        (["segment-volume", "", "--out", "x.zarr"], "“volume” is empty."),
        (["segment-plane", "VOLUME", "--out", "x.tif", "--confine-ids", "3"], "“confine-ids”"),
        (["merge-labels", "VOLUME", "--out", "VOLUME", "--ids", "1,2"], "is the labels to change, which is never"),
        (["segment-volume", "VOLUME", "--out", "x.zarr", "--nonsense", "1"], "--nonsense"),
        (["nonsense"], "nonsense"),
        (["weights", "info", "nobody"], "nobody"),
        (["weights", "import", "missing.empanada"], "missing.empanada"),
        (["run", "nothing.yaml"], "nothing.yaml"),
        (["score", "missing.zarr", "VOLUME"], "missing.zarr"),
        (["score", "VOLUME", "VOLUME", "--out", "x" * 300 + ".csv"], "cannot be written"),
        (["run", "VOLUME"], "volume.tif"),
        (["demo", "--folder", "VOLUME"], "volume.tif"),
    ],
)
def test_errors_of_the_user_are_one_line_and_a_hint(
    arguments: list[str],
    expected: str,
    volume: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(volume.parent)
    assert main([str(volume) if argument == "VOLUME" else argument for argument in arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[0].startswith("Error: ")
    assert expected in lines[0]
    assert len(lines) <= 2
    assert lines[1:] == [] or lines[1].startswith("Hint: ")
    assert [path.name for path in volume.parent.iterdir()] == ["volume.tif"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for a single child process")
def test_ctrl_c_ends_cleanly(tmp_path: Path) -> None:
    command = [*PROGRAM, "segment-volume", str(sample_path()), "--out", str(tmp_path / "x.zarr"), "--no-use-gpu"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        assert said.startswith("Preparing the network")
        said = process.stderr.readline()  # the first planes are done
        assert "xy planes" in said
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        said += process.stderr.read()
        process.wait(timeout=60)
    assert time.monotonic() - started < 60
    assert process.returncode == 130
    assert "Traceback" not in said
    kept = re.search(r"Cancelled\. (\d+) planes are kept; the same command goes on from there\.$", said.strip())
    assert kept is not None
    assert finished_planes(tmp_path / "x.zarr") == int(kept[1]) > 0
    assert [path.name for path in tmp_path.iterdir()] == ["x.zarr"]


def test_progress_tells_the_time_left(tmp_path: Path, volume: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["segment-volume", str(volume), "--out", str(tmp_path / "x.zarr"), "--no-use-gpu"]) == 0
    said = capsys.readouterr().err
    assert "xy planes, 3 of 6" in said
    assert "s left." in said


def test_help_names_every_parameter_with_range_and_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["segment-volume", "--help"])
    assert stop.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    for option in ("--median-filter-size", "--min-size", "--voxel-size", "--dataset", "--inference-plane", "--threads"):
        assert option in said
    assert "0.1 to 0.9. Default: 0.5." in said
