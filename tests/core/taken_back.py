"""Making edits of labels, with the check that every edit can be taken back to the byte."""

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.edits import ArrayEdit

Labels = NDArray[np.generic]


def made(labels: Labels, edits: tuple[ArrayEdit, ...]) -> Labels:
    """Return the labels after the edits, having checked that they can be taken back to the byte."""
    after = labels.copy()
    for edit in edits:
        edit.apply(after)
    back = after.copy()
    for edit in reversed(edits):
        edit.revert(back)
    np.testing.assert_array_equal(back, labels)
    return after
