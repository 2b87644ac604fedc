"""Contacts between objects, and what speaks for the two being one: a flat, wide contact without a darker line."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from empanada_desktop.core.geometry import Box

Mask = NDArray[np.bool_]
FACES = ndimage.generate_binary_structure(3, 1)
# Grey values of a body are taken this many voxels from the contact at most, those of the contact itself nearer than 2.
NEAR = 6


@dataclass(frozen=True)
class Contact:
    """Where two objects touch. voxels: of the first that touch the second by a face.

    share: voxels by the section that the smaller object would have as a ball. roughness: root mean square distance
    of the contact to its plane, in voxels. line: how far the contact's grey value is from the bodies', in standard
    deviations; step: how far the bodies' are from each other; NaN without an image.
    """

    voxels: int
    share: float
    roughness: float
    line: float
    step: float
    place: tuple[float, float, float]


def contact_of(
    ids: NDArray[Any], grey: NDArray[Any] | None, one: int, other: int, smaller: int, box: Box
) -> Contact | None:
    """Look at the contact of two objects within a box of labels (z y x); smaller: voxels of the smaller one."""
    first, second = ids == one, ids == other
    beside = first & ndimage.binary_dilation(second, FACES)
    places = np.argwhere(beside)
    if not len(places):
        return None
    section = np.pi * (3 * smaller / (4 * np.pi)) ** (2 / 3)
    line, step = _greys(grey, first, second, beside) if grey is not None else (np.nan, np.nan)
    z, y, x = (places.mean(axis=0) + box.start).tolist()
    return Contact(len(places), len(places) / section, _roughness(places), line, step, (z, y, x))


def _roughness(places: NDArray[np.int64]) -> float:
    if len(places) < 4:
        return 0.0
    return float(np.sqrt(max(0.0, np.linalg.eigvalsh(np.cov(places.T, bias=True))[0])))


def _greys(grey: NDArray[Any], first: Mask, second: Mask, beside: Mask) -> tuple[float, float]:
    apart = ndimage.distance_transform_edt(~beside)
    bodies = [grey[mask & (apart > 2) & (apart <= NEAR)].astype(np.float64) for mask in (first, second)]
    band = grey[(first | second) & (apart < 2)].astype(np.float64)
    if min(len(bodies[0]), len(bodies[1]), len(band)) < 8:
        return np.nan, np.nan
    spread = max(1e-9, float(np.sqrt((bodies[0].var() + bodies[1].var()) / 2)))
    middle = (bodies[0].mean() + bodies[1].mean()) / 2
    return float(abs(band.mean() - middle) / spread), float(abs(bodies[0].mean() - bodies[1].mean()) / spread)
