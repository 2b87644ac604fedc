"""Which objects look wrong, why, and how much: what a review goes through first."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from empanada_desktop.core.context import JobContext, QuietContext
from empanada_desktop.core.geometry import Spacing
from empanada_desktop.core.measure import Measurements, measure
from empanada_desktop.core.object_mask import ObjectMask, read_mask
from empanada_desktop.core.objects import LabelArray, ObjectIndex
from empanada_desktop.core.proofread_change import widened
from empanada_desktop.core.review_confidence import Confidence
from empanada_desktop.core.review_contacts import Contact, Touching, contact_of, contact_score, touching_pairs
from empanada_desktop.core.review_ends import Ends
from empanada_desktop.core.review_necks import find_neck
from empanada_desktop.core.review_odd import doubtful, odd_ones, threads
from empanada_desktop.core.review_profiles import largest_step
from empanada_desktop.core.review_space import Space
from empanada_desktop.core.review_stacks import seen_in
from empanada_desktop.core.suspicion import AXES, Place, Suspicion

MASK_VOXELS = 2**22
FACE = 3
CONTACT_MARGIN = 8
CONTACT_VOXELS = 2**24
# A contact of fewer faces, by the section of the smaller object, scores nothing worth a look.
LEAST_SHARE = 0.09
# A change of area of so many usual ones is one.
LEAST_STEP = 1.5
# A neck is looked at so far around; beyond so many deviations its grey value is another one than the object's.
NEAR_NECK = 3
OTHER_GREY = 0.7


def suspicions(
    labels: LabelArray,
    grey: LabelArray | None,
    spacing: Spacing,
    *,
    objects: ObjectIndex | None = None,
    stacks: Mapping[str, LabelArray] | None = None,
    confidence: Confidence | None = None,
    ids: Iterable[int] | None = None,
    label_divisor: int = 10_000,
    context: JobContext | None = None,
) -> list[Suspicion]:
    """Return what is suspicious about objects (None: all), most suspicious first.

    stacks: labels of the single stacks ("xy", "xz", "yz") of the result, where it kept them. confidence: the network's
    in each object, likewise. In labels of a single plane only rules that mean something there are asked: none that
    goes from plane to plane. Memory: an object's box (a copy smaller by a whole factor where it is large), and the
    table of measures.
    """
    context = context or QuietContext()
    objects = objects or ObjectIndex.of(labels, context)
    wanted = objects.ids.tolist() if ids is None else sorted({int(each) for each in ids} & set(objects.ids.tolist()))
    space = Space.of(labels.shape, spacing)
    table = measure(
        labels, grey, spacing, axis=space.plane, objects=objects, label_divisor=label_divisor, context=context
    )
    look = _Look(labels, grey, space, objects, stacks or {}, touching_pairs(labels, context), table)
    found: list[Suspicion] = []
    for done, label_id in enumerate(wanted, 1):
        context.check_cancelled()
        found += look.at(label_id)
        context.report(done, len(wanted), "Looking for suspicious objects")
    found += odd_ones(table, set(wanted), label_divisor)
    found += [*doubtful(table, confidence, set(wanted)), *threads(table, set(wanted))]
    return sorted(_of_pairs_once(found), key=lambda each: (-each.score, each.ids))


class _Look:
    """What the rules for a single object look at."""

    def __init__(
        self, labels: LabelArray, grey: LabelArray | None, space: Space, objects: ObjectIndex,
        stacks: Mapping[str, LabelArray], pairs: Mapping[tuple[int, int], Touching], table: Measurements,
    ) -> None:  # fmt: skip
        self._table, self._space, self._sampling = table, space, space.sampling
        self._labels, self._grey, self._objects, self._stacks = labels, grey, objects, stacks
        self._ends = Ends(labels, objects, space.sampling)
        self._median = float(np.median(objects.voxels)) if len(objects) else 0.0
        self._pairs: dict[int, list[tuple[int, Touching]]] = {}
        for (one, other), touching in pairs.items():
            self._pairs.setdefault(one, []).append((other, touching))

    def at(self, label_id: int) -> Iterator[Suspicion]:
        """Yield what is suspicious about an object."""
        thing = read_mask(self._labels, label_id, self._objects.box(label_id), MASK_VOXELS)
        if self._space.plane is None:  # in a plane there is no area from line to line, and objects go on beyond it
            yield from self._steps(thing)
            yield from self._ends.of(thing)
        yield from self._neck(thing)
        yield from self._contacts(label_id)
        yield from seen_in(thing, self._stacks)
        yield from self._border(label_id)

    def _steps(self, thing: ObjectMask) -> Iterator[Suspicion]:
        found = []
        for axis in range(3):
            first = self._inner_planes(thing, axis)
            step = largest_step(thing.areas(axis)[first], *thing.across(axis, self._sampling))
            if step is not None and step.size > LEAST_STEP:
                step = replace(step, index=step.index + first.start)
                index = thing.box.start[axis] + (step.index + 1) * thing.factor
                verb, square = "falls" if step.after < step.before else "grows", thing.factor**2
                reason = (
                    f"Area {verb} from {step.before * square} to {step.after * square} pixels at {AXES[axis]} {index}"
                )
                place = thing.middle_of_plane(axis, step.index + (step.after > step.before))
                found.append(Suspicion((thing.label_id,), "Split?", "step", reason, 1 - LEAST_STEP / step.size, place))
        yield from sorted(found, key=lambda each: -each.score)[:1]

    def _inner_planes(self, thing: ObjectMask, axis: int) -> slice:
        """Return the planes that are not next to the volume's faces: there the network sees half of what it needs."""
        low, high = thing.box.spans[axis]
        first = max(0, -(-(FACE - low) // thing.factor))
        last = len(range(low, min(high, self._labels.shape[axis] - FACE), thing.factor))
        return slice(first, max(first, last))

    def _neck(self, thing: ObjectMask) -> Iterator[Suspicion]:
        neck = find_neck(thing.mask, thing.sampling(self._sampling))
        if neck is not None and neck.tightness > 0.25:
            voxels = neck.voxels * thing.factor**self._space.cut_power
            score = neck.tightness * min(1.0, (4 * neck.part) ** 0.5)
            place = thing.in_volume(neck.place)
            reason = f"Two bodies joined by a neck of {voxels} {self._space.words}"
            apart = self._grey_apart(thing.label_id, place)
            if apart > OTHER_GREY:
                score, reason = 1 - (1 - score) * math.exp(-(apart - OTHER_GREY)), f"{reason}, of another grey"
            yield Suspicion((thing.label_id,), "Split?", "neck", reason, score, place)

    def _grey_apart(self, label_id: int, place: Place) -> float:
        """Return how far the grey value of an object around a place is from its own, in its deviations."""
        if self._grey is None:
            return 0.0
        row = int(np.searchsorted(self._table.ids, label_id))
        mean, spread = (float(self._table.values[key][row]) for key in ("grey_mean", "grey_sd"))
        middle = [round(at) for at in place]
        reach = [max(1, round(NEAR_NECK / size)) for size in self._sampling]
        limits = zip(middle, reach, self._labels.shape, strict=True)
        around = tuple(slice(max(0, at - far), min(most, at + far + 1)) for at, far, most in limits)
        own = np.asarray(self._grey[around])[np.asarray(self._labels[around]) == label_id]
        return abs(float(own.mean()) - mean) / max(spread, 1e-9) if len(own) else 0.0

    def _contacts(self, label_id: int) -> Iterator[Suspicion]:
        for other, touching in self._pairs.get(label_id, ()):
            contact = self._contact(label_id, other, touching)
            score = 0.0 if contact is None else contact_score(contact, self._space.few)
            if contact is not None and score > 0.15:
                reason = self._contact_words(contact)
                yield Suspicion((label_id, other), "Join?", "contact", reason, score, contact.place)

    def _contact(self, one: int, other: int, touching: Touching) -> Contact | None:
        """Look at a contact that is wide for the smaller of the two objects; None where it is not."""
        rows = [self._objects.find(each) for each in (one, other)]
        smaller = min(int(self._objects.voxels[row]) for row in rows if row is not None)
        section = self._space.section(smaller)
        box, _ = widened(touching.box, (CONTACT_MARGIN,) * 3, self._labels.shape)
        widest = touching.faces * max(math.prod(self._sampling) / size for size in self._sampling)
        if widest < LEAST_SHARE * section or math.prod(box.shape) > CONTACT_VOXELS:
            return None
        grey = None if self._grey is None else np.asarray(self._grey[box.slices])
        return contact_of(np.asarray(self._labels[box.slices]), grey, one, other, section, box, self._sampling)

    def _contact_words(self, contact: Contact) -> str:
        flat = "Flat contact" if contact.roughness < 1 else "Contact"
        wide = f"{self._space.width(contact.area):.2g} {self._space.unit_name} wide"
        if math.isnan(contact.line):
            return f"{flat}, {wide}"
        alike = contact.line < 0.75 and contact.step < 0.75
        return f"{flat}, {wide}, {'same grey on both sides' if alike else 'grey differs'}"

    def _border(self, label_id: int) -> Iterator[Suspicion]:
        row = self._objects.find(label_id)
        if row is None or not self._objects.touches_border[row]:
            return
        voxels = int(self._objects.voxels[row])
        small = voxels < 0.25 * self._median
        words = "smaller than its neighbours" if small else f"{voxels:,} {self._space.words}".replace(",", " ")
        z, y, x = self._objects.centroids[row].tolist()
        yield Suspicion((label_id,), "Edge", "border", f"Touches the border, {words}", 0.2 if small else 0.1, (z, y, x))


def _of_pairs_once(found: Iterable[Suspicion]) -> Iterator[Suspicion]:
    """Keep one suspicion for each rule and object or pair; of two ends that point at each other the stronger."""
    best: dict[tuple[Any, ...], Suspicion] = {}
    for each in found:
        key = (each.ids, each.kind, each.question)
        if key not in best or best[key].score < each.score:
            best[key] = replace(each, score=round(min(1.0, max(0.0, each.score)), 4))
    return iter(best.values())
