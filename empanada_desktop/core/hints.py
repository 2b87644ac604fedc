"""Advice for single parameters with its reason: proposed beside the field, never applied by itself."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from empanada_desktop.core.advice import GPU_GIGABYTES, ORTHO_CONFIDENCE, median_planes
from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.core.preflight import SMALL_NETWORK_BYTES

UNEVEN = 1.5
FACTORS = (1, 2, 4, 8, 16, 32, 64)
PixelSizes = tuple[float, float | None]


@dataclass(frozen=True)
class Hint:
    """What would be better for a field and why; `value` None is advice that nothing can be applied for."""

    field: str
    reason: str
    value: Any = None
    deed: str = "Apply"


@dataclass(frozen=True)
class Situation:
    """What advice depends on besides the parameters.

    pixel_sizes: what the weights were made for, in nm; None where they do not say. network_bytes: working memory of
    the network per pixel that it sees.
    """

    spacing: Spacing = field(default_factory=Spacing)
    gigabytes: float = 0.0
    gpus: int = 0
    pixel_sizes: PixelSizes | None = None
    network_bytes: float = SMALL_NETWORK_BYTES


def volume_hints(values: Mapping[str, Any], situation: Situation) -> list[Hint]:
    """Advice for segmenting a volume, at most one for each field."""
    rules = (_scale_hint, _plane_hint, _median_hint, _confidence_hint, _stacks_hint, _gpus_hint)
    return [hint for rule in rules for hint in rule(values, situation)]


def plane_hints(values: Mapping[str, Any], axis: Axis, situation: Situation) -> list[Hint]:
    """Advice for segmenting a plane of an orientation."""
    return list(scale_hints(int(values["image_downsampling"]), axis, situation))


def scale_hints(factor: int, axis: Axis, situation: Situation) -> Iterator[Hint]:
    """The downsampling at which the weights see pixels of the size that they were made for."""
    sizes = [situation.spacing.zyx[place] for place in axis.in_plane]
    if situation.pixel_sizes is None or None in sizes:
        return
    own = max(size or 0.0 for size in sizes)
    wanted = fitting_factor(own, situation.pixel_sizes)
    low, high = situation.pixel_sizes
    if low * 0.999 <= own * factor <= (high or math.inf) * 1.001:
        return
    seen = f"{low:g} to {high:g}" if high and high != low else f"{low:g}"
    words = f"These weights see {seen} nm; your image is {own:g} nm."
    if high is not None and own > high * UNEVEN and factor == wanted:
        yield Hint("image_downsampling", f"{words} Small objects may be missed.")
    elif wanted != factor:
        yield Hint("image_downsampling", words, wanted, f"Downsample by {wanted}" if wanted > 1 else "Take it as it is")


def fitting_factor(pixel_nm: float, sizes: PixelSizes) -> int:
    """The power of two that brings pixels of `pixel_nm` into, or nearest to, a range of sizes; the smallest such."""
    low, high = sizes

    def distance(factor: int) -> float:
        seen = pixel_nm * factor
        return max(math.log(low / seen), math.log(seen / high) if high else 0.0, 0.0)

    return min(FACTORS, key=lambda factor: (round(distance(factor), 6), factor))


def sharpest_plane(spacing: Spacing) -> Axis | None:
    """The orientation whose planes have the small voxel sides, where one side is much longer; None otherwise."""
    known = [size for size in spacing.zyx if size]
    if len(known) < 3 or max(known) <= UNEVEN * min(known):
        return None
    return next(axis for axis in Axis if spacing.zyx[axis.normal] == max(known))


def _scale_hint(values: Mapping[str, Any], situation: Situation) -> Iterator[Hint]:
    yield from scale_hints(int(values["image_downsampling"]), Axis(values["inference_plane"]), situation)


def _plane_hint(values: Mapping[str, Any], situation: Situation) -> Iterator[Hint]:
    best = sharpest_plane(situation.spacing)
    if best is None:
        return
    sizes = ", ".join(f"{size:g}" for size in situation.spacing.zyx)
    others = " and ".join(axis.value for axis in Axis if axis != best)
    words = f"Not isotropic ({sizes} nm): {others} will be poor."
    if values.get("ortho_plane"):
        yield Hint("ortho_plane", words, False, f"{best} only")
    elif values["inference_plane"] != best.value:
        yield Hint("inference_plane", words, best.value, f"{best} only")


def _median_hint(values: Mapping[str, Any], situation: Situation) -> Iterator[Hint]:
    normals = range(3) if values.get("ortho_plane") else [Axis(values["inference_plane"]).normal]
    steps = [situation.spacing.zyx[normal] for normal in normals]
    if None in steps:
        return
    advice = median_planes(max(step or 0.0 for step in steps))
    if not advice.lowest <= int(values["median_filter_size"]) <= advice.highest:
        yield Hint("median_filter_size", advice.reason, advice.planes, f"Take {advice.planes}")


def _confidence_hint(values: Mapping[str, Any], _situation: Situation) -> Iterator[Hint]:
    if values.get("ortho_plane") and values["segmentation_confidence"] > ORTHO_CONFIDENCE + 0.1:
        chosen = values["segmentation_confidence"]
        reason = f"Ortho-plane weighs three views: {ORTHO_CONFIDENCE:g} often finds more than {chosen:g}."
        yield Hint("segmentation_confidence", reason, ORTHO_CONFIDENCE, f"Take {ORTHO_CONFIDENCE:g}")


def _stacks_hint(values: Mapping[str, Any], _situation: Situation) -> Iterator[Hint]:
    if values.get("ortho_plane") and not values.get("return_stacks", True):
        yield Hint("return_stacks", "One direction alone may do better than all three: keep them to compare.", True)


def _gpus_hint(values: Mapping[str, Any], situation: Situation) -> Iterator[Hint]:
    chosen = values.get("several_gpus")
    if chosen is None or situation.gpus < 2:
        return
    is_large = situation.gigabytes >= GPU_GIGABYTES
    size = f"{situation.gigabytes:.1f} GB" if situation.gigabytes >= 0.1 else "less than 0.1 GB"
    if chosen and not is_large:
        yield Hint("several_gpus", f"The volume has {size}: below 1 GB several GPUs are rather slower.", False)
    elif is_large and not chosen:
        yield Hint(
            "several_gpus", f"The volume has {size}: {situation.gpus} GPUs are nearly as many times faster.", True
        )
