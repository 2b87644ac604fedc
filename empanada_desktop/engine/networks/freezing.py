"""Which parts of a network train: the named stage of the encoder and deeper, decoders and heads always."""

from __future__ import annotations

from typing import Literal, get_args

from empanada_desktop.engine.networks.panoptic import PanopticNetwork
from empanada_desktop.errors import SettingsError

FinetunableLayers = Literal["none", "stage4", "stage3", "stage2", "stage1", "all"]


def set_trainable(network: PanopticNetwork, finetunable_layers: FinetunableLayers) -> None:
    """Let the encoder train from the named stage on; "none" freezes all of it, "all" trains the stem too.

    Batch norms of frozen parts keep their running statistics, now and after any later `network.train()`.
    """
    encoder = network.encoder
    encoder.requires_grad_(finetunable_layers == "all")
    for stage in encoder.stage_names[first_stage(finetunable_layers) :]:
        encoder.get_submodule(stage).requires_grad_(True)
    network.train(network.training)


def first_stage(finetunable_layers: FinetunableLayers) -> int:
    """The first of the encoder's four stages that trains, counted from 0; 4 when none does."""
    if finetunable_layers not in get_args(FinetunableLayers):
        choices = ", ".join(get_args(FinetunableLayers))
        raise SettingsError(f"There are no finetunable layers {finetunable_layers!r}.", f"Choose one of {choices}.")
    named = {"none": 4, "all": 0}
    return named[finetunable_layers] if finetunable_layers in named else int(finetunable_layers[-1]) - 1
