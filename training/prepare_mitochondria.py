"""Make the training set of the starter weights out of the public data sets.

    python training/prepare_mitochondria.py DATA OUT

DATA holds `cdeep3m_sbem`, `vnc_sstem` and `flyem_medulla_fibsem` as docs/starter-weights.md says. OUT gets `train/`,
`validation/` and `test/`, each a training set. The test blocks are the last sections of each stack; a section that
nothing looks at lies before the test blocks.
"""

import argparse
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from skimage.measure import label

DIVISOR = 1000
SMALLEST = 30
"""Connected pieces of a mask below so many pixels are crumbs of the drawing, not mitochondria."""

CDEEP3M = {"train": range(0, 13), "validation": [13, 14], "test": range(16, 20)}
# Sections 1 and 7 of the nerve cord came without mitochondria labels.
VNC = {"train": [0, 2, 3, 4, 5, 6, 8, 9], "validation": [10, 11], "test": range(13, 16)}
FLYEM_STEP = 10


def instances(semantic: NDArray[np.integer]) -> NDArray[np.uint16]:
    """Ids DIVISOR + k of the 8-connected pieces of a 0/1 plane; crumbs become background."""
    pieces = label(semantic > 0, connectivity=2)
    sizes = np.bincount(pieces.ravel())
    keep = np.flatnonzero(sizes >= SMALLEST)
    keep = keep[keep > 0]
    table = np.zeros(len(sizes), np.uint16)
    table[keep] = DIVISOR + 1 + np.arange(len(keep))
    return table[pieces]


def save(folder: Path, name: str, image: NDArray[np.uint8], mask: NDArray[np.uint16]) -> None:
    """Write one image and its mask."""
    for kind, plane in (("images", image), ("masks", mask)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / kind / f"{name}.tif", plane, compression="deflate")


def save_sections(out: Path, subset: str, raw: Path, mask: Path, parts: dict[str, object]) -> None:
    """Write the sections of one stack into the parts of the set."""
    images, masks = tifffile.imread(raw), tifffile.imread(mask)
    for part, sections in parts.items():
        for index in sections:
            save(out / part / subset, f"{subset}_{index:03d}", images[index], instances(masks[index]))


def save_flyem(out: Path, raw: Path, silver: Path) -> None:
    """Write every tenth plane of the three orientations; the labels are the weak ones made without a person."""
    images, masks = tifffile.imread(raw), tifffile.imread(silver).astype(np.uint16)
    coded = np.where(masks > 0, masks + DIVISOR, 0).astype(np.uint16)
    for axis, name in enumerate(("xy", "xz", "yz")):
        for index in range(FLYEM_STEP // 2, images.shape[axis], FLYEM_STEP):
            title = f"{raw.stem.removesuffix('_raw')}_{name}_{index:03d}"
            save(out / "train" / "flyem", title, images.take(index, axis), coded.take(index, axis))


def main() -> None:
    """Write the three parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    data, out = options.data, options.out
    sbem, vnc, flyem = data / "cdeep3m_sbem", data / "vnc_sstem", data / "flyem_medulla_fibsem"
    save_sections(out, "cdeep3m", sbem / "training_raw.tif", sbem / "training_mito_semantic.tif", CDEEP3M)
    extra = sbem / "extra_sections_v1_raw.tif", sbem / "extra_sections_v1_mito_semantic.tif"
    save_sections(out, "cdeep3m_extra", *extra, {"train": range(10)})
    masks = vnc / "sections00_15_mitochondria_semantic.tif"
    save_sections(out, "vnc", vnc / "sections00_15_raw.tif", masks, VNC)
    for sample in ("training_sample1", "training_sample2"):
        save_flyem(out, flyem / f"{sample}_raw.tif", flyem / f"{sample}_mito_silver_instances.tif")


if __name__ == "__main__":
    main()
