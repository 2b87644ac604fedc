"""Voxel sizes in TIFF files: ImageJ's spacing, OME-XML, resolution tags."""

import re
from dataclasses import dataclass
from xml.etree import ElementTree

import tifffile

from empanada_desktop.core.geometry import Spacing
from empanada_desktop.io.volumes.units import length_nm, nanometres_per, sensible

SCREEN_DPI = (72, 96, 100, 150, 200, 300, 600)
TOLERANCE = 0.01

Sizes = tuple[float | None, float | None, float | None]


@dataclass(frozen=True)
class Reading:
    """One place's idea of the voxel size."""

    zyx: Sizes
    source: str

    @property
    def says_something(self) -> bool:
        """True when at least one size is known."""
        return self.zyx != (None, None, None)


def tiff_spacing(tif: tifffile.TiffFile, series: int) -> tuple[Spacing, list[str]]:
    """Voxel size of an image series in nm, and notes where places in the file disagree."""
    readings = [
        reading
        for reading in (_ome(tif, series), _imagej(tif), _resolution(tif, series))
        if reading is not None and reading.says_something
    ]
    if not readings:
        return Spacing(), []
    best, *rest = readings
    notes = [
        f"The voxel size differs inside the file: {Spacing(*best.zyx, source=best.source)} is used, "
        f"{Spacing(*other.zyx, source=other.source)} is not."
        for other in rest
        if _disagree(best.zyx, other.zyx)
    ]
    return Spacing(*best.zyx, source=best.source), notes


def _disagree(one: Sizes, other: Sizes) -> bool:
    return any(
        a is not None and b is not None and abs(a - b) > TOLERANCE * max(a, b) for a, b in zip(one, other, strict=True)
    )


def _imagej(tif: tifffile.TiffFile) -> Reading | None:
    metadata = tif.imagej_metadata
    if metadata is None:
        return None
    unit = metadata.get("unit")
    page = tif.pages[0]
    if nanometres_per(unit) is None:
        return None
    return Reading(
        (
            length_nm(metadata.get("spacing"), unit),
            length_nm(_pixel_per(page, "YResolution"), metadata.get("yunit", unit)),
            length_nm(_pixel_per(page, "XResolution"), unit),
        ),
        "ImageJ spacing",
    )


def _pixel_per(page: tifffile.TiffPage, tag: str) -> float | None:
    """Length of a pixel in the unit that the resolution tag counts in."""
    value = page.tags.get(tag)
    if value is None:
        return None
    pixels, per = value.value if isinstance(value.value, tuple) else (value.value, 1)
    return float(f"{per / pixels:.10g}") if pixels > 0 and per > 0 else None


def _resolution(tif: tifffile.TiffFile, series: int) -> Reading | None:
    """Resolution tags; what a scanner or screen would write (72 dpi and such) says nothing about a voxel."""
    if tif.imagej_metadata is not None:
        return None
    page = tif.series[series].keyframe
    tag = page.tags.get("ResolutionUnit")
    unit = {2: "inch", 3: "cm"}.get(int(tag.value) if tag is not None else 2)
    sizes = []
    for name in ("YResolution", "XResolution"):
        pixel = _pixel_per(page, name)
        per_inch = None if pixel is None or unit is None else nanometres_per("inch") / length_nm(pixel, unit)  # type: ignore[operator]
        # No electron microscope's pixel is as coarse as 10 µm.
        coarse = per_inch is None or per_inch < 2540 or any(abs(per_inch - dpi) < 0.5 for dpi in SCREEN_DPI)
        sizes.append(None if coarse else length_nm(pixel, unit))
    return Reading((None, sizes[0], sizes[1]), "TIFF resolution")


def _ome(tif: tifffile.TiffFile, series: int) -> Reading | None:
    text = tif.ome_metadata
    if not text:
        return None
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return None
    pixels = [element for element in root.iter() if re.sub(r"^\{.*\}", "", element.tag) == "Pixels"]
    if not pixels:
        return None
    values = pixels[min(series, len(pixels) - 1)].attrib
    sizes: list[float | None] = []
    for axis in "ZYX":
        try:
            value = float(values[f"PhysicalSize{axis}"])
        except (KeyError, ValueError):
            sizes.append(None)
            continue
        sizes.append(sensible(length_nm(value, values.get(f"PhysicalSize{axis}Unit", "µm"))))
    z, y, x = sizes
    return Reading((z, y, x), "OME-XML")
