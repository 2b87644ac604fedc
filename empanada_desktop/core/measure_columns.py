"""What is measured of an object, and how: the definitions that files and help show."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Unit = Literal["µm", "nm", "px"]


@dataclass(frozen=True)
class Column:
    """One measured quantity. key: its name in code; unit: "µm³", "px" or ""; definition: how it is measured."""

    key: str
    title: str
    unit: str
    definition: str

    @property
    def heading(self) -> str:
        """Title and unit, as above a column: "Volume (µm³)"."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


LENGTH, AREA, VOLUME = "length", "area", "volume"
_POWERS = {LENGTH: "", AREA: "²", VOLUME: "³"}

COMMON_FIRST = (
    Column("id", "Id", "", "The object's label id."),
    Column("class", "Class", "", "The class that the id belongs to: id divided by the label divisor, rounded down."),
)
SPACE = (
    Column("voxels", "Voxels", "", "Number of voxels."),
    Column("volume", "Volume", VOLUME, "Number of voxels times the volume of a voxel."),
    Column(
        "surface",
        "Surface",
        AREA,
        "Area of the surface by the Cauchy-Crofton formula: crossings of the outline by lines in the 13 directions to "
        "a voxel's neighbours, weighted by the part of the sphere nearest to each. Round bodies come out within 3 %, "
        "within 6 % where they are 8 voxels across or voxels are long, a face along a plane of voxels up to 12 % too "
        "small. Where the volume cuts the object, the cut counts.",
    ),
    Column(
        "length",
        "Length",
        LENGTH,
        "Longest axis of the ellipsoid with the same second moments, from end to end: 2 √(5 λ), λ the largest "
        "eigenvalue of the covariance of the object's points.",
    ),
    Column("width", "Width", LENGTH, "Middle axis of the ellipsoid with the same second moments."),
    Column("thickness", "Thickness", LENGTH, "Shortest axis of the ellipsoid with the same second moments."),
    Column(
        "sphericity",
        "Sphericity",
        "",
        "Surface of a ball of the same volume divided by the surface (Wadell): π^(1/3) (6 V)^(2/3) / S; 1 for a ball, "
        "less for anything else. Objects of a few voxels may exceed 1.",
    ),
    Column(
        "feret",
        "Feret",
        LENGTH,
        "Largest distance between two points of the object (max caliper, Feret's diameter); a voxel reaches to the "
        "middles of its faces.",
    ),
)
PLANE = (
    Column("pixels", "Pixels", "", "Number of pixels in the plane."),
    Column("area", "Area", AREA, "Number of pixels times the area of a pixel."),
    Column(
        "perimeter",
        "Perimeter",
        LENGTH,
        "Length of the outline, of holes too, by the Cauchy-Crofton formula: crossings by lines in the 4 directions to "
        "a pixel's neighbours, weighted by the part of the circle nearest to each.",
    ),
    Column(
        "length",
        "Length",
        LENGTH,
        "Longest axis of the ellipse with the same second moments, from end to end: 4 √λ, λ the larger eigenvalue of "
        "the covariance of the object's points.",
    ),
    Column("width", "Width", LENGTH, "Shorter axis of the ellipse with the same second moments."),
    Column("circularity", "Circularity", "", "4 π area / perimeter²; 1 for a disc, less for anything else."),
    Column("feret", "Feret", LENGTH, "Largest distance between two points of the object in the plane."),
)
GREY = (
    Column("grey_mean", "Grey mean", "", "Mean grey value of the object's voxels."),
    Column("grey_sd", "Grey SD", "", "Standard deviation of the grey values (of all voxels: divided by n)."),
    Column("grey_min", "Grey min", "", "Smallest grey value."),
    Column("grey_max", "Grey max", "", "Largest grey value."),
    Column("grey_median", "Grey median", "", "Median of the grey values."),
)
COMMON_LAST = (
    Column("neighbours", "Neighbours", "", "Ids of the objects that touch this one, by a face, an edge or a corner."),
    Column("z", "Centre z", "px", "Centroid along z, in voxels from the first one's middle."),
    Column("y", "Centre y", "px", "Centroid along y."),
    Column("x", "Centre x", "px", "Centroid along x."),
    Column("border", "Border", "", "Whether the object touches a face of the volume, an edge of the plane."),
)
CONTACT = Column(
    "contact",
    "Contact",
    AREA,
    "The part of the surface that is shared with other objects, measured as the surface is.",
)


def columns(unit: Unit, *, in_plane: bool, with_grey: bool) -> tuple[Column, ...]:
    """Return the columns of a table in space or in a plane, in a unit of length."""
    contact = replace(CONTACT, unit=LENGTH) if in_plane else CONTACT
    if in_plane:
        contact = replace(contact, definition="The part of the perimeter that is shared with other objects.")
    wanted = [*COMMON_FIRST, *(PLANE if in_plane else SPACE), *(GREY if with_grey else ()), contact, *COMMON_LAST]
    return tuple(_in_unit(wanted, unit))


def _in_unit(wanted: Iterable[Column], unit: Unit) -> Iterable[Column]:
    for column in wanted:
        power = _POWERS.get(column.unit)
        yield column if power is None else replace(column, unit=f"{unit}{power}")
