"""No file without a licence, and none that may not be passed on."""

import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PICTURES = {".tif", ".tiff", ".png", ".jpg", ".mrc", ".h5", ".hdf5", ".npz", ".npy", ".zarr"}
WEIGHTS = {".safetensors", ".pth", ".pt", ".empanada"}
NOTICES = ("LICENSE*", "LICENCE*", "CREDIT*", "CITATION*", "README*")
NON_COMMERCIAL = ("cdeep3m", "vnc_sstem")
SAMPLE = ROOT / "resources" / "sample"


def tracked() -> list[Path]:
    """List what git holds; without git, as in an unpacked archive, what lies in the folders that hold data."""
    try:
        listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return [path for folder in ("resources", "tests") for path in (ROOT / folder).rglob("*") if path.is_file()]
    return [ROOT / name for name in listing.split("\0") if name and (ROOT / name).exists()]


def has_notice(folder: Path) -> bool:
    """Whether the folder, or one above it inside the repository, says where its files come from."""
    chain = [folder, *folder.parents]
    inside = chain[: chain.index(ROOT)]
    return any(any(place.glob(pattern)) for place in inside for pattern in NOTICES)


def test_no_file_of_the_non_commercial_data_is_here() -> None:
    data = [path for path in tracked() if path.suffix in PICTURES | WEIGHTS]
    offenders = [path for path in data if any(name in path.as_posix().lower() for name in NON_COMMERCIAL)]
    assert offenders == []


def test_every_folder_of_pictures_names_its_source() -> None:
    kept = [path for path in tracked() if path.is_relative_to(ROOT / "resources") or "data" in path.parts]
    folders = {path.parent for path in kept if path.suffix in PICTURES}
    assert sorted(folder for folder in folders if not has_notice(folder)) == []


def test_all_weights_carry_licence_and_citation() -> None:
    for path in (path for path in tracked() if path.suffix in WEIGHTS):
        descriptor = yaml.safe_load(path.with_suffix(".yaml").read_text(encoding="utf-8"))
        assert descriptor["file"] == path.name
        assert descriptor["licence"]
        assert descriptor["citation"]


def test_the_sample_carries_licence_and_credit() -> None:
    assert "CREATIVE COMMONS PUBLIC LICENSE" in (SAMPLE / "LICENSE.txt").read_text()
    credit = (SAMPLE / "CREDIT.md").read_text()
    assert all(
        word in credit for word in ("FlyEM", "Creative Commons Attribution", "10.1371/journal.pone.0125825", "Changes")
    )


def test_the_sample_is_what_its_credit_says() -> None:
    tifffile = pytest.importorskip("tifffile")
    (path,) = SAMPLE.glob("*.tif")
    assert path.stat().st_size <= 12_000_000
    with tifffile.TiffFile(path) as file:
        assert file.series[0].shape == (200, 200, 200)
        assert file.imagej_metadata["spacing"] == 0.01
        assert file.imagej_metadata["unit"] == "um"
        assert file.pages[0].tags["XResolution"].value == (100, 1)
