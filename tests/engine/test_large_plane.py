"""A plane strip by strip: the very labels that it has when it is segmented at once."""

import os
import platform
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from empanada_desktop.core.context import QuietContext
from empanada_desktop.engine import large_plane
from empanada_desktop.engine.large_plane import LargePlane
from empanada_desktop.engine.plane import PlaneSettings, labels_from
from empanada_desktop.engine.predictor import PlaneOutputs, Predictor
from empanada_desktop.engine.tiled import TiledPredictor
from empanada_desktop.io.scratch import Scratch
from empanada_desktop.io.weights import find_weights

Grey = NDArray[np.float32]
ROWS, COLUMNS = 150, 133


class RecordedNetwork:
    """Gives parts of outputs that were made up for the whole plane: what a perfect network would say in tiles."""

    padding_factor = 16

    def __init__(self, channels: int, d: int, seed: int) -> None:
        draw = np.random.default_rng(seed)
        cells = [-(-side // (16 * d)) * 4 for side in (ROWS, COLUMNS)]
        coarse = draw.random((channels, ROWS // 6 + 2, COLUMNS // 6 + 2)).astype(np.float32)
        self.semantic = np.kron(coarse, np.ones((1, 6, 6), np.float32))[:, :ROWS, :COLUMNS] ** 0.8
        self.heatmap = (draw.random(cells) ** 6).astype(np.float32)
        self.offsets = draw.normal(0, 9, (2, *cells)).astype(np.float32)
        self.offsets[:, 3, 5] = 9000  # points out of the plane

    def grey(self) -> Grey:
        """A picture that tells where it was cut out."""
        return (np.arange(ROWS)[:, None] * 1000 + np.arange(COLUMNS)[None, :]).astype(np.float32)

    def predict(self, plane: Grey, image_downsampling: int = 1, fine_boundaries: bool = False) -> PlaneOutputs:
        d = image_downsampling
        top, left = divmod(int(plane[0, 0]), 1000)
        cells = tuple(
            slice(first // (4 * d), first // (4 * d) + -(-side // (16 * d)) * 4)
            for first, side in zip((top, left), plane.shape, strict=True)
        )
        pixels = (slice(None), slice(top, top + plane.shape[0]), slice(left, left + plane.shape[1]))
        return PlaneOutputs(self.semantic[pixels], self.heatmap[cells], self.offsets[(slice(None), *cells)], 4, d)


CASES = [
    {"channels": 1},
    {"channels": 1, "centre_min_distance": 4, "fill_holes": True, "min_area": 9},
    {"channels": 1, "fine_boundaries": True, "centre_min_distance": 9},
    {"channels": 4, "things": {1, 3}, "fill_holes": True},
    {"channels": 3, "things": {2}, "image_downsampling": 2, "min_area": 0},
    {"channels": 3, "things": {1}, "image_downsampling": 2, "fine_boundaries": True, "centre_min_distance": 5},
    {"channels": 2, "things": set()},
    {"channels": 1, "segmentation_confidence": 0.9999, "fill_holes": True},
]


def strips_of(
    predictor: TiledPredictor, grey: Grey, settings: PlaneSettings, folder: Path, inside: NDArray[np.bool_] | None
) -> tuple[NDArray[np.uint32], int, Counter[int]]:
    with Scratch(folder / "result.tif") as scratch:
        plane = LargePlane((grey.shape[0], grey.shape[1]), predictor, settings, scratch)
        mask = None if inside is None else (lambda rows: inside[rows])
        divisor = plane.segment(lambda rows, columns: grey[rows, columns], 50, QuietContext(), mask)
        labels = np.concatenate(list(plane.strips()))
    assert list(folder.iterdir()) == []
    return labels, divisor, plane.objects


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(f"{key}={value}" for key, value in case.items()))
@pytest.mark.parametrize("confined", [False, True])
@pytest.mark.parametrize("strip_pixels", [1, 3000])
def test_strips_are_the_plane_at_once(
    case: dict[str, object], confined: bool, strip_pixels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large_plane, "STRIP_PIXELS", strip_pixels)
    chosen = dict(case)
    channels = chosen.pop("channels")
    settings = PlaneSettings(things=frozenset(chosen.pop("things", {1})), **chosen)  # type: ignore[arg-type]
    network = RecordedNetwork(channels, settings.image_downsampling, 3)  # type: ignore[arg-type]
    inside = (np.add.outer(np.arange(ROWS), np.arange(COLUMNS)) % 50 < 40) if confined else None
    predictor = TiledPredictor(network, 16, 64)
    at_once, divisor = labels_from(
        predictor.predict(network.grey(), settings.image_downsampling, settings.fine_boundaries), settings, 50, inside
    )
    labels, found, objects = strips_of(predictor, network.grey(), settings, tmp_path, inside)
    np.testing.assert_array_equal(labels, at_once)
    assert found == divisor
    assert objects == Counter((np.unique(at_once[at_once > 0]) // divisor).tolist())
    if settings.segmentation_confidence < 0.9:
        assert len(objects) > 0


def test_a_real_network_gives_the_same_in_strips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_plane, "STRIP_PIXELS", 10_000)
    starter = Predictor.from_weights(find_weights("MitoStarter_v1"), use_gpu=False, threads=1, backend="torch")
    settings = PlaneSettings(things=frozenset({1}), fill_holes=True)
    grey = np.random.default_rng(0).random((300, 270), np.float32)
    predictor = TiledPredictor(starter, 16, 128)
    at_once, _ = labels_from(predictor.predict(grey), settings, 50)
    labels, _, _ = strips_of(predictor, grey, settings, tmp_path, None)
    np.testing.assert_array_equal(labels, at_once)


def test_a_job_that_is_cancelled_leaves_no_scratch(tmp_path: Path) -> None:
    class Impatient(QuietContext):
        def check_cancelled(self) -> None:
            raise KeyboardInterrupt

    network = RecordedNetwork(1, 1, 0)

    def segment() -> None:
        with Scratch(tmp_path / "result.tif") as scratch:
            plane = LargePlane((ROWS, COLUMNS), TiledPredictor(network, 16, 64), PlaneSettings(frozenset({1})), scratch)
            plane.segment(lambda rows, columns: network.grey()[rows, columns], 50, Impatient())

    with pytest.raises(KeyboardInterrupt):
        segment()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_job_left_goes(tmp_path: Path) -> None:
    left = tmp_path / ".result.tif.scratch"
    left.mkdir()
    (left / "parts_0").write_bytes(b"old")
    with Scratch(tmp_path / "result.tif") as scratch:
        assert [path.name for path in left.iterdir()] == ["owner"]
        scratch.put("maps", 3, np.arange(6, dtype=np.float32).reshape(2, 3))
        assert scratch.get("maps", 3).tolist() == [[0, 1, 2], [3, 4, 5]]
        with pytest.raises(KeyError):
            scratch.get("maps", 4)
    assert not left.exists()


def test_what_jobs_of_other_results_left_goes_unless_they_run(tmp_path: Path) -> None:
    """Three folders beside the result: of a process that is no more, of one that runs, and one that is not ours."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    for name, owner in (
        ("dead", f"{platform.node()}\n{ended.pid}\n"),
        ("alive", f"{platform.node()}\n{os.getpid()}\n"),
        ("elsewhere", f"another computer\n{ended.pid}\n"),
        ("strange", ""),
    ):
        left = tmp_path / f".{name}.tif.scratch"
        left.mkdir()
        (left / "parts_0").write_bytes(b"old")
        if owner:
            (left / "owner").write_text(owner)
    with Scratch(tmp_path / "result.tif"):
        pass
    gone = set() if sys.platform == "win32" else {".dead.tif.scratch"}
    names = {".dead.tif.scratch", ".alive.tif.scratch", ".elsewhere.tif.scratch", ".strange.tif.scratch"}
    assert {path.name for path in tmp_path.iterdir()} == names - gone
