"""Lengths in plain words, and the round length that a scale bar shows."""

from math import floor, log10

MICROMETRE, MILLIMETRE = 1e3, 1e6
STEPS = (1, 2, 5, 10)


def words(nanometres: float) -> str:
    """A length with a unit that suits it: "500 nm", "2.5 µm", "1 mm"."""
    for size, unit in ((MILLIMETRE, "mm"), (MICROMETRE, "µm")):
        if abs(nanometres) >= size * 0.9995:
            return f"{nanometres / size:.3g} {unit}"
    return f"{nanometres:.3g} nm"


def position_words(nanometres: float, longest: float) -> str:
    """A position along an axis that is `longest` nm long, always with the same unit and digits: "1.90 µm"."""
    if longest >= MILLIMETRE:
        return f"{nanometres / MILLIMETRE:.3f} mm"
    return f"{nanometres / MICROMETRE:.2f} µm" if longest >= MICROMETRE / 2 else f"{nanometres:.1f} nm"


def round_length(longest: float) -> float:
    """The longest of 1, 2, 5, 10, … that is not longer than `longest` (> 0)."""
    power = 10.0 ** floor(log10(longest))
    return max(step * power for step in STEPS if step * power <= longest * 1.000001)
