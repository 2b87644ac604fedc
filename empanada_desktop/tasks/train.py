"""Train a new network on labelled images, from random weights or a pretrained encoder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from empanada_desktop.core.context import JobContext
from empanada_desktop.errors import SettingsError
from empanada_desktop.io.weights import Architecture, WeightsDescriptor
from empanada_desktop.tasks.params import ui
from empanada_desktop.tasks.training import (
    TrainingData,
    check_count,
    check_name_free,
    check_patch,
    load_data,
    make_trainer,
    open_run,
    train_and_store,
)
from empanada_desktop.tasks.training_params import TrainingInputs, TrainingParams, TrainingResult

if TYPE_CHECKING:
    from empanada_desktop.engine.networks import PanopticNetwork
    from empanada_desktop.tasks.training_config import TrainingConfig

TITLE = "Train a new network on labelled images."
Inputs = TrainingInputs


class Params(TrainingParams):
    """How a new network is trained."""

    labels: str = Field(
        "1,mito,instance",
        title="Dataset labels",
        description="Classes in the masks, from 1 on: id,name,instance or id,name,semantic; several with ; between.",
        json_schema_extra=ui("Labels"),
    )
    label_divisor: Annotated[int, Field(ge=2, le=100_000_000)] = Field(
        1000,
        title="Label divisor",
        description="Masks hold class · divisor + number of the object.",
        json_schema_extra=ui("Labels"),
    )
    architecture: Architecture = Field(
        "PanopticDeepLab",
        title="Architecture",
        description="PanopticBiFPN has half as many parameters: choose it for small computers.",
        json_schema_extra=ui("Network"),
    )
    encoder: str = Field(
        "resnet50",
        title="Encoder",
        description="resnet18, 34, 50 or 101, or a RegNet.",
        json_schema_extra=ui("Network"),
    )
    encoder_weights: str | None = Field(
        None,
        title="Pretrained encoder",
        description="Start the encoder from these: a .pth with CEM pretrained weights, or weights of the library. "
        "Much faster and more robust than random ones.",
        json_schema_extra=ui("Network"),
    )
    finetunable_layers: Literal["none", "stage4", "stage3", "stage2", "stage1", "all"] = Field(
        "all",
        title="Finetunable layers",
        description="Stages of the encoder that train, the named one and deeper; decoders always do.",
        json_schema_extra=ui("Training"),
    )
    iterations: Annotated[int, Field(ge=1, le=100_000)] = Field(
        500,
        title="Iterations",
        description="Training steps. 500 to 1000 is a good start; more classes and more data need more.",
        json_schema_extra=ui("Training"),
    )
    description: str = Field(
        "", title="Description", description="What the weights are for.", json_schema_extra=ui("Labels")
    )


def run(inputs: TrainingInputs, params: Params, context: JobContext) -> TrainingResult:
    """Train and put the best weights into the library; a cancelled run goes on when it is called again."""
    from empanada_desktop.engine.data import LabelRules
    from empanada_desktop.io.datasets import grey_statistics

    config = _config(params)
    settings = config.training
    check_name_free(inputs)
    check_patch(settings.patch_size, config.network.size_factor)
    data = load_data(inputs, config.class_ids, config.label_divisor)
    config = config.model_copy(update={"label_divisor": data.training.label_divisor})
    rules = LabelRules(config.class_ids, config.things, config.label_divisor)
    check_count(data.training, settings.batch_size, params.repeat_images)
    norms = config.norms or grey_statistics(data.training)
    recipe = open_run("train", inputs, params, config.model_dump(mode="json"))
    network = _network(config, params, data)
    trainer = make_trainer(network, data, rules, norms, settings, inputs, score_start=False)
    return train_and_store(trainer, describe(inputs.title, config, norms), recipe, data, inputs, context)


def _config(params: Params) -> "TrainingConfig":
    """The configuration's values with those of the parameters that are not at their default laid over them."""
    from empanada_desktop.tasks.training_config import changed_values, make_config, merged, read_config

    values = merged(read_config(Path(params.config)) if params.config else {}, changed_values(params))
    if params.labels != Params.model_fields["labels"].default:
        values["labels"] = read_labels(params.labels)
    n_classes = len(values.get("labels") or {1: None})
    channels = 1 if n_classes == 1 else n_classes + 1
    return make_config(merged(values, {"network": {"n_classes": channels}}))


def read_labels(text: str) -> dict[int, dict[str, str]]:
    """Read `id,name,kind` lines (or with ; between them), kind being instance or semantic."""
    labels: dict[int, dict[str, str]] = {}
    for line in filter(None, (part.strip() for part in text.replace("\n", ";").split(";"))):
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) != 3 or not cells[0].isdigit() or cells[2] not in ("instance", "semantic"):
            raise SettingsError(f"“{line}” is not a label.", "Write id,name,instance or id,name,semantic.")
        if int(cells[0]) in labels:
            raise SettingsError(f"The label {cells[0]} is given twice.")
        labels[int(cells[0])] = {"name": cells[1], "kind": cells[2]}
    return labels


def _network(config: "TrainingConfig", params: Params, data: TrainingData) -> "PanopticNetwork":
    from empanada_desktop.engine.device import choose_device, seed_weights
    from empanada_desktop.engine.networks import build_network, set_trainable
    from empanada_desktop.engine.pretrained import start_encoder_from
    from empanada_desktop.engine.priors import class_fractions, set_class_prior

    device = choose_device(params.use_gpu, config.threads)
    seed_weights(config.training.seed)
    network = build_network(config.network)
    set_class_prior(network, class_fractions(data.training, config.class_ids, config.label_divisor))
    if params.encoder_weights:
        start_encoder_from(network, params.encoder_weights)
    set_trainable(network, params.finetunable_layers)
    return network.to(device)


def describe(name: str, config: "TrainingConfig", norms: tuple[float, float]) -> WeightsDescriptor:
    """Descriptor of the weights that a configuration trains, with mean and standard deviation of their images."""
    return WeightsDescriptor(
        name=name,
        network=config.network,
        class_names={class_id: config.labels[class_id].name for class_id in config.class_ids},
        thing_list=list(config.things),
        label_divisor=config.label_divisor,
        mean=norms[0],
        std=norms[1],
        padding_factor=config.network.size_factor,
        **config.about.model_dump(),
    )
