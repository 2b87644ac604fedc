"""How much room on the disk a segmentation takes while it is made, and what of it stays."""

import math

Triple = tuple[int, int, int]

# Labels compress well. Per voxel: the components of one stack with their tables (measured: .03 for the sample, .07 with
# objects close together), and the labels with smaller copies. A plane is a file, and disks give room by the block.
PREDICTION_BYTES = 0.07
LABEL_BYTES = 0.15
# The network's confidence of one stack, for each class: rounded probabilities, and the maps that tell objects apart
# (measured: .46 for the sample).
CONFIDENCE_BYTES = 0.55
HALF_A_BLOCK = 2048


def estimated_predictions_bytes(shape: Triple, n_stacks: int = 1, n_confidences: int = 0) -> int:
    """Estimate the bytes that what is kept of the planes of a volume of `shape` (z y x) takes in X.zarr.

    `n_stacks` is 3 with ortho-plane. `n_confidences`: channels of the network's confidence that are kept, 0 for none.
    """
    planes = (sum(shape) if n_stacks > 1 else max(shape)) * (2 if n_confidences else 1)
    each_voxel = PREDICTION_BYTES + CONFIDENCE_BYTES * n_confidences
    return math.ceil(math.prod(shape) * each_voxel * n_stacks + planes * HALF_A_BLOCK)


def room_needed(shape: Triple, n_stacks: int, part_left: float, n_confidences: int = 0) -> int:
    """Estimate the bytes that the rest of the work takes, when `part_left` (0 to 1) of the planes are not done."""
    planes = estimated_predictions_bytes(shape, n_stacks, n_confidences)
    return math.ceil(planes * part_left + math.prod(shape) * LABEL_BYTES)


def in_gigabytes(n_bytes: int) -> str:
    """Return a size for people, never too small: "40 MB", "2 GB"."""
    if n_bytes < 10**9:
        return f"{max(10, 10 * math.ceil(n_bytes / 10**7))} MB"
    return f"{math.ceil(n_bytes / 10**9)} GB"
