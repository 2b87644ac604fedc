"""What a brush is like and what it minds."""

from dataclasses import dataclass, replace
from typing import Literal

from empanada_desktop.core.paint_rules import Rule

Kind = Literal["brush", "eraser", "smart"]
Smart = Literal["seeded", "range", "inside", "outside"]
GREY, GUIDED = ("seeded", "range"), ("inside", "outside")
SMALLEST, LARGEST = 1.0, 500.0
LARGEST_BALL = 200.0


@dataclass(frozen=True)
class PaintSettings:
    """What the brush is like and what it minds.

    size: diameter, in the shortest sides of a voxel. is_round_in_voxels: round on the grid, not in nanometres.
    keeps_others: only background is painted over, only the active label is erased. fill_limit: voxels that a fill may
    change. smart: how the smart brush chooses: grey values like those where the stroke begins, within `tolerance`
    standard deviations; those of `grey_range`; only inside, or only outside of, object `guide_id` (None: the object in
    which the stroke begins) of layer `guide_layer` ("": the one that is painted on).
    """

    size: float = 20.0
    is_ball: bool = False
    is_round_in_voxels: bool = False
    uses_pressure: bool = True
    keeps_others: bool = False
    fills_in_3d: bool = False
    fill_limit: int = 20_000_000
    smart: Smart = "seeded"
    tolerance: float = 1.5
    grey_range: tuple[float, float] = (0.0, 255.0)
    guide_id: int | None = None
    guide_layer: str = ""

    @property
    def radius(self) -> float:
        """Half the size, in the shortest sides of a voxel."""
        return min(self.size, LARGEST_BALL if self.is_ball else LARGEST) / 2


def rule_of(kind: Kind, active_id: int, settings: PaintSettings) -> Rule:
    """What a stroke with a label may do to voxels."""
    keeps = settings.keeps_others and active_id > 0
    if kind == "eraser":
        return Rule(0, active_id, keeps)
    rule = Rule(active_id, 0, keeps)
    if kind == "brush":
        return rule
    if settings.smart == "range":
        return replace(rule, grey=settings.grey_range)
    if settings.smart in GUIDED:
        return replace(rule, guide=settings.guide_id, is_inside=settings.smart == "inside")
    return rule
