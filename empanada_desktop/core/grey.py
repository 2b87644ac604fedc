"""Which grey values of a volume are black and white for a network."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BIT_DEPTHS = (8, 10, 12, 14, 16, 24, 32)
SAMPLED_PLANES = 16
SAMPLED_PIXELS = 1 << 18
ROBUST_PERCENT = (0.1, 99.9)
FLOAT32_SPAN = 1e37
LARGEST = 1e300


@dataclass(frozen=True)
class GreyRange:
    """The grey values that become 0 and 1, and the rule in words that found them."""

    low: float
    high: float
    rule: str

    def scale(self, array: NDArray[Any]) -> NDArray[np.float32]:
        """Return (array - low) / (high - low) as float32, clipped to 0..1; what is not a number becomes 0.

        Integers of up to 16 bits and half precision are computed in float32, anything wider in float64 first.
        """
        narrow = array.dtype.itemsize <= 2 or (array.dtype == np.float32 and self.high - self.low < FLOAT32_SPAN)
        values = _scaled(array, self.low, self.high, np.float32 if narrow else np.float64)
        if array.dtype.kind == "f":
            np.nan_to_num(values, copy=False, nan=0.0)
        return values.astype(np.float32, copy=False)

    def to_dict(self) -> dict[str, Any]:
        """The range as the recipe keeps it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "GreyRange":
        """Read what to_dict wrote."""
        return cls(float(values["low"]), float(values["high"]), str(values["rule"]))


def _scaled(array: NDArray[Any], low: float, high: float, dtype: type[np.floating[Any]]) -> NDArray[Any]:
    values: NDArray[Any] = array.astype(dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        np.subtract(values, dtype(low), out=values)
        np.divide(values, dtype(high - low), out=values)
    return np.clip(values, 0, 1, out=values)


def grey_range(read_plane: Callable[[int], NDArray[Any]], n_planes: int, dtype: np.dtype[Any] | type[Any]) -> GreyRange:
    """Find the grey range of a volume from fixed, evenly spaced planes (its xy planes, whatever is segmented later).

    Non-negative integers: 0 to 2^b - 1 with b the smallest of BIT_DEPTHS that holds the sampled values, so bytes are
    always divided by 255. Anything else: the .1 and 99.9 percentiles of the finite sampled values. The same volume
    always gives the same range, for a plane, a stack and a resumed job alike.
    """
    return grey_range_of_bands(lambda index: [read_plane(index)], n_planes, dtype)


def grey_range_of_bands(
    read_bands: Callable[[int], Iterable[NDArray[Any]]],
    n_planes: int,
    dtype: np.dtype[Any] | type[Any],
    plane_pixels: int | None = None,
) -> GreyRange:
    """As grey_range, for planes that may not fit in memory: of `plane_pixels`, in bands of rows, top to bottom."""
    dtype = np.dtype(dtype)
    if dtype == np.bool_:
        return GreyRange(0.0, 1.0, "yes or no")
    if dtype == np.uint8:
        return _bit_range(8)
    planes = (read_bands(index) for index in sampled_planes(n_planes))
    thinned, low, high = _sample(planes, plane_pixels)
    return _integer_range(thinned, low, high) if dtype.kind in "ui" else _robust_range(thinned)


def sampled_rows(height: int, width: int, at_most: int, at_once: int) -> list[slice]:
    """Which rows of a plane to look at: all of them, in bands of about `at_once` pixels, when there are few enough.

    Of a plane with more than `at_most` pixels so many, in evenly spaced bands from its first rows to its last.
    """
    rows = max(1, at_once // width)
    if height * width <= at_most:
        return [slice(first, min(first + rows, height)) for first in range(0, height, rows)]
    count = max(2, at_most // (rows * width))
    firsts = np.linspace(0, height - rows, count).astype(int).tolist() if rows < height else [0]
    return [slice(first, first + rows) for first in firsts]


def sampled_planes(n_planes: int, at_most: int = SAMPLED_PLANES) -> list[int]:
    """Indices of at most `at_most` evenly spaced planes, the first and the last among them."""
    return sorted({round(index) for index in np.linspace(0, n_planes - 1, min(n_planes, at_most)).tolist()})


def _bit_range(bits: int) -> GreyRange:
    return GreyRange(0.0, float(2**bits - 1), f"{bits} bits")


def _sample(
    planes: Iterable[Iterable[NDArray[Any]]], plane_pixels: int | None
) -> tuple[list[NDArray[np.float64]], float, float]:
    """Return some values of every band, and the smallest and largest of all values, 0 among them."""
    thinned, low, high = [], 0, 0
    for plane in planes:
        row = 0
        for band in plane:
            if band.dtype.kind in "ui":
                low, high = min(low, int(band.min(initial=0))), max(high, int(band.max(initial=0)))
            thinned.append(_thin(band, plane_pixels or band.size, row))
            row += len(band)
    return thinned, low, high


def _integer_range(thinned: list[NDArray[np.float64]], low: float, high: float) -> GreyRange:
    bits = next((bits for bits in BIT_DEPTHS if high < 2**bits), None)
    return _robust_range(thinned) if low < 0 or bits is None else _bit_range(bits)


def _thin(band: NDArray[Any], plane_pixels: int, row: int) -> NDArray[np.float64]:
    """Finite values of every n-th row and column, so that at most about SAMPLED_PIXELS of a plane are left; a copy.

    `row` is that of the plane at which the band begins.
    """
    step = max(1, int(np.ceil(np.sqrt(plane_pixels / SAMPLED_PIXELS))))
    values = band[-row % step :: step, ::step].astype(np.float64)
    return np.clip(values[np.isfinite(values)], -LARGEST, LARGEST)


def _robust_range(thinned: list[NDArray[np.float64]]) -> GreyRange:
    values = np.concatenate(thinned) if thinned else np.zeros(0)
    rule = "{:g} to {:g} % of the grey values".format(*ROBUST_PERCENT)
    if values.size == 0:
        return GreyRange(0.0, 1.0, "no finite grey value")
    low, high = (float(value) for value in np.percentile(values, ROBUST_PERCENT))
    if not high > low:
        low, high = float(values.min()), float(values.max())
    return GreyRange(low, high, rule) if high > low else GreyRange(low, low + max(1.0, abs(low)), "one grey value only")
