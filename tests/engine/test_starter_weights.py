"""The bundled weights on real images that they are made for; the figures that matter are in docs/starter-weights.md."""

from pathlib import Path

import numpy as np
import pytest

from empanada_desktop.core.geometry import Axis, plane_index
from empanada_desktop.engine.data import LabelRules
from empanada_desktop.engine.plane import PLANE_DIVISOR
from empanada_desktop.engine.predictor import Predictor
from empanada_desktop.engine.validation import class_ious, segment
from empanada_desktop.io.datasets import load_pair, read_training_set
from empanada_desktop.io.weights import find_weights
from empanada_desktop.settings import resources_folder

DATA = Path(__file__).parents[1] / "data" / "training"
DESCRIPTOR = resources_folder() / "weights" / "MitoStarter_v1.yaml"
RULES = LabelRules()

pytestmark = pytest.mark.skipif(not DESCRIPTOR.exists(), reason="the starter weights are not in resources/weights yet")


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor.from_weights(find_weights(str(DESCRIPTOR)), use_gpu=False, threads=1)


def test_they_are_small_and_say_what_they_may_be_used_for() -> None:
    weights = find_weights("MitoStarter_v1")
    weights.verify()
    assert weights.file.stat().st_size < 60_000_000
    descriptor = weights.descriptor
    assert descriptor.class_names == {1: "mito"}
    assert "non-profit" in descriptor.licence
    assert all(name in descriptor.trained_on for name in ("cdeep3m_sbem", "vnc_sstem", "flyem_medulla_fibsem"))
    assert "10.1038/s41592-018-0106-z" in descriptor.citation


def test_they_find_the_mitochondria_of_a_fly(predictor: Predictor) -> None:
    ious = []
    for item in read_training_set(DATA / "mito", [1], 1000).images:
        image, mask = load_pair(item, (1,), 1000)
        found = segment(predictor, image / np.float32(255), RULES)
        ious += class_ious(found, mask, RULES)
    assert np.mean(ious) > 0.5


@pytest.mark.parametrize("factor", [2, 4])
def test_planes_that_downsampling_does_not_divide_are_answered_whole(predictor: Predictor, factor: int) -> None:
    plane = np.full((32 * factor + 1, 16 * factor + 1), 0.5, np.float32)
    assert predictor.predict(plane, factor).semantic.shape == (1, *plane.shape)


@pytest.mark.parametrize("axis", list(Axis))
def test_they_find_some_in_each_orientation_of_the_sample(predictor: Predictor, axis: Axis) -> None:
    tifffile = pytest.importorskip("tifffile")
    (path,) = (resources_folder() / "sample").glob("*.tif")
    sample = tifffile.imread(path)
    plane = sample[plane_index(axis, sample.shape[axis.normal] // 2)]
    found = segment(predictor, plane / np.float32(255), RULES)
    share = np.count_nonzero(found >= PLANE_DIVISOR) / found.size
    assert 0.02 < share < 0.3
    assert len(np.unique(found)) > 3
    # Mitochondria are darker than what is around them.
    assert plane[found > 0].mean() < plane[found == 0].mean() - 20
