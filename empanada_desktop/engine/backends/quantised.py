"""The 8-bit form of weights in the user's library: where it is, how good it was found, and when it may be used."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from empanada_desktop.engine.backends.exports import sound_graph, store_graph
from empanada_desktop.engine.backends.openvino_runtime import Graph, OpenVinoBackend, write_graph
from empanada_desktop.errors import SettingsError, WeightsError
from empanada_desktop.io.weights import Weights, sha256_of, user_weights_folder
from empanada_desktop.settings import read_json, write_json

LEAST_F1 = 0.97
FACTS = "facts.json"
MAKE = "Make it from planes of your data: empanada-desktop quantise VOLUME --weights {name}"


class QuantisedFacts(BaseModel):
    """What was measured of an 8-bit form against the full one, on planes that it was not calibrated on.

    f1: agreement of objects at IoU .5 (of pixels for classes without instances), the worst class. objects: how many the
    full form found there. speed: how many times as many planes in the same time. encoder_only: whether the decoders
    stayed in 32 bits.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    weights: str
    weights_sha256: str
    f1: float
    objects: int
    speed: float
    encoder_only: bool
    volume: str
    calibration_planes: int
    compared_planes: int

    @property
    def is_good(self) -> bool:
        """Whether the results are near enough to those of the full form."""
        return self.f1 >= LEAST_F1

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Read the facts beside an 8-bit form; None when there are none that make sense."""
        try:
            return cls.model_validate(read_json(folder / FACTS))
        except ValidationError:
            return None


def quantised_folder(weights: Weights) -> Path:
    """The folder of the 8-bit form of weights, which may not exist."""
    return user_weights_folder() / f"{weights.descriptor.name}.int8"


def store_quantised(weights: Weights, graph: Graph, facts: QuantisedFacts) -> Path:
    """Put an 8-bit form into the user's library in the place of an earlier one; WeightsError when it cannot be."""
    folder = quantised_folder(weights)

    def write(file: Path) -> None:
        write_graph(graph, file)
        write_json(file.with_name(FACTS), facts.model_dump())

    try:
        store_graph(folder, write)
    except OSError as problem:
        raise WeightsError(
            f"{folder} cannot be written: {problem}", "Free some space, or check who may write."
        ) from None
    return folder


def open_quantised(weights: Weights, threads: int = 0) -> tuple[OpenVinoBackend, list[str]]:
    """Open the 8-bit form of weights, and say on what data it was found good enough.

    SettingsError when there is none, or none that is near enough to the full one.
    """
    name, folder = weights.descriptor.name, quantised_folder(weights)
    facts, hint = QuantisedFacts.read(folder), MAKE.format(name=name)
    if facts is None:
        raise SettingsError(f"There is no quantised form of {name} yet.", hint)
    if facts.weights_sha256 != (weights.descriptor.sha256 or sha256_of(weights.file)):
        raise SettingsError(f"The quantised form of {name} was made of another file of that name.", hint)
    if not facts.is_good:
        raise SettingsError(
            f"The quantised form of {name} finds other objects than the full one: F1 {facts.f1:.2f} on {facts.volume}, "
            f"{LEAST_F1} is needed.",
            "Leave use-quantised off, or quantise anew with other planes.",
        )
    file = sound_graph(folder)
    if file is None:
        raise SettingsError(f"The quantised form of {name} in {folder} is damaged.", hint)
    try:
        backend = OpenVinoBackend(file, threads, "int8")
    except (ImportError, RuntimeError) as problem:
        raise SettingsError(
            f"OpenVINO cannot run the quantised form: {problem}", "Leave use-quantised off."
        ) from problem
    place = Path(facts.volume).name
    return backend, [f"The 8-bit form was measured on {place} (F1 {facts.f1:.2f}): for other data quantise anew."]
