import csv
import multiprocessing
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from empanada_desktop.core.context import JobContext, QuietContext
from empanada_desktop.engine.augment import Augmentation
from empanada_desktop.engine.data import LabelRules, PatchDataset, Sampling, batches
from empanada_desktop.engine.losses import LossWeights
from empanada_desktop.engine.networks import build_network, set_trainable
from empanada_desktop.engine.plane import PLANE_DIVISOR
from empanada_desktop.engine.schedule import OneCycle, make_optimiser
from empanada_desktop.engine.trainer import Trainer, TrainingSettings
from empanada_desktop.engine.validation import Score, class_ious, instance_f1, score_planes
from empanada_desktop.errors import JobCancelled, SettingsError, WeightsError
from empanada_desktop.io.datasets import TrainingSet, read_training_set
from empanada_desktop.io.weights import NetworkConfig

DATA = Path(__file__).parents[1] / "data" / "training"
TINY = NetworkConfig(
    encoder="resnet18", encoder_channels=8, decoder_channels=16, low_level_channels=(8,), training_points=64
)
SETTINGS = TrainingSettings(
    steps=6,
    batch_size=2,
    patch_size=64,
    augmentation=Augmentation(scale=(0.5, 1.5)),
    average_decay=0.9,
    validations=3,
    seed=5,
)
NORMS = (0.5, 0.15)
MITO = LabelRules()
AXONS = LabelRules((1, 2), (1,), 1000)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def mito() -> TrainingSet:
    return read_training_set(DATA / "mito", [1], 1000)


@pytest.fixture(scope="module")
def axons() -> TrainingSet:
    return read_training_set(DATA / "axons", [1, 2], 1000)


def patches(planes: TrainingSet, settings: TrainingSettings = SETTINGS, rules: LabelRules = MITO) -> PatchDataset:
    return PatchDataset(
        planes,
        rules,
        settings.patch_size,
        settings.batch_size,
        NORMS,
        settings.augmentation,
        settings.sampling,
        settings.seed,
    )


def tiny_network(config: NetworkConfig = TINY) -> nn.Module:
    torch.manual_seed(0)
    return build_network(config)


def fake_scores(*totals: float) -> "Iterator[Score]":
    return iter([Score(total, float("nan")) for total in totals])


def trainer(planes: TrainingSet, folder: Path, settings: TrainingSettings = SETTINGS) -> Trainer:
    def validate(network: nn.Module, context: JobContext) -> Score:
        return score_planes(network, planes, MITO, NORMS, context)

    return Trainer(tiny_network(), patches(planes, settings), validate, settings, folder)


def curve(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return [{name: cell for name, cell in row.items() if name != "seconds"} for row in csv.DictReader(file)]


class CancelAfter(QuietContext):
    """Cancelled once so many training steps are done."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def check_cancelled(self) -> None:
        if self.left <= 0:
            raise JobCancelled

    def report(self, done: int, total: int, message: str = "") -> None:
        self.left -= message == "Training"


def test_a_sample_depends_on_seed_step_and_place_only(mito: TrainingSet) -> None:
    first, again = patches(mito), patches(mito)
    late = again[7]
    assert all(torch.equal(first[7][name], late[name]) for name in late)
    assert not torch.equal(first[6]["images"], late["images"])
    other = patches(mito, replace(SETTINGS, seed=6))
    assert not torch.equal(other[7]["images"], late["images"])


def test_worker_processes_give_the_same_batches(mito: TrainingSet) -> None:
    dataset = patches(mito)
    alone = list(batches(dataset, 1, 3))
    assert len(pickle.dumps(dataset)) < 20_000
    helped = list(batches(dataset, 1, 3, workers=1))
    assert multiprocessing.active_children() == []
    for one, other in zip(alone, helped, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_samples_have_the_shapes_and_types_that_the_losses_want(mito: TrainingSet) -> None:
    batch = next(batches(patches(mito), 0, 1))
    assert {name: (tuple(value.shape), value.dtype) for name, value in batch.items()} == {
        "images": ((2, 1, 64, 64), torch.float32),
        "classes": ((2, 64, 64), torch.int64),
        "heatmap": ((2, 1, 64, 64), torch.float32),
        "offsets": ((2, 2, 64, 64), torch.float32),
    }
    assert float(batch["images"].min()) >= (0 - NORMS[0]) / NORMS[1] - 1e-5
    assert float(batch["images"].max()) <= (1 - NORMS[0]) / NORMS[1] + 1e-5


def test_sampling_follows_size_to_the_gamma_and_the_shares(mito: TrainingSet) -> None:
    items = mito.images[:1] * 16 + tuple(replace(mito.images[0], subset="small") for _ in range(4))
    planes = TrainingSet(mito.folder, items, (), mito.label_divisor)
    chances = Sampling(gamma=0.5).chances(planes)
    assert chances.sum() == pytest.approx(1)
    assert chances[:16].sum() / chances[16:].sum() == pytest.approx(2)
    tripled = Sampling(gamma=0.5, shares={"small": 3.0}).chances(planes)
    assert tripled[16:].sum() / tripled[:16].sum() == pytest.approx(1.5)


def test_one_cycle_is_that_of_torch() -> None:
    parameter = nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.AdamW([parameter], lr=1e-3)
    reference = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=0.003, total_steps=101, pct_start=0.3)
    mine = OneCycle(rise=(0.3 * 101 - 1) / 100)
    for step in range(100):
        rate, momentum = mine.at(step / 100)
        assert rate == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-6)
        assert momentum == pytest.approx(optimiser.param_groups[0]["betas"][0], rel=1e-6)
        optimiser.step()
        reference.step()


def test_biases_and_batch_norms_are_not_decayed() -> None:
    network = tiny_network()
    decayed, free = make_optimiser(network, 0.1).param_groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.1, 0.0)
    norms = {
        id(value) for module in network.modules() if isinstance(module, nn.BatchNorm2d) for value in module.parameters()
    }
    biases = {id(value) for name, value in network.named_parameters() if name.endswith("bias")}
    assert {id(value) for value in free["params"]} == norms | biases
    assert len(decayed["params"]) + len(free["params"]) == len(list(network.parameters()))


def test_a_resumed_run_has_exactly_the_same_curve(mito: TrainingSet, tmp_path: Path) -> None:
    whole = trainer(mito, tmp_path / "whole")
    whole.run(QuietContext())
    for steps in (2, 1):
        with pytest.raises(JobCancelled):
            trainer(mito, tmp_path / "parts").run(CancelAfter(steps))
    resumed = trainer(mito, tmp_path / "parts")
    progress = resumed.run(QuietContext())
    assert progress.step == 6
    assert curve(tmp_path / "parts") == curve(tmp_path / "whole")
    assert sum(row["iou"] != "" for row in curve(tmp_path / "whole")) == 3
    one, other = whole.network.state_dict(), resumed.network.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    best, other_best = whole.best_state(), resumed.best_state()
    assert all(torch.equal(best[name], other_best[name]) for name in best)


def test_a_finished_run_does_not_train_again(mito: TrainingSet, tmp_path: Path) -> None:
    trainer(mito, tmp_path).run(QuietContext())
    before = curve(tmp_path)
    assert trainer(mito, tmp_path).run(QuietContext()).step == 6
    assert curve(tmp_path) == before


def test_curves_and_metrics_are_written(mito: TrainingSet, tmp_path: Path) -> None:
    trainer(mito, tmp_path).run(QuietContext())
    rows = curve(tmp_path)
    assert [row["step"] for row in rows if row["loss"]] == ["1", "2", "3", "4", "5", "6"]
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert list(tmp_path.glob("*.part")) == []


def test_the_best_weights_are_kept(mito: TrainingSet, tmp_path: Path) -> None:
    seen = []
    scores = fake_scores(0.2, 0.9, 0.4)

    def validate(network: nn.Module, context: JobContext) -> Score:
        seen.append({name: value.clone() for name, value in network.state_dict().items()})
        return next(scores)

    run = Trainer(tiny_network(), patches(mito), validate, SETTINGS, tmp_path)
    progress = run.run(QuietContext())
    assert (progress.best_score, progress.best_step) == (0.9, 4)
    assert all(torch.equal(value, seen[1][name]) for name, value in run.best_state().items())
    assert not torch.equal(seen[1]["encoder.conv1.weight"], seen[2]["encoder.conv1.weight"])


def test_never_worse_than_the_start(mito: TrainingSet, tmp_path: Path) -> None:
    scores = fake_scores(0.8, 0.1, 0.8, 0.1)  # as good is no gain
    network = tiny_network()
    start = {name: value.clone() for name, value in network.state_dict().items()}
    settings = replace(SETTINGS, average_decay=0.0)
    run = Trainer(network, patches(mito), lambda *_: next(scores), settings, tmp_path, score_start=True)
    progress = run.run(QuietContext())
    assert (progress.start_score, progress.best_score, progress.best_step) == (0.8, 0.8, 0)
    assert all(torch.equal(value, start[name]) for name, value in run.best_state().items())
    assert not torch.equal(network.state_dict()["encoder.conv1.weight"], start["encoder.conv1.weight"])


@pytest.mark.parametrize(
    ("layers", "moving"), [("none", ()), ("stage4", (4,)), ("stage2", (2, 3, 4)), ("all", (0, 1, 2, 3, 4))]
)
def test_the_named_stage_really_trains(mito: TrainingSet, tmp_path: Path, layers: str, moving: tuple[int, ...]) -> None:
    network = tiny_network()
    set_trainable(network, layers)
    start = {name: value.clone() for name, value in network.state_dict().items()}
    settings = replace(SETTINGS, steps=1, average_decay=0.0, schedule=OneCycle(start_divisor=1.0))
    Trainer(network, patches(mito, settings), None, settings, tmp_path).run(QuietContext())
    after = network.state_dict()
    changed = {name for name in after if not torch.equal(after[name], start[name])}
    for stage, names in enumerate(
        ("encoder.conv1", "encoder.layer1", "encoder.layer2", "encoder.layer3", "encoder.layer4")
    ):
        assert any(name.startswith(names) for name in changed) == (stage in moving)
        statistics = [name for name in changed if name.startswith(names) and "running" in name]
        assert bool(statistics) == (stage in moving and stage > 0)
    assert any(name.startswith("semantic_head") for name in changed)
    assert any(name.startswith("ins_xy") for name in changed)


def test_frozen_batch_norms_keep_their_statistics_and_still_learn(mito: TrainingSet, tmp_path: Path) -> None:
    network = tiny_network()
    start = {name: value.clone() for name, value in network.state_dict().items()}
    settings = replace(SETTINGS, steps=2, freeze_batch_norm=True, average_decay=0.0)
    Trainer(network, patches(mito, settings), None, settings, tmp_path).run(QuietContext())
    after = network.state_dict()
    assert all(torch.equal(after[name], start[name]) for name in after if "running" in name)
    assert not torch.equal(after["encoder.bn1.weight"], start["encoder.bn1.weight"])


def test_multi_class_panoptic_training_learns(axons: TrainingSet, tmp_path: Path) -> None:
    settings = replace(
        SETTINGS,
        steps=40,
        average_decay=0.0,
        validations=1,
        schedule=OneCycle(peak=0.01, rise=0.2),
        losses=LossWeights(hardest_fraction=1.0),
    )
    network = tiny_network(TINY.model_copy(update={"n_classes": 3, "aspp_dropout": 0.0}))
    dataset = patches(axons, settings, AXONS)

    def validate(network: nn.Module, context: JobContext) -> Score:
        return score_planes(network, axons, AXONS, NORMS, context)

    run = Trainer(network, dataset, validate, settings, tmp_path)
    progress = run.run(QuietContext())
    losses = [row["semantic"] for row in progress.rows if "loss" in row]
    assert np.mean(losses[-8:]) < 0.85 * np.mean(losses[:4])
    assert progress.best_score > 0.1
    assert {row["step"] for row in progress.rows if "iou" in row} == {40}


def test_a_time_limit_ends_the_schedule(mito: TrainingSet, tmp_path: Path) -> None:
    settings = replace(SETTINGS, steps=10_000, time_limit_minutes=0.01, validations=1)
    run = trainer(mito, tmp_path, settings)
    progress = run.run(QuietContext())
    assert 1 <= progress.step < 200
    assert run.fraction() == 1
    assert sum("iou" in row for row in progress.rows) == 1


def test_a_diverged_training_is_told(mito: TrainingSet, tmp_path: Path) -> None:
    network = tiny_network()
    with torch.no_grad():
        network.get_parameter("ins_xy.head.1.bias").fill_(float("nan"))
    with pytest.raises(SettingsError, match="diverged"):
        Trainer(network, patches(mito), None, SETTINGS, tmp_path).run(QuietContext())


def test_a_damaged_or_foreign_checkpoint_is_told(mito: TrainingSet, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="cannot be read"):
        trainer(mito, tmp_path).run(QuietContext())
    torch.save({"network": {}, "progress": {}, "optimiser": {}}, tmp_path / "checkpoint.pt")
    with pytest.raises(SettingsError, match="another network"):
        trainer(mito, tmp_path).run(QuietContext())


def test_scores_by_hand() -> None:
    mask = np.zeros((20, 20), np.int64)
    mask[2:8, 2:8], mask[12:18, 2:8], mask[2:8, 12:18] = 1001, 1002, 1003
    found = np.zeros((20, 20), np.uint32)
    found[2:8, 2:8], found[12:18, 2:4] = PLANE_DIVISOR + 1, PLANE_DIVISOR + 2
    assert class_ious(found, mask, MITO) == pytest.approx([(36 + 12) / 108])
    assert instance_f1(found, mask, MITO) == pytest.approx([2 * 1 / (3 + 2)])
    nothing = np.zeros((20, 20), np.int64)
    assert class_ious(nothing.astype(np.uint32), nothing, MITO) == []
    assert instance_f1(nothing.astype(np.uint32), nothing, MITO) == []
