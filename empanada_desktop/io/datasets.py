"""Training sets on disk: `<set>/<name>/images/*.tif` with masks of equal names in `<set>/<name>/masks/`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.grey import BIT_DEPTHS
from empanada_desktop.core.plurals import counted
from empanada_desktop.errors import DatasetError, VolumeError
from empanada_desktop.io.mask_ids import MaskIds
from empanada_desktop.io.volumes.faults import reading

IMAGE_SUFFIXES = (".tif", ".tiff")
FAULTS_SHOWN = 20


@dataclass(frozen=True)
class LabelledImage:
    """One image file, its mask, the sub-data-set they belong to and the grey value that counts as white."""

    image: Path
    mask: Path
    subset: str
    white: int = 255
    shape: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class TrainingSet:
    """A checked training set; `notes` are plain sentences about what was odd without being wrong.

    label_divisor: that of the masks.
    """

    folder: Path
    images: tuple[LabelledImage, ...]
    notes: tuple[str, ...]
    label_divisor: int

    @property
    def subsets(self) -> tuple[str, ...]:
        """Names of the sub-data-sets, sorted."""
        return tuple(sorted({image.subset for image in self.images}))


@dataclass
class _Check:
    """What one pass over a training set has found so far."""

    ids: MaskIds
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_plane(path: Path) -> NDArray[np.generic]:
    """Read the one plane of a TIFF file; DatasetError when it is unreadable or not a single 2D plane."""
    import tifffile

    try:
        with reading(path):
            plane: NDArray[np.generic] = np.squeeze(tifffile.imread(path))
    except VolumeError as problem:
        raise DatasetError(problem.message, problem.hint) from problem
    if plane.size == 0:
        raise DatasetError(f"{path} cannot be read: there is no image in it.")
    if plane.ndim != 2:
        raise DatasetError(f"{path} is not one grey plane: its shape is {plane.shape}")
    return plane


def read_training_set(folder: Path, class_ids: Iterable[int], label_divisor: int) -> TrainingSet:
    """Check every file of a training set and list its image and mask pairs, sorted by sub-data-set and name.

    Masks hold class * label_divisor + k, or, where there is one class only, any instance ids below the divisor. Where
    all of them fit another usual divisor instead, that one is taken and told. Raises one DatasetError that names
    every fault. Stray files are skipped and told in the notes.
    """
    check = _Check(MaskIds(tuple(sorted(class_ids)), label_divisor))
    folder = Path(folder)
    if not folder.is_dir():
        raise DatasetError(f"The training set {folder} is not a folder.", "Choose the folder that holds the data sets.")
    images = [image for subset in _subsets(folder, check) for image in _read_subset(subset, check)]
    check.notes += check.ids.settle()
    check.faults += check.ids.faults()
    if not images and not check.faults:
        check.faults.append("There is no pair of an image and a mask in it")
    if check.faults:
        raise _all_faults(folder, check.faults)
    return TrainingSet(folder, tuple(images), tuple(check.notes), check.ids.label_divisor)


def _all_faults(folder: Path, faults: list[str]) -> DatasetError:
    shown = [f"- {fault}" for fault in faults[:FAULTS_SHOWN]]
    if len(faults) > FAULTS_SHOWN:
        shown.append(f"- and {len(faults) - FAULTS_SHOWN} more")
    count = "a fault" if len(faults) == 1 else f"{len(faults)} faults"
    return DatasetError(
        f"The training set {folder} has {count}:\n" + "\n".join(shown),
        "Expected: <set>/<name>/images/*.tif and <set>/<name>/masks/*.tif of equal names and sizes, "
        "whole-number masks with ids class * label divisor + k.",
    )


def _subsets(folder: Path, check: _Check) -> Iterator[Path]:
    """Folders that hold images; the set itself may be one. Others are noted."""
    if (folder / "images").is_dir():
        yield folder
        return
    stray = []
    for entry in sorted(folder.iterdir()):
        if (entry / "images").is_dir():
            yield entry
        elif entry.is_dir() and not entry.name.startswith("."):
            check.faults.append(f"{entry.name}: there is no folder `images` in it")
        else:
            stray.append(entry.name)
    _note_strays(folder.name, stray, check)


def _tiff_files(folder: Path, check: _Check) -> dict[str, Path]:
    """TIFF files of a folder by stem; other files are noted, two files of one stem are a fault."""
    found: dict[str, Path] = {}
    stray = []
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() or entry.name.startswith(".") or entry.suffix.lower() not in IMAGE_SUFFIXES:
            stray.append(entry.name)
        elif entry.stem in found:
            check.faults.append(f"{folder.parent.name}/{folder.name}: two files are called {entry.stem}")
        else:
            found[entry.stem] = entry
    _note_strays(f"{folder.parent.name}/{folder.name}", stray, check)
    return found


def _note_strays(place: str, stray: list[str], check: _Check) -> None:
    if stray:
        files = counted(len(stray), "stray file")
        check.notes.append(f"Skipped {files} in {place}: {', '.join(stray)}.")


def _read_subset(subset: Path, check: _Check) -> list[LabelledImage]:
    if not (subset / "masks").is_dir():
        check.faults.append(f"{subset.name}: there is no folder `masks` beside `images`")
        return []
    images, masks = _tiff_files(subset / "images", check), _tiff_files(subset / "masks", check)
    check.faults += [f"{subset.name}: image {images[name].name} has no mask" for name in images if name not in masks]
    check.faults += [f"{subset.name}: mask {masks[name].name} has no image" for name in masks if name not in images]
    if not images:
        check.faults.append(f"{subset.name}: there is no TIFF image in `images`")
    pairs, largest = [], 0
    for name in images:
        if name in masks:
            pair, brightest = _check_pair(images[name], masks[name], subset.name, check)
            largest = max(largest, brightest)
            pairs.append(pair)
    white = white_of(largest)
    return [LabelledImage(pair.image, pair.mask, pair.subset, white, pair.shape) for pair in pairs]


def white_of(largest: int) -> int:
    """The grey value that counts as 1: 2^b - 1, b the smallest usual bit depth that holds `largest`."""
    bits = next(bits for bits in BIT_DEPTHS if largest < 2**bits)
    white: int = 2**bits - 1
    return white


def _check_pair(image: Path, mask: Path, subset: str, check: _Check) -> tuple[LabelledImage, int]:
    pair = LabelledImage(image, mask, subset)
    try:
        grey, ids = read_plane(image), read_plane(mask)
    except DatasetError as problem:
        check.faults.append(f"{subset}: {problem.message}")
        return pair, 0
    if grey.dtype not in (np.uint8, np.uint16):
        check.faults.append(f"{subset}: image {image.name} is {grey.dtype}, not 8 or 16 bit without sign")
        return pair, 0
    if grey.shape != ids.shape:
        check.faults.append(f"{subset}: {image.name} has {grey.shape} pixels, its mask {ids.shape}")
    if not np.issubdtype(ids.dtype, np.integer):
        check.faults.append(f"{subset}: mask {mask.name} is {ids.dtype}, not whole numbers")
    elif not check.ids.take(name := f"{subset}/masks/{mask.name}", ids):
        check.notes.append(f"{name} is empty: the whole image counts as background.")
    rows, columns = grey.shape
    return LabelledImage(image, mask, subset, shape=(rows, columns)), int(grey.max(initial=0))


def load_pair(
    item: LabelledImage, class_ids: tuple[int, ...], label_divisor: int
) -> tuple[NDArray[np.integer], NDArray[np.int64]]:
    """Read an image (h, w; uint8 or uint16) and its mask with ids of class * label_divisor + k."""
    image: NDArray[np.integer] = read_plane(item.image)  # type: ignore[assignment]
    mask = read_plane(item.mask).astype(np.int64)
    if len(class_ids) == 1 and mask.max(initial=0) < label_divisor:
        mask[mask > 0] += class_ids[0] * label_divisor
    return image, mask


def grey_statistics(training_set: TrainingSet) -> tuple[float, float]:
    """Mean and standard deviation of all images as fractions of the grey range, every sub-data-set counting alike."""
    means, squares = [], []
    for subset in training_set.subsets:
        of_image = [_moments(item) for item in training_set.images if item.subset == subset]
        means.append(np.mean([mean for mean, _ in of_image]))
        squares.append(np.mean([square for _, square in of_image]))
    mean = float(np.mean(means))
    return mean, float(np.sqrt(max(float(np.mean(squares)) - mean**2, 1e-6)))


def _moments(item: LabelledImage) -> tuple[float, float]:
    grey = read_plane(item.image).astype(np.float64) / item.white
    return float(grey.mean()), float(np.square(grey).mean())
