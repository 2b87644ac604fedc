"""The shapes of the encoders, without torch: which there are, how wide and deep their stages are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

RESNET_STEM = 64


class ResNetShape(NamedTuple):
    """A ResNet: blocks per stage, and whether they are bottlenecks (three convolutions) or basic (two)."""

    depths: tuple[int, ...]
    is_bottleneck: bool

    def widths(self, stem_channels: int = RESNET_STEM) -> list[int]:
        """Channels after each of the four stages."""
        return [stem_channels * 2**stage * (4 if self.is_bottleneck else 1) for stage in range(4)]


class RegNetRule(NamedTuple):
    """The numbers that a RegNet grows from: depth, first width, slope, width multiplier, width of a group."""

    depth: int
    first_width: int
    slope: float
    multiplier: float
    group_width: int
    squeeze: bool = False

    def stages(self) -> tuple[list[int], list[int], list[int]]:
        """Width, depth and number of groups of each stage: eqn. 2 to 4 of arXiv 2003.13678, widths in eights."""
        linear = self.first_width + np.arange(self.depth) * self.slope
        power = np.round(np.log(linear / self.first_width) / np.log(self.multiplier))
        rounded = 8 * np.round(self.first_width * self.multiplier**power / 8).astype(int)
        widths, depths = np.unique(rounded, return_counts=True)
        group_widths = [min(self.group_width, int(width)) for width in widths]
        groups = [max(1, round(int(width) / group)) for width, group in zip(widths, group_widths, strict=True)]
        fitted = [count * group for count, group in zip(groups, group_widths, strict=True)]
        return fitted, [int(depth) for depth in depths], groups


RESNETS: dict[str, ResNetShape] = {
    "resnet18": ResNetShape((2, 2, 2, 2), False),
    "resnet34": ResNetShape((3, 4, 6, 3), False),
    "resnet50": ResNetShape((3, 4, 6, 3), True),
    "resnet101": ResNetShape((3, 4, 23, 3), True),
}

# The smaller Y networks are without squeeze-and-excitation, as in the weights that exist under these names.
REGNETS: dict[str, RegNetRule] = {
    "regnetx_6p4gf": RegNetRule(17, 184, 60.83, 2.07, 56),
    "regnety_200mf": RegNetRule(13, 24, 36.44, 2.49, 8),
    "regnety_800mf": RegNetRule(14, 56, 38.84, 2.4, 16),
    "regnety_3p2gf": RegNetRule(21, 80, 42.63, 2.66, 24),
    "regnety_4gf": RegNetRule(22, 96, 31.41, 2.24, 64),
    "regnety_6p4gf": RegNetRule(25, 112, 33.22, 2.27, 72, squeeze=True),
    "regnety_8gf": RegNetRule(17, 192, 76.82, 2.19, 56, squeeze=True),
    "regnety_16gf": RegNetRule(18, 200, 106.23, 2.48, 112, squeeze=True),
}

ENCODER_NAMES: tuple[str, ...] = (*RESNETS, *REGNETS)


def encoder_widths(name: str, stem_channels: int = RESNET_STEM) -> list[int]:
    """Channels after each of an encoder's four stages."""
    return RESNETS[name].widths(stem_channels) if name in RESNETS else REGNETS[name].stages()[0]
