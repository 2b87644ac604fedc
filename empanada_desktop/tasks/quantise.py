"""Make the 8-bit form of weights from planes of a volume: faster on the processor, used only where near enough."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.plurals import counted
from empanada_desktop.tasks.inference import volume_grey_range
from empanada_desktop.tasks.inference_params import BUNDLED_WEIGHTS, PowerOfTwo
from empanada_desktop.tasks.params import TaskInputs, TaskParams, ui

TITLE = "Make weights faster on the processor (8 bits)."
LARGEST_SIDE = 1024


class Params(TaskParams):
    """What is calibrated, and on how much."""

    weights: str = Field(
        BUNDLED_WEIGHTS,
        title="Weights",
        description="Name of an entry of the weights library, or the path of weights.",
        json_schema_extra=ui("Input"),
    )
    inference_plane: Literal["xy", "xz", "yz"] = Field(
        "xy", title="Inference plane", description="Orientation of the planes.", json_schema_extra=ui("Input")
    )
    image_downsampling: PowerOfTwo = Field(
        1,
        title="Image downsampling",
        description="As it will be used: what the network sees decides the scales.",
        json_schema_extra=ui("Input"),
    )
    planes: Annotated[int, Field(ge=1, le=256)] = Field(
        8,
        title="Planes",
        description="Planes to calibrate on; as many others between them are compared. At most 1024 pixels a side, "
        "from the middle.",
        json_schema_extra=ui("Input"),
    )
    threads: Annotated[int, Field(ge=0, le=1024)] = Field(
        0,
        title="Threads",
        description="Processor threads to use; 0 takes what the machine offers.",
        json_schema_extra=ui("Computer"),
    )


class Inputs(TaskInputs):
    """The volume whose planes are used."""

    volume: str = Field(title="Volume", description="A volume like those to be segmented: a file or a folder.")
    dataset: str | None = Field(None, title="Dataset", description="Array inside an HDF5 or Zarr file.")


@dataclass(frozen=True)
class QuantiseResult:
    """How near the 8-bit form comes to the full one, and how fast it is."""

    weights: str
    f1: float
    speed: float
    objects: int
    encoder_only: bool
    is_good: bool

    def lines(self) -> list[str]:
        """Say in plain sentences what was found."""
        part = "the encoder in 8 bits" if self.encoder_only else "8 bits"
        found = f"{self.weights}, {part}: F1 {self.f1:.3f} against the full form on {counted(self.objects, 'object')}"
        use = "Use it with --use-quantised." if self.is_good else "That is not near enough; it will not be used."
        return [f"{found}, {self.speed:.1f} times as fast.", use]


def run(inputs: Inputs, params: Params, context: JobContext) -> QuantiseResult:
    """Calibrate, compare and keep the 8-bit form in the user's library; AppError when the planes hold no objects."""
    from empanada_desktop.engine.plane import PlaneSettings
    from empanada_desktop.engine.quantised_weights import Material, quantise_weights
    from empanada_desktop.io.volumes import open_volume
    from empanada_desktop.io.weights import find_weights

    weights = find_weights(params.weights)
    things = frozenset(weights.descriptor.thing_list)
    with open_volume(inputs.volume, inputs.dataset) as volume:
        axis, grey = Axis(params.inference_plane), volume_grey_range(volume)

        def read(index: int) -> NDArray[np.float32]:
            plane = volume.read_plane(axis, index)
            return grey.scale(plane[tuple(_middle(side) for side in plane.shape)])

        calibration, comparison = sampled(volume.planes(axis), params.planes)
        settings = PlaneSettings(things=things, image_downsampling=params.image_downsampling)
        material = Material(inputs.volume, read, calibration, comparison, settings)
        facts = quantise_weights(weights, material, params.threads, context)
    return QuantiseResult(facts.weights, facts.f1, facts.speed, facts.objects, facts.encoder_only, facts.is_good)


def sampled(n_planes: int, wanted: int) -> tuple[list[int], list[int]]:
    """Choose planes spread over a stack, in turn to calibrate on and to compare; a single one has to do for both."""
    places = np.unique(np.linspace(0, n_planes - 1, 2 * wanted).round().astype(int)).tolist()
    return places[::2], places[1::2] or places


def _middle(side: int) -> slice:
    start = max(0, (side - LARGEST_SIDE) // 2)
    return slice(start, start + LARGEST_SIDE)
