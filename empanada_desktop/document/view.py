"""Where the user looks: crosshair, zoom, the view in use, the camera of the 3D view."""

from dataclasses import asdict, dataclass, fields
from math import isfinite
from typing import Any, Self

VIEWS = ("xy", "xz", "yz", "3d")


@dataclass(frozen=True)
class Camera:
    """The 3D view's camera: angles in degrees, distance in voxels (0 fits everything), what it looks at in voxels."""

    azimuth: float = 35.0
    elevation: float = 25.0
    distance: float = 0.0
    target: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class ViewState:
    """What the views show, apart from the layers.

    crosshair: the voxel z, y, x where the three planes meet. active: the view that keys go to, one of VIEWS.
    maximised: the view that fills the grid, or None. zoom: screen pixels per shortest voxel side, 0 until a view has
    fitted the volume. centre: the place z, y, x (voxels) in the middle of the plane views; None is the middle of the
    volume. workspace: name of the tab.
    """

    crosshair: tuple[int, int, int] = (0, 0, 0)
    active: str = "xy"
    maximised: str | None = None
    zoom: float = 0.0
    centre: tuple[float, float, float] | None = None
    camera: Camera = Camera()
    shows_crosshair: bool = True
    shows_scale_bar: bool = True
    workspace: str = "segment"

    def to_plain(self) -> dict[str, Any]:
        """Return values that JSON holds."""
        return asdict(self)

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> Self:
        """Read what to_plain wrote; what is missing or mangled takes its default."""
        plain = _known(cls, values)
        camera = values.get("camera")
        plain["camera"] = Camera(**_known(Camera, camera)) if isinstance(camera, dict) else Camera()
        for name in ("active", "maximised"):
            if plain.get(name) not in (*VIEWS, None):
                plain.pop(name)
        return cls(**plain)


def _known(kind: Any, values: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - a dataclass
    """Keep the values that a dataclass knows and that look like its defaults or like three coordinates."""
    default = kind()
    known: dict[str, Any] = {}
    for field in fields(kind):
        if field.name not in values:
            continue
        value, usual = values[field.name], getattr(default, field.name)
        if _is_triple(value):
            known[field.name] = tuple(value)
        elif usual is None or isinstance(usual, str):
            if value is None or isinstance(value, str):
                known[field.name] = value
        elif isinstance(usual, bool) or isinstance(value, bool):
            if isinstance(value, type(usual)):
                known[field.name] = value
        elif isinstance(usual, float) and isinstance(value, int | float):
            known[field.name] = float(value)
    return known


def _is_triple(value: object) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 3
        and all(isinstance(part, int | float) and not isinstance(part, bool) and isfinite(part) for part in value)
    )
