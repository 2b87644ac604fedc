"""What segmenting a volume will take: memory, disk, time; estimates before it starts.

The factors were measured with `segment-volume` and the bundled weights: the peak resident memory of the job's process
for planes of 200² to 1024² pixels, and its time beyond that of the network alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from empanada_desktop.core.footprint import room_needed
from empanada_desktop.core.tiles import lay_tiles, tile_overlap

# Python, torch, the back end and the weights: 710 MB at the peak with planes of 256 × 256 and the bundled network; of a
# ResNet-50 the weights are larger, and OpenVINO holds them twice when it is first made ready (1.46 GB at 512 × 512).
ENGINE_GIGABYTES, LARGE_ENGINE_GIGABYTES = 0.72, 1.35
# Working memory per pixel that the network sees, on the processor: 230 with the bundled network and OpenVINO (190 with
# torch), 550 with the ResNet-50 of the published ones.
SMALL_NETWORK_BYTES, LARGE_NETWORK_BYTES = 250.0, 600.0
FLOAT_BYTES, BLOCK_BYTES = 4, 12
# PointRend refines as many points in an image of any size, and each has to be read and written: an image costs what so
# many pixels more would. Measured with four networks and two back ends: 13,000 to 45,000.
PIXELS_MORE_PER_IMAGE = 20_000
# Loading and writing, and what is done with the network's output: 10 to 12 % of the network's time.
START_SECONDS, BEYOND_NETWORK = 5.0, 1.12

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Estimate:
    """Gigabytes of memory and disk, and seconds; seconds are None until a plane was timed."""

    memory: float
    disk: float
    seconds: float | None


@dataclass(frozen=True)
class Plan:
    """What is asked for: a volume of `shape` (z y x), segmented along each of the axes `normals`.

    tile_size: side of the network's tiles, 0 for the whole plane. network_bytes: working
    memory per pixel that the network sees. seconds_per_pixel: what a timed plane took, by its `pixels_to_show`.
    n_confidences: channels of the network's confidence that are kept.
    """

    shape: Triple
    normals: Sequence[int]
    downsampling: int = 1
    median: int = 3
    chunk: Triple = (256, 256, 256)
    tile_size: int = 0
    network_bytes: float = SMALL_NETWORK_BYTES
    seconds_per_pixel: float | None = None
    n_confidences: int = 0


def estimate(plan: Plan) -> Estimate:
    """Estimate memory, disk and time of a plan."""
    voxels = math.prod(plan.shape)
    planes = [voxels // plan.shape[normal] for normal in plan.normals]
    blocks = math.prod(min(side, length) for side, length in zip(plan.chunk, plan.shape, strict=True)) * BLOCK_BYTES
    engine = LARGE_ENGINE_GIGABYTES if plan.network_bytes >= LARGE_NETWORK_BYTES else ENGINE_GIGABYTES
    memory = engine + (max(_plane_bytes(pixels, plan) for pixels in planes) + blocks) / 1e9
    disk = room_needed(plan.shape, len(plan.normals), 1.0, plan.n_confidences) / 1e9
    per_pixel = plan.seconds_per_pixel
    shown = pixels_to_show(plan.shape, plan.normals, plan.downsampling, plan.tile_size)
    network = None if per_pixel is None else per_pixel * shown
    return Estimate(memory, disk, None if network is None else START_SECONDS + network * BEYOND_NETWORK)


def pixels_to_show(shape: Triple, normals: Sequence[int], downsampling: int = 1, tile_size: int = 0) -> float:
    """Count the pixels that a network is shown of a volume's planes, what each image costs beside them included."""
    total = 0.0
    for normal in normals:
        rows, columns = (length for each, length in enumerate(shape) if each != normal)
        total += shape[normal] * _pixels_of_plane(rows, columns, downsampling, tile_size)
    return total


def _pixels_of_plane(rows: int, columns: int, downsampling: int, tile_size: int) -> float:
    if not 0 < tile_size < max(rows, columns):
        return rows * columns / downsampling**2 + PIXELS_MORE_PER_IMAGE
    layout = lay_tiles((rows, columns), tile_size, tile_overlap(tile_size, downsampling))
    down, across = (sum(stop - start for start, stop in spans) for spans in (layout.row_spans, layout.column_spans))
    return down * across / downsampling**2 + PIXELS_MORE_PER_IMAGE * len(layout)


def _plane_bytes(pixels: int, plan: Plan) -> float:
    seen = min(pixels, plan.tile_size**2 or pixels) / plan.downsampling**2
    return seen * plan.network_bytes + pixels * FLOAT_BYTES * (plan.median + 2)
