"""What segmenting a volume will take: memory, disk, time; estimates before it starts."""

from dataclasses import dataclass

ENGINE_GIGABYTES = 0.6
# Working memory per pixel that the network sees, on the processor: 160 were measured with the bundled network, 550 with
# the ResNet-50 of the published ones.
BYTES_PER_PIXEL = 600
# Labels compress well: what result, smaller copies and working copy take together, per voxel.
DISK_BYTES_PER_VOXEL = 0.6
BLOCK_BYTES = 12
BEYOND_NETWORK = 1.25

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Estimate:
    """Gigabytes of memory and disk, and seconds; seconds are None until a plane was timed."""

    memory: float
    disk: float
    seconds: float | None


def estimate(
    shape: Triple,
    normal: int,
    *,
    downsampling: int,
    median: int,
    chunk: Triple,
    seconds_per_plane: float | None,
) -> Estimate:
    """Estimate for a volume of `shape` (z y x) that is segmented along axis `normal`.

    `seconds_per_plane` is what the network took for one such plane at this downsampling.
    """
    rows, columns = (length for axis, length in enumerate(shape) if axis != normal)
    pixels = rows * columns
    seen = pixels / downsampling**2
    block = min(chunk[0], shape[0]) * min(chunk[1], shape[1]) * min(chunk[2], shape[2])
    memory = ENGINE_GIGABYTES + (seen * BYTES_PER_PIXEL + pixels * 4 * (median + 2) + block * BLOCK_BYTES) / 1e9
    voxels = pixels * shape[normal]
    seconds = None if seconds_per_plane is None else seconds_per_plane * shape[normal] * BEYOND_NETWORK
    return Estimate(memory, voxels * DISK_BYTES_PER_VOXEL / 1e9, seconds)
