"""Lengths as image files write them, in nanometres."""

import math

NANOMETRES = {
    "pm": 1e-3,
    "picometer": 1e-3,
    "å": 0.1,
    "a": 0.1,
    "angstrom": 0.1,
    "ångström": 0.1,
    "ångstrom": 0.1,
    "angström": 0.1,
    "nm": 1.0,
    "nanometer": 1.0,
    "um": 1e3,
    "µm": 1e3,  # micro sign
    "μm": 1e3,  # Greek letter mu
    "micron": 1e3,
    "micrometer": 1e3,
    "mm": 1e6,
    "millimeter": 1e6,
    "cm": 1e7,
    "centimeter": 1e7,
    "m": 1e9,
    "meter": 1e9,
    "inch": 2.54e7,
    "in": 2.54e7,
}


def nanometres_per(unit: object) -> float | None:
    """Nanometres in one `unit` as files spell it ("nm", "µm", "\\u00B5m", "nanometres" …), or None."""
    if not isinstance(unit, str):
        return None
    word = unit.strip().strip("\x00").replace("\\u00B5", "µ").replace("\\u00b5", "µ").lower()
    word = word.replace("metre", "meter")
    # Latin-1 read as UTF-8, and the reverse, leave a stray byte before the sign.
    word = word.removeprefix("â").removeprefix("ã") if word.endswith("å") or word.endswith("µm") else word
    return NANOMETRES.get(word) or NANOMETRES.get(word.removesuffix("s"))


def length_nm(value: object, unit: object) -> float | None:
    """`value` in `unit` as nanometres, or None where that makes no positive finite length."""
    factor = nanometres_per(unit)
    if factor is None or not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    # Ten digits: 1/x and unit factors leave noise behind (0.01 µm would be 10.000000000000002 nm).
    return sensible(float(f"{value * factor:.10g}"))


def sensible(nanometres: float | None) -> float | None:
    """The length, or None when no voxel has it: zero, negative, infinite, not a number."""
    if nanometres is None or not math.isfinite(nanometres) or nanometres <= 0:
        return None
    return nanometres
