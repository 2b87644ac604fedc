"""Published advice as arithmetic: sizes from a box, the median's length from the voxel size, how planes compare."""

from collections.abc import Mapping
from dataclasses import dataclass

from empanada_desktop.core.geometry import Axis, Box, Spacing

FINE_NM, COARSE_NM = 10.0, 20.0
BELOW, SIDES_BELOW = 300, 3
ALIKE = 0.35
CLEARLY_SURER = 0.05
ORTHO_CONFIDENCE = 0.3
GPU_GIGABYTES = 1.0


@dataclass(frozen=True)
class SmallestObject:
    """What follows from a box round the smallest object to keep; voxels."""

    min_size: int
    min_extent: int
    sides: tuple[int, int, int]


def smallest_object(sides: tuple[int, int, int]) -> SmallestObject:
    """Min size and min extent for objects in a box of `sides` voxels (z, y, x) and larger ones.

    Half of the box is about the object; some hundred voxels less keep it (at most half of that for small ones), and an
    extent a few voxels below the shortest side. Source: the best-practice page of empanada's documentation.
    """
    z, y, x = sides
    half = z * y * x // 2
    size = half - min(BELOW, half // 2)
    shortest = min(sides)
    return SmallestObject(_rounded(size), max(1, shortest - min(SIDES_BELOW, shortest // 2)), sides)


def _rounded(size: int) -> int:
    """Two leading digits: the advice is no more exact than that."""
    step = int(10 ** max(0, len(str(size)) - 2))
    return size // step * step


def sides_of_boxes(boxes: Mapping[str, tuple[int, int, int]], spacing: Spacing) -> tuple[int, int, int]:
    """Sides z, y, x from boxes drawn on planes, by orientation, each one voxel thick along its normal.

    Two boxes in different orientations give all three sides; with one, the object is taken to be as deep as the
    shorter side of its box, in nanometres where these are known.
    """
    normals = {"xy": 0, "xz": 1, "yz": 2}
    sides = [0, 0, 0]
    for name, shape in boxes.items():
        for axis in range(3):
            if axis != normals[name]:
                sides[axis] = max(sides[axis], shape[axis])
    sizes = [size or 1.0 for size in spacing.zyx]
    for axis in range(3):
        if sides[axis] == 0:
            shortest = min(side * size for side, size in zip(sides, sizes, strict=True) if side)
            sides[axis] = max(1, round(shortest / sizes[axis]))
    return sides[0], sides[1], sides[2]


def region_of_boxes(boxes: Mapping[Axis, Box], shape: tuple[int, int, int]) -> Box:
    """The box of voxels that boxes drawn on planes confine to, by orientation in the order in which they were drawn.

    The first one gives the two sides that its plane shows, another orientation's the third; what no box tells is as
    long as the volume of `shape`.
    """
    spans = [(0, length) for length in shape]
    told: set[int] = set()
    for axis, box in boxes.items():
        for place in set(axis.in_plane) - told:
            spans[place] = box.spans[place]
        told |= set(axis.in_plane)
    return Box.of_spans(spans)


@dataclass(frozen=True)
class MedianAdvice:
    """How many planes to smooth over: any number from lowest to highest will do, `planes` is proposed."""

    lowest: int
    highest: int
    planes: int
    reason: str


def median_planes(step_nm: float) -> MedianAdvice:
    """How many planes to smooth over for planes `step_nm` apart, and why."""
    if step_nm > COARSE_NM:
        return MedianAdvice(3, 3, 3, f"Planes {step_nm:g} nm apart change much: 3.")
    if step_nm < FINE_NM:
        return MedianAdvice(7, 9, 7, f"Planes {step_nm:g} nm apart change little: 7 or 9.")
    return MedianAdvice(3, 7, 5, f"Planes {step_nm:g} nm apart: between 3 and 7.")


@dataclass(frozen=True)
class PlaneLook:
    """How a plane was segmented: objects, the part of it that they cover, and how sure the network was, 0 to 1."""

    objects: int
    covered: float
    certainty: float


def compare_planes(looks: Mapping[str, PlaneLook]) -> tuple[str, str, bool]:
    """Which orientation clearly does better ("": none), what to make of it in a sentence, whether they look alike."""
    best, second = sorted(looks, key=lambda name: looks[name].certainty, reverse=True)[:2]
    if all(look.objects == 0 for look in looks.values()):
        return "", "Nothing was found in any of them. Lower the confidence or try the scale finder.", False
    covered = [look.covered for look in looks.values()]
    certainties = [look.certainty for look in looks.values()]
    alike = min(covered) >= max(covered) * (1 - ALIKE) and max(certainties) - min(certainties) < 0.1
    if alike:
        return "", "The three look alike: segmenting in all three directions is worth it.", True
    if looks[best].certainty - looks[second].certainty < CLEARLY_SURER:
        return "", "No clear difference: about equally sure, but they find different amounts. Try another place.", False
    return best, f"{best} does better: take it as the inference plane, and leave the other directions out.", False
