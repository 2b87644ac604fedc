import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
import yaml

from empanada_desktop.core.context import QuietContext
from empanada_desktop.engine.export import load_network, save_weights
from empanada_desktop.engine.networks import build_network
from empanada_desktop.errors import AppError, DatasetError, JobCancelled, SettingsError
from empanada_desktop.io.weights import NetworkConfig, Weights, WeightsDescriptor, find_weights, read_descriptor
from empanada_desktop.settings import HOME_VARIABLE
from empanada_desktop.tasks import finetune, train
from empanada_desktop.tasks.recipe import Recipe
from empanada_desktop.tasks.training_config import make_config, merged, read_config

DATA = Path(__file__).parents[1] / "data" / "training"
TINY = {
    "encoder": "resnet18",
    "encoder_channels": 8,
    "decoder_channels": 16,
    "low_level_channels": [8],
    "training_points": 64,
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    torch.set_num_threads(1)
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump({"network": TINY, "training": {"steps": 3, "batch_size": 2, "patch_size": 64}}))
    return str(path)


@pytest.fixture
def start(tmp_path: Path) -> Weights:
    """Untrained weights of a tiny network, as a file."""
    torch.manual_seed(0)
    network = build_network(NetworkConfig.model_validate(TINY))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            # Statistics as after a training; neutral ones would be taken for folded weights.
            module.running_mean += 0.01
    descriptor = WeightsDescriptor(
        name="tiny",
        network=network.config,
        class_names={1: "mito"},
        thing_list=[1],
        mean=0.5,
        std=0.15,
        padding_factor=16,
        licence="for tests",
    )
    return save_weights(network, descriptor, tmp_path / "start", half=False)


class CancelAfter(QuietContext):
    """Cancelled once so many training steps are done."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def check_cancelled(self) -> None:
        if self.left <= 0:
            raise JobCancelled

    def report(self, done: int, total: int, message: str = "") -> None:
        self.left -= message == "Training"


def train_inputs(tmp_path: Path, **changed: object) -> train.Inputs:
    values = {"train_dir": str(DATA / "mito"), "out": str(tmp_path / "run"), "name": "fresh", **changed}
    return train.Inputs.checked(values)


def finetune_inputs(tmp_path: Path, **changed: object) -> finetune.Inputs:
    return train_inputs(tmp_path, **{"out": str(tmp_path / "tuned"), "name": "tuned", **changed})


def tensors_of(weights: Weights) -> dict[str, torch.Tensor]:
    return dict(load_network(weights).state_dict())


def test_training_puts_usable_weights_into_the_library(tmp_path: Path, config: str, home: Path) -> None:
    result = train.run(train_inputs(tmp_path), train.Params(config=config, description="a test"), QuietContext())
    weights = find_weights("fresh")
    assert Path(result.weights).parent == home / "weights"
    assert weights.origin == "user"
    descriptor = weights.descriptor
    assert (descriptor.class_names, descriptor.thing_list, descriptor.description) == ({1: "mito"}, [1], "a test")
    assert descriptor.mean == pytest.approx(0.5, abs=0.1)
    best = torch.load(tmp_path / "run" / "best.pt", weights_only=True)["network"]
    assert all(torch.equal(value, best[name]) for name, value in tensors_of(weights).items())
    assert result.steps == 3
    assert any("no validation set" in line for line in result.lines())
    assert any(str(weights.file) in line for line in result.lines())


def test_the_recipe_in_the_folder_repeats_the_run(tmp_path: Path, config: str) -> None:
    first = train.run(train_inputs(tmp_path), train.Params(config=config, seed=3), QuietContext())
    recipe = Recipe.model_validate(yaml.safe_load((tmp_path / "run" / "job.yaml").read_text()))
    assert recipe.to_dict() == first.recipe
    assert recipe.facts["configuration"]["training"]["steps"] == 3
    inputs = train.Inputs.checked({**recipe.inputs, "out": str(tmp_path / "again"), "name": "again"})
    train.run(inputs, train.Params.checked(recipe.params), QuietContext())
    one, other = tensors_of(find_weights("fresh")), tensors_of(find_weights("again"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_cancelled_training_goes_on_where_it_was(tmp_path: Path, config: str) -> None:
    params = train.Params(config=config)
    train.run(train_inputs(tmp_path), params, QuietContext())
    parts = train_inputs(tmp_path, out=str(tmp_path / "parts"), name="parts")
    with pytest.raises(JobCancelled):
        train.run(parts, params, CancelAfter(2))
    assert not any(tmp_path.rglob("parts.safetensors"))
    train.run(parts, params, QuietContext())
    one, other = tensors_of(find_weights("fresh")), tensors_of(find_weights("parts"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_folders_of_other_runs_are_not_touched(tmp_path: Path, config: str) -> None:
    params = train.Params(config=config)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine")
    with pytest.raises(SettingsError, match="not empty"):
        train.run(train_inputs(tmp_path), params, QuietContext())
    inputs = train_inputs(tmp_path, out=str(tmp_path / "other"))
    with pytest.raises(JobCancelled):
        train.run(inputs, params, CancelAfter(1))
    with pytest.raises(SettingsError, match="another job"):
        train.run(inputs, train.Params(config=config, seed=9), QuietContext())
    train.run(inputs, params, QuietContext())
    with pytest.raises(SettingsError, match="already"):
        train.run(inputs, params, QuietContext())
    with pytest.raises(SettingsError, match="finished"):
        train.run(train_inputs(tmp_path, out=str(tmp_path / "other"), name="x"), params, QuietContext())
    train.run(train_inputs(tmp_path, out=str(tmp_path / "other"), overwrite=True), params, QuietContext())


def test_files_of_other_programs_are_not_replaced(tmp_path: Path, config: str) -> None:
    (tmp_path / "run").mkdir()
    for text in ("task: tidy\n", "[", "{" * 3000):
        (tmp_path / "run" / "job.yaml").write_text(text)
        with pytest.raises(SettingsError, match="no run of this program"):
            train.run(train_inputs(tmp_path, overwrite=True), train.Params(config=config), QuietContext())
        assert (tmp_path / "run" / "job.yaml").read_text() == text


def test_a_run_needs_a_place(tmp_path: Path, config: str) -> None:
    (tmp_path / "file").write_text("mine")
    for out in ("file", "file/run", "x" * 300):
        inputs = train_inputs(tmp_path, out=str(tmp_path / out), name="x")
        with pytest.raises(AppError):
            train.run(inputs, train.Params(config=config), QuietContext())


def test_stray_files_do_not_break_a_training_and_are_told(tmp_path: Path, config: str) -> None:
    planes = Path(shutil.copytree(DATA / "mito", tmp_path / "mito"))
    (planes / "flyem" / "images" / "Thumbs.db").write_bytes(b"stray")
    (planes / "flyem" / "masks" / ".DS_Store").write_bytes(b"stray")
    result = train.run(train_inputs(tmp_path, train_dir=str(planes)), train.Params(config=config), QuietContext())
    assert any("Thumbs.db" in line for line in result.lines())
    assert any(".DS_Store" in line for line in result.lines())


def test_several_classes_train_and_are_described(tmp_path: Path, config: str) -> None:
    params = train.Params(config=config, labels="1,axon,instance\n2,myelin,semantic")
    train.run(
        train_inputs(tmp_path, train_dir=str(DATA / "axons"), validation_dir=str(DATA / "axons")),
        params,
        QuietContext(),
    )
    descriptor = find_weights("fresh").descriptor
    assert descriptor.class_names == {1: "axon", 2: "myelin"}
    assert descriptor.thing_list == [1]
    assert descriptor.network.n_classes == 3


def test_a_pretrained_encoder_is_taken_over(tmp_path: Path, config: str, start: Weights) -> None:
    encoder = {
        name.removeprefix("encoder."): value for name, value in tensors_of(start).items() if name.startswith("encoder.")
    }
    pretrained = tmp_path / "cem.pth"
    torch.save({"state_dict": {f"module.encoder_q.{name}": value for name, value in encoder.items()}}, pretrained)
    params = train.Params(config=config, encoder_weights=str(pretrained), finetunable_layers="none")
    train.run(train_inputs(tmp_path), params, QuietContext())
    trained = tensors_of(find_weights("fresh"))
    assert all(torch.equal(trained[f"encoder.{name}"], value) for name, value in encoder.items())
    inputs = train_inputs(tmp_path, out=str(tmp_path / "x"), name="x")
    params = train.Params(config=config, encoder="resnet34", encoder_weights=str(start.file))
    with pytest.raises(AppError, match="does not fit the encoder resnet34"):
        train.run(inputs, params, QuietContext())


def test_finetuning_is_never_worse_than_the_start(tmp_path: Path, config: str) -> None:
    """A learning rate that ruins weights which were good: what comes out is the start, to the bit."""
    start = find_weights("MitoStarter_v1")
    path = tmp_path / "ruin.yaml"
    path.write_text(
        yaml.safe_dump({"training": {"schedule": {"peak": 0.3}, "steps": 2, "batch_size": 2, "patch_size": 64}})
    )
    params = finetune.Params(weights=str(start.file), config=str(path), finetunable_layers="all")
    result = finetune.run(finetune_inputs(tmp_path, validation_dir=str(DATA / "mito")), params, QuietContext())
    assert result.best_score == result.start_score > 0.3
    assert result.best_step == 0
    one, other = tensors_of(start), tensors_of(find_weights("tuned"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert any("before" in line and "after" in line for line in result.lines())


def test_finetuned_weights_say_where_they_come_from(tmp_path: Path, start: Weights) -> None:
    """The masks are like those that the window writes, whose ids go by another divisor than the weights'."""
    params = finetune.Params(weights=str(start.file), iterations=1, batch_size=2, patch_size=64)
    own = Path(shutil.copytree(DATA / "mito", tmp_path / "own" / "mito"))
    for mask in own.rglob("masks/*.tif"):
        ids = tifffile.imread(mask)
        tifffile.imwrite(mask, np.where(ids > 0, 10_000 + ids % 1000, 0).astype(np.uint16))
    result = finetune.run(finetune_inputs(tmp_path, train_dir=str(own)), params, QuietContext())
    assert any("label divisor of 10000" in note for note in result.notes)
    assert result.recipe["facts"]["configuration"]["label_divisor"] == 10_000
    descriptor = read_descriptor(find_weights("tuned").file.with_suffix(".yaml"))
    assert descriptor.provenance["finetuned_from"] == "tiny"
    assert descriptor.provenance["sha256_of_start"] == start.descriptor.sha256
    assert descriptor.licence == "for tests"
    assert "finetuned on mito" in descriptor.trained_on


def test_small_batches_leave_the_batch_norm_statistics(
    tmp_path: Path, start: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(
        "empanada_desktop.engine.trainer.Trainer.run", lambda self, context: seen.append(self.settings) or 1 / 0
    )
    for number, batch in enumerate((2, 16)):
        inputs = finetune_inputs(tmp_path, out=str(tmp_path / str(number)))
        params = finetune.Params(weights=str(start.file), batch_size=batch, repeat_images=True, patch_size=64)
        with pytest.raises(ZeroDivisionError):
            finetune.run(inputs, params, QuietContext())
    assert [settings.freeze_batch_norm for settings in seen] == [True, False]
    assert [settings.steps for settings in seen] == [100, 100]
    assert seen[0].sampling.gamma == 0.7


def test_too_few_images_are_refused_with_the_ways_round(tmp_path: Path, start: Weights) -> None:
    with pytest.raises(DatasetError) as caught:
        finetune.run(finetune_inputs(tmp_path), finetune.Params(weights=str(start.file)), QuietContext())
    assert "3 images, fewer than the batch of 16" in caught.value.message
    for way in ("--batch-size 3", "--repeat-images", "CEM-MitoLab"):
        assert way in caught.value.hint
    assert not (tmp_path / "tuned").exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"patch_size": 100}, "multiples of 16"),
        ({"patch_size": 192, "architecture": "PanopticBiFPN"}, "multiples of 128"),
        ({"encoder": "resnet7"}, "no encoder 'resnet7'"),
        ({"labels": "1,mito"}, "is not a label"),
        ({"labels": "1,a,instance;1,b,semantic"}, "given twice"),
        ({"labels": "2,mito,instance"}, "numbered 1, 2, 3"),
        ({"labels": "1,../mito,instance"}, "a class cannot be called"),
        ({"labels": "1,mito,instance;2,Mito,semantic"}, "two classes have the same name"),
        ({"config": "missing.yaml"}, "cannot be read"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_written(
    tmp_path: Path, changed: dict[str, object], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        train.run(train_inputs(tmp_path), train.Params.checked(changed), QuietContext())
    assert not (tmp_path / "run").exists()


def test_a_finetuning_cannot_change_the_network(tmp_path: Path, config: str, start: Weights) -> None:
    with pytest.raises(SettingsError, match="takes network from the weights"):
        finetune.run(finetune_inputs(tmp_path), finetune.Params(weights=str(start.file), config=config), QuietContext())


def test_parameters_go_before_the_configuration_and_this_before_defaults(config: str) -> None:
    settled = train._config(train.Params(config=config, batch_size=5, encoder="resnet34"))
    assert (settled.training.steps, settled.training.batch_size, settled.training.patch_size) == (3, 5, 64)
    assert (settled.network.encoder, settled.network.encoder_channels) == ("resnet34", 8)
    plain = train._config(train.Params())
    assert (plain.training.steps, plain.training.batch_size, plain.network.encoder) == (500, 16, "resnet50")


def test_configurations_build_on_one_another(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("training: {steps: 9, losses: {heatmap: 100, points: 2}}\nthreads: 2\n")
    (tmp_path / "mine.yaml").write_text("BASE: base.yaml\ntraining: {losses: {points: 3}}\n")
    config = make_config(read_config(tmp_path / "mine.yaml"))
    assert (config.training.steps, config.threads) == (9, 2)
    assert (config.training.losses.heatmap, config.training.losses.points) == (100, 3)
    (tmp_path / "base.yaml").write_text("BASE: mine.yaml\n")
    with pytest.raises(SettingsError, match="builds on itself"):
        read_config(tmp_path / "mine.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training: {stpes: 3}", "training.stpes"),
        ("training: {augmentation: {scale: big}}", "training.augmentation.scale"),
        ("traning: {}", "traning"),
        ("- a\n- b", "not a table"),
        ("a: [", "not YAML"),
        ("{" * 3000, "not YAML"),
    ],
)
def test_misspelt_configurations_are_told(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(SettingsError, match=message):
        make_config(read_config(tmp_path / "bad.yaml"))


def test_merging_leaves_its_arguments_alone() -> None:
    base = {"a": {"b": 1, "c": 2}, "d": [1]}
    assert merged(base, {"a": {"b": 3}, "d": [2]}) == {"a": {"b": 3, "c": 2}, "d": [2]}
    assert base == {"a": {"b": 1, "c": 2}, "d": [1]}


def test_the_starter_configuration_is_valid() -> None:
    config = make_config(read_config(Path(__file__).parents[2] / "training" / "mitochondria.yaml"))
    assert config.network.size_factor == 16
    assert np.isclose(config.training.losses.heatmap, 200)
    assert "non-profit" in config.about.licence
