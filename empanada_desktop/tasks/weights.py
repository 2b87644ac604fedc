"""The weights that are there: list them, say all about one, bring in published ones or a colleague's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from empanada_desktop.core.context import JobContext
from empanada_desktop.errors import SettingsError
from empanada_desktop.io.weights import Weights, WeightsDescriptor, find_weights, how_to_get, scan_library
from empanada_desktop.tasks.params import TaskInputs, TaskParams

TITLE = "List, explain or import network weights."


class Params(TaskParams):
    """How weights are brought in."""

    name: str | None = Field(
        None, title="Name", description="Name in the library of what is imported. Leave out to keep the one it has."
    )


class Inputs(TaskInputs):
    """What to do with which weights."""

    action: Literal["list", "info", "import"] = Field(
        title="Action",
        description="list: what is there and what could be fetched; info: all about one; import: bring one in.",
    )
    weights: str | None = Field(
        None,
        title="Weights",
        description="For info a name in the library or a file; for import a .yaml with its .pth or .safetensors beside "
        "it, or an .empanada file.",
        json_schema_extra={"positional": True},
    )


@dataclass(frozen=True)
class WeightsResult:
    """What was found or brought in, and the same in plain sentences."""

    weights: tuple[Weights, ...]
    text: tuple[str, ...]

    def lines(self) -> list[str]:
        """Say in plain sentences what there is or what was brought in."""
        return list(self.text)


def run(inputs: Inputs, params: Params, context: JobContext) -> WeightsResult:
    """List, explain or import weights; WeightsError when they are missing, damaged, hostile or of another kind."""
    if inputs.action == "list":
        return _list()
    if inputs.weights is None:
        example = "MitoNet_v1" if inputs.action == "info" else "MitoNet_v1.yaml"
        raise SettingsError(f"Which weights? Give them after {inputs.action}.", f"For example: {example}.")
    return _info(inputs.weights) if inputs.action == "info" else _import(Path(inputs.weights), params.name, context)


def _list() -> WeightsResult:
    library = scan_library()
    text = [_summary(weights) for weights in library.weights] or ["There are no weights on this computer yet."]
    text += [f"Left out: {fault}" for fault in library.faults]
    if library.missing:
        text.append("Published weights that are not on this computer (nothing is downloaded by itself):")
    for entry in library.missing:
        size = f", {entry.size_mb:.0f} MB" if entry.size_mb else ""
        text += [f"  {entry.name}: {entry.description} ({entry.architecture}{size})", f"    {how_to_get(entry)}"]
    return WeightsResult(tuple(library.weights), tuple(text))


def _info(name_or_path: str) -> WeightsResult:
    weights = find_weights(name_or_path)
    weights.verify()
    facts = {**_facts(weights.descriptor), "File": f"{weights.file} ({weights.file.stat().st_size / 1e6:.1f} MB)"}
    facts |= {key.replace("_", " ").capitalize(): value for key, value in weights.descriptor.provenance.items()}
    return WeightsResult((weights,), tuple(f"{title}: {value}" for title, value in facts.items() if value))


def _import(path: Path, name: str | None, context: JobContext) -> WeightsResult:
    from empanada_desktop.engine.export import import_weights

    context.check_cancelled()
    weights = import_weights(path, name)
    return WeightsResult((weights,), (f"Imported {weights.descriptor.name} into the library: {weights.file}",))


def _summary(weights: Weights) -> str:
    descriptor = weights.descriptor
    network = descriptor.network
    size = weights.file.stat().st_size / 1e6
    kind = f"{network.architecture}, {network.encoder}, {size:.0f} MB, {weights.origin}"
    return f"{descriptor.name}: {', '.join(descriptor.class_names.values())} ({kind}). {descriptor.description}".strip()


def _facts(descriptor: WeightsDescriptor) -> dict[str, str]:
    network = descriptor.network
    instances = [title for class_id, title in descriptor.class_names.items() if class_id in descriptor.thing_list]
    return {
        "Name": descriptor.name,
        "Description": descriptor.description,
        "Classes": ", ".join(f"{class_id} {title}" for class_id, title in descriptor.class_names.items()),
        "Instances of": ", ".join(instances),
        "Label divisor": str(descriptor.label_divisor),
        "Network": f"{network.architecture}, {network.encoder}",
        "Patches": f"sides divisible by {network.size_factor} pixels; images are padded to {descriptor.padding_factor}",
        "Normalisation": f"mean {descriptor.mean:g}, standard deviation {descriptor.std:g} of the grey range",
        "Pixel size": _pixel_size(descriptor.pixel_size_nm),
        "Trained on": descriptor.trained_on,
        "Licence": descriptor.licence,
        "Citation": descriptor.citation,
        "SHA-256": descriptor.sha256,
    }


def _pixel_size(limits: tuple[float, float | None] | None) -> str:
    if limits is None:
        return ""
    low, high = limits
    return f"{low:g} nm and more" if high is None else f"{low:g} to {high:g} nm"
