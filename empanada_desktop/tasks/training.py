"""What training and finetuning do alike: the data, the run's folder, and the weights that come out."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.plurals import counted
from empanada_desktop.errors import DatasetError, SettingsError
from empanada_desktop.io.datasets import TrainingSet, read_training_set
from empanada_desktop.tasks.recipe import make_recipe
from empanada_desktop.tasks.training_params import TrainingInputs, TrainingParams, TrainingResult

if TYPE_CHECKING:
    from empanada_desktop.engine.data import LabelRules, PatchDataset
    from empanada_desktop.engine.networks import PanopticNetwork
    from empanada_desktop.engine.trainer import Trainer, TrainingSettings
    from empanada_desktop.io.weights import WeightsDescriptor

RECIPE = "job.yaml"
RUN_FILES = (RECIPE, "checkpoint.pt", "best.pt", "metrics.csv", "curves.png", "done")


@dataclass(frozen=True)
class TrainingData:
    """Checked image sets and what scoring is done on."""

    training: TrainingSet
    validation: TrainingSet
    notes: tuple[str, ...]


def load_data(inputs: TrainingInputs, class_ids: tuple[int, ...], label_divisor: int) -> TrainingData:
    """Check both sets completely; DatasetError names every fault. Without validation set the training images serve.

    The masks decide about the divisor where theirs is another one than `label_divisor`: that of the training set.
    """
    training = read_training_set(Path(inputs.train_dir), class_ids, label_divisor)
    if inputs.validation_dir is None:
        note = "There is no validation set: scores are those on the training images and say little of others."
        return TrainingData(training, training, (*training.notes, note))
    validation = read_training_set(Path(inputs.validation_dir), class_ids, training.label_divisor)
    if validation.label_divisor != training.label_divisor:
        divisors = f"{training.label_divisor} and {validation.label_divisor}"
        raise DatasetError(f"Training and validation masks go by label divisors of {divisors}.", "Use one for both.")
    return TrainingData(training, validation, (*training.notes, *validation.notes))


def check_count(training: TrainingSet, batch_size: int, repeat_images: bool) -> None:
    """Refuse fewer images than a batch holds, saying the ways round, unless repeating them was asked for."""
    count = len(training.images)
    if count < batch_size and not repeat_images:
        raise DatasetError(
            f"The training set has {counted(count, 'image')}, fewer than the batch of {batch_size}.",
            f"Label more patches, add related published images (CEM-MitoLab), use --batch-size {count} or less, or "
            "train on each image several times with --repeat-images.",
        )


def check_patch(patch_size: int, factor: int) -> None:
    """SettingsError when the network cannot take patches of this size."""
    if patch_size % factor:
        nearest = max(factor, round(patch_size / factor) * factor)
        raise SettingsError(
            f"A patch size of {patch_size} does not fit this network: it takes multiples of {factor}.",
            f"Use --patch-size {nearest}.",
        )


def open_run(task: str, inputs: TrainingInputs, params: TrainingParams, settled: dict[str, Any]) -> dict[str, Any]:
    """Claim the output folder and write the recipe into it; returns the recipe.

    A folder with an unfinished run of the same recipe is gone on with; another one is refused, or emptied of the
    earlier run with `overwrite`.
    """
    from empanada_desktop.io.volumes.faults import writing

    folder = Path(inputs.out)
    recipe = make_recipe(task, params, inputs, configuration=settled).to_dict()
    with writing(folder):
        earlier = _earlier_recipe(folder)
        names = {path.name for path in folder.iterdir()} if folder.exists() else set()
        if names & set(RUN_FILES) and earlier is None:
            raise SettingsError(f"{folder} holds files that no run of this program made.", "Choose another folder.")
        if inputs.overwrite:
            for name in RUN_FILES:
                (folder / name).unlink(missing_ok=True)
        elif earlier is not None:
            _check_same(earlier, recipe, folder)
        elif names:
            raise SettingsError(f"The folder {folder} is not empty.", "Choose another one, or use --overwrite.")
        folder.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True)
        (folder / RECIPE).write_text(text, encoding="utf-8")
    return recipe


def _earlier_recipe(folder: Path) -> dict[str, Any] | None:
    """Return the recipe of the run in a folder; None where there is none that this program wrote."""
    try:
        earlier = yaml.safe_load((folder / RECIPE).read_text(encoding="utf-8"))
    except (FileNotFoundError, yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return None
    return earlier if isinstance(earlier, dict) and earlier.get("task") in ("train", "finetune") else None


def _check_same(earlier: dict[str, Any], recipe: dict[str, Any], folder: Path) -> None:
    hint = "Choose another folder, or replace the run in it with --overwrite."
    if (folder / "done").exists():
        raise SettingsError(f"The run in {folder} is finished.", hint)
    if any(
        _without_switches(earlier, part) != _without_switches(recipe, part) for part in ("params", "inputs", "facts")
    ):
        raise SettingsError(f"The folder {folder} holds the run of another job.", hint)


def _without_switches(recipe: dict[str, Any], part: str) -> dict[str, Any]:
    ignored = ("overwrite", "threads", "use_gpu")
    return {name: value for name, value in (recipe.get(part) or {}).items() if name not in ignored}


def make_trainer(
    network: "PanopticNetwork",
    data: TrainingData,
    rules: "LabelRules",
    norms: tuple[float, float],
    settings: "TrainingSettings",
    inputs: TrainingInputs,
    score_start: bool,
) -> "Trainer":
    """Put network, patches and scoring together."""
    from empanada_desktop.engine.trainer import Trainer
    from empanada_desktop.engine.validation import Score, score_planes

    def validate(scored: Any, context: JobContext) -> Score:  # noqa: ANN401 - a torch module
        return score_planes(scored, data.validation, rules, norms, context)

    dataset = make_dataset(data.training, rules, norms, settings)
    return Trainer(network, dataset, validate, settings, Path(inputs.out), score_start)


def make_dataset(
    training: TrainingSet, rules: "LabelRules", norms: tuple[float, float], settings: "TrainingSettings"
) -> "PatchDataset":
    """Patches of a training set as the settings want them."""
    from empanada_desktop.engine.data import PatchDataset

    return PatchDataset(
        training,
        rules,
        settings.patch_size,
        settings.batch_size,
        norms,
        settings.augmentation,
        settings.sampling,
        settings.seed,
    )


def check_name_free(inputs: TrainingInputs) -> None:
    """SettingsError when the library has weights of this name already, unless they may be replaced."""
    from empanada_desktop.io.weights import check_name, list_weights

    check_name(inputs.title)
    found = next((weights for weights in list_weights() if weights.descriptor.name == inputs.title), None)
    if found is not None and (found.origin != "user" or not inputs.overwrite):
        hint = "Choose another --name." if found.origin != "user" else "Choose another --name, or use --overwrite."
        raise SettingsError(f"The library has weights called {inputs.title} already.", hint)


def train_and_store(
    trainer: "Trainer",
    descriptor: "WeightsDescriptor",
    recipe: dict[str, Any],
    data: TrainingData,
    inputs: TrainingInputs,
    context: JobContext,
) -> TrainingResult:
    """Run the loop to its end and put the best weights into the user's library."""
    from empanada_desktop.engine.device import memory_guard
    from empanada_desktop.engine.export import save_weights
    from empanada_desktop.io.weights import user_weights_folder

    with memory_guard("Choose a smaller batch or patch size."):
        progress = trainer.run(context)
    trainer.network.load_state_dict(trainer.best_state())
    network = trainer.network.cpu().eval()
    origin = {"recipe": str((Path(inputs.out) / RECIPE).resolve()), "step": str(progress.best_step)}
    descriptor = descriptor.model_copy(update={"provenance": {**descriptor.provenance, **origin}})
    weights = save_weights(network, descriptor, user_weights_folder(), half=False)
    (Path(inputs.out) / "done").write_text(f"{weights.file}\n", encoding="utf-8")
    return TrainingResult(
        name=inputs.title,
        weights=str(weights.file),
        folder=inputs.out,
        start_score=progress.start_score,
        best_score=progress.best_score,
        best_step=progress.best_step,
        steps=progress.step,
        seconds=progress.seconds,
        recipe=recipe,
        notes=data.notes,
    )
