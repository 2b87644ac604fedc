"""How much room on the disk a segmentation takes while it is made, and what of it stays."""

import math

Triple = tuple[int, int, int]

# Labels compress well. Per voxel: the components of one stack with their tables (measured: .03 for the sample, .07 with
# objects close together), and the labels with smaller copies. A plane is a file, and disks give room by the block.
PREDICTION_BYTES = 0.07
LABEL_BYTES = 0.15
HALF_A_BLOCK = 2048


def estimated_predictions_bytes(shape: Triple, n_stacks: int = 1) -> int:
    """Estimate the bytes that the kept per-plane predictions of a volume of `shape` (z y x) take in X.zarr.

    `n_stacks` is 3 with ortho-plane.
    """
    planes = sum(shape) if n_stacks > 1 else max(shape)
    return math.ceil(math.prod(shape) * PREDICTION_BYTES * n_stacks + planes * HALF_A_BLOCK)


def room_needed(shape: Triple, n_stacks: int, part_left: float) -> int:
    """Estimate the bytes that the rest of the work takes, when `part_left` (0 to 1) of the planes are not done."""
    return math.ceil(estimated_predictions_bytes(shape, n_stacks) * part_left + math.prod(shape) * LABEL_BYTES)


def in_gigabytes(n_bytes: int) -> str:
    """Return a size for people, never too small: "40 MB", "2 GB"."""
    if n_bytes < 10**9:
        return f"{max(10, 10 * math.ceil(n_bytes / 10**7))} MB"
    return f"{math.ceil(n_bytes / 10**9)} GB"
