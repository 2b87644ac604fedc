"""The line that a brush follows through the places of the mouse: smooth, without gaps, up to the last place at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FLATNESS = 0.05
MOST_PIECES = 256
FINE = 0.25

# A brush thinner than this share of a voxel along an axis covers the one voxel that it is in.
THIN = 0.75


class SmoothPath:
    """Places with a radius become a line of straight pieces that goes through all of them.

    Lengths are in units of the shortest side of a voxel; `units` are the sides of a voxel. Between two places the line
    is a parabola that leaves the first in the direction of a Catmull-Rom curve and needs no place that is yet to come,
    so nothing lags behind the mouse. Along axes on which the brush (`radius` at most) is thinner than a voxel, the line
    runs in the middle of voxels: it covers whole ones and never falls between two.
    """

    def __init__(self, units: Sequence[float], radius: float) -> None:
        self._units = np.asarray(units, float)
        self._is_thin = radius < THIN * self._units
        self._places: list[NDArray[np.float64]] = []

    def add(self, place: Sequence[float], radius: float) -> NDArray[np.float64]:
        """Go on to a place (voxels); returns the new points, (n, axes + 1), the radius last.

        The first point is the end of the line so far, so that two successive points always make a piece; a first place
        makes a single point.
        """
        point = np.append(np.asarray(place, float) * self._units, radius)
        self._places = [*self._places[-2:], point]
        return self._snapped(self._piece())

    def _piece(self) -> NDArray[np.float64]:
        places = self._places
        if len(places) == 1:
            return places[0][None]
        start, stop = places[-2], places[-1]
        chord = stop[:-1] - start[:-1]
        bend = self._bend(chord) if len(places) == 3 else np.zeros_like(chord)
        steps = np.linspace(0, 1, self._pieces(chord, bend) + 1)[:, None]
        line = start + (stop - start) * steps
        line[:, :-1] += bend * (steps - steps**2)
        line[-1] = stop
        return line

    def _bend(self, chord: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far the start's tangent, made as long as the chord, lies from the chord; nothing at a sharp turn."""
        before = self._places[-2][:-1] - self._places[-3][:-1]
        first, second = float(np.linalg.norm(before)), float(np.linalg.norm(chord))
        if first == 0 or second == 0 or float(before @ chord) <= 0:
            return np.zeros_like(chord)
        tangent = (before / first * second + chord / second * first) / (first + second)
        bend: NDArray[np.float64] = tangent * second - chord
        return bend

    def _pieces(self, chord: NDArray[np.float64], bend: NDArray[np.float64]) -> int:
        """As many straight pieces as keep the line within FLATNESS of the curve."""
        pieces = np.sqrt(float(np.linalg.norm(bend)) / (4 * FLATNESS))
        if self._is_thin.any():
            pieces = max(pieces, float(np.abs(chord / self._units)[self._is_thin].max()) / FINE)
        return max(1, min(MOST_PIECES, int(np.ceil(pieces))))

    def _snapped(self, line: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._is_thin.any():
            thin = np.append(self._is_thin, False)
            units = self._units[self._is_thin]
            line[:, thin] = (np.floor(line[:, thin] / units) + 0.5) * units
        return line
