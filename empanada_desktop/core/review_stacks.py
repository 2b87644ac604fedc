"""An object of the consensus held against the single stacks: which of them saw it, and which saw two objects in it."""

from collections.abc import Iterator, Mapping

import numpy as np

from empanada_desktop.core.object_mask import ObjectMask
from empanada_desktop.core.objects import LabelArray
from empanada_desktop.core.suspicion import Suspicion

# A stack has seen an object when it has this part of its voxels; a second object in it has this part at least.
SEEN = 0.5
SECOND_PART = 0.2


def seen_in(thing: ObjectMask, stacks: Mapping[str, LabelArray]) -> Iterator[Suspicion]:
    """Hold an object against the single stacks, where it was not larger than can be read at once."""
    if len(stacks) < 2 or thing.factor > 1:
        return
    seen, divided = [], []
    for name, stack in stacks.items():
        own = np.asarray(stack[thing.box.slices])[thing.mask]
        ids, counts = np.unique(own[own > 0], return_counts=True)
        counts = np.sort(counts)[::-1]
        if counts.sum() >= SEEN * len(own):
            seen.append(name)
        if len(ids) > 1 and counts[1] >= SECOND_PART * len(own):
            divided.append((name, float(counts[1] / len(own))))
    place = thing.in_volume(tuple(np.argwhere(thing.mask).mean(axis=0).tolist()))
    if len(seen) < len(stacks):
        words = "no stack" if not seen else f"{seen[0]} only" if len(seen) == 1 else f"{' and '.join(seen)} only"
        score = 0.85 - 0.4 * (len(seen) - 1) if seen else 0.9
        yield Suspicion((thing.label_id,), "Real?", "stacks", f"Found in {words}", score, place)
    for _, part in divided[:1]:
        score = 0.4 + part * (1 if len(divided) == 1 else 1.2)
        names = " and ".join(each for each, _ in divided)
        reason = f"{names} {'sees' if len(divided) == 1 else 'see'} two objects here"
        yield Suspicion((thing.label_id,), "Split?", "stacks", reason, min(1.0, score), place)
