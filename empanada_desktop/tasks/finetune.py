"""Adapt existing weights to new images of the same classes."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from empanada_desktop.core.context import JobContext
from empanada_desktop.errors import SettingsError
from empanada_desktop.tasks.params import ui
from empanada_desktop.tasks.training import (
    TrainingData,
    check_count,
    check_name_free,
    check_patch,
    load_data,
    make_dataset,
    make_trainer,
    open_run,
    train_and_store,
)
from empanada_desktop.tasks.training_params import TrainingInputs, TrainingParams, TrainingResult

if TYPE_CHECKING:
    from empanada_desktop.engine.data import LabelRules
    from empanada_desktop.engine.networks import PanopticNetwork
    from empanada_desktop.engine.trainer import TrainingSettings
    from empanada_desktop.io.weights import Weights, WeightsDescriptor
    from empanada_desktop.tasks.training_config import TrainingConfig

TITLE = "Adapt existing weights to new images."
Inputs = TrainingInputs
SAFE_BATCH = 16
SETTLING_BATCHES = 8
# Published advice for finetuning: sub-data-sets are drawn more in proportion to their size than in a training.
DEFAULTS: dict[str, Any] = {"training": {"steps": 100, "sampling": {"gamma": 0.7}}}
FIXED = ("network", "labels", "label_divisor", "norms")


class Params(TrainingParams):
    """How existing weights are adapted."""

    weights: str = Field(
        "bundled",
        title="Weights",
        description="What to start from: a name in the weights library, or the path of a descriptor.",
        json_schema_extra=ui("Input"),
    )
    finetunable_layers: Literal["none", "stage4", "stage3", "stage2", "stage1", "all"] = Field(
        "none",
        title="Finetunable layers",
        description="Stages of the encoder that train, the named one and deeper; decoders always do. none is fastest; "
        "if it is not enough, stage4 is usually best.",
        json_schema_extra=ui("Training"),
    )
    iterations: Annotated[int, Field(ge=1, le=100_000)] = Field(
        100,
        title="Iterations",
        description="Training steps. 100 to 200 do where the weights already find a third of what they should.",
        json_schema_extra=ui("Training"),
    )


def run(inputs: TrainingInputs, params: Params, context: JobContext) -> TrainingResult:
    """Finetune and put the best weights into the library, which may be those at the start: never worse than these."""
    from empanada_desktop.io.weights import find_weights

    check_name_free(inputs)
    weights = find_weights(params.weights)
    descriptor = weights.descriptor
    config = _config(params, descriptor)
    settings = config.training
    check_patch(settings.patch_size, descriptor.network.size_factor)
    data = load_data(inputs, config.class_ids, config.label_divisor)
    config = config.model_copy(update={"label_divisor": data.training.label_divisor})
    check_count(data.training, settings.batch_size, params.repeat_images)
    start = {"start": {"name": descriptor.name, "sha256": descriptor.sha256}}
    recipe = open_run("finetune", inputs, params, config.model_dump(mode="json") | start)
    norms = (descriptor.mean, descriptor.std)
    network, rules = _network(weights, config, params, data)
    trainer = make_trainer(network, data, rules, norms, settings, inputs, score_start=True)
    return train_and_store(trainer, _new_descriptor(inputs, descriptor), recipe, data, inputs, context)


def _config(params: Params, descriptor: "WeightsDescriptor") -> "TrainingConfig":
    """Settings of the training; what the weights decide is taken from their descriptor."""
    from empanada_desktop.tasks.training_config import changed_values, make_config, merged, read_config

    given = read_config(Path(params.config)) if params.config else {}
    fixed = [name for name in FIXED if name in given]
    if fixed:
        raise SettingsError(
            f"A finetuning takes {', '.join(fixed)} from the weights it starts from.",
            "Remove these from the configuration, or train a new network.",
        )
    labels = {
        class_id: {"name": name, "kind": "instance" if class_id in descriptor.thing_list else "semantic"}
        for class_id, name in descriptor.class_names.items()
    }
    own = {"network": descriptor.network, "labels": labels, "label_divisor": max(2, descriptor.label_divisor)}
    config = make_config(merged(merged(merged(DEFAULTS, given), changed_values(params)), own))
    return config.model_copy(update={"training": _with_safe_statistics(config.training)})


def _with_safe_statistics(settings: "TrainingSettings") -> "TrainingSettings":
    """Batches below 16 are too small to estimate batch-norm statistics from: leave those of the start."""
    return replace(settings, freeze_batch_norm=settings.freeze_batch_norm or settings.batch_size < SAFE_BATCH)


def _network(
    weights: "Weights", config: "TrainingConfig", params: Params, data: TrainingData
) -> "tuple[PanopticNetwork, LabelRules]":
    """The network at its start, ready to train; batch norms of published weights get the statistics they lack."""
    from empanada_desktop.engine.data import LabelRules
    from empanada_desktop.engine.device import choose_device
    from empanada_desktop.engine.export import load_network
    from empanada_desktop.engine.networks import set_trainable, settle_batch_norms

    rules = LabelRules(config.class_ids, config.things, config.label_divisor)
    network = load_network(weights).to(choose_device(params.use_gpu, config.threads))
    norms = (weights.descriptor.mean, weights.descriptor.std)
    patches = make_dataset(data.training, rules, norms, config.training)
    settle_batch_norms(network, patches.images(SETTLING_BATCHES, next(network.parameters()).device))
    set_trainable(network, params.finetunable_layers)
    return network, rules


def _new_descriptor(inputs: TrainingInputs, start: "WeightsDescriptor") -> "WeightsDescriptor":
    """The start's descriptor under the new name; licence and citation go on, since the weights are derived from it."""
    origin = {"finetuned_from": start.name, "sha256_of_start": start.sha256}
    trained_on = "; ".join(filter(None, (start.trained_on, f"finetuned on {Path(inputs.train_dir).resolve().name}")))
    return start.model_copy(
        update={
            "name": inputs.title,
            "trained_on": trained_on,
            "file": "",
            "sha256": "",
            "provenance": {**start.provenance, **origin},
        }
    )
