import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from empanada_desktop.errors import DatasetError
from empanada_desktop.io.datasets import grey_statistics, load_pair, read_training_set

DATA = Path(__file__).parents[1] / "data" / "training"


@pytest.fixture
def mito(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DATA / "mito", tmp_path / "mito"))


def write_pair(folder: Path, name: str, image: np.ndarray, mask: np.ndarray) -> None:
    for kind, plane in (("images", image), ("masks", mask)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / kind / f"{name}.tif", plane)


def faults_of(folder: Path, class_ids: tuple[int, ...] = (1,)) -> str:
    with pytest.raises(DatasetError) as caught:
        read_training_set(folder, class_ids, 1000)
    return caught.value.message


def test_pairs_are_listed_in_order_with_their_subset(mito: Path) -> None:
    found = read_training_set(mito, [1], 1000)
    assert [item.image.name for item in found.images] == ["xy_020.tif", "xy_120.tif", "xy_200.tif"]
    assert all(item.mask.name == item.image.name and item.mask.parent.name == "masks" for item in found.images)
    assert found.subsets == ("flyem",)
    assert {item.shape for item in found.images} == {(128, 128)}
    assert found.notes == ()


def test_stray_files_are_skipped_and_told(mito: Path) -> None:
    for stray in ("images/Thumbs.db", "images/.DS_Store", "masks/notes.txt", "../readme.txt"):
        (mito / "flyem" / stray).write_bytes(b"stray")
    found = read_training_set(mito, [1], 1000)
    assert len(found.images) == 3
    assert found.notes == (
        "Skipped 2 stray files in flyem/images: .DS_Store, Thumbs.db.",
        "Skipped 1 stray file in flyem/masks: notes.txt.",
        "Skipped 1 stray file in mito: readme.txt.",
    )


def test_every_fault_is_named_in_one_error(mito: Path) -> None:
    grey = np.zeros((64, 64), np.uint8)
    ids = np.full((64, 64), 1001, np.uint16)
    bad = mito / "bad"
    write_pair(bad, "a_unequal", grey, ids[:32])
    write_pair(bad, "b_float_mask", grey, ids.astype(np.float32))
    write_pair(bad, "c_wrong_class", grey, ids * 3)
    write_pair(bad, "d_colour", np.zeros((64, 64, 3), np.uint8), ids)
    write_pair(bad, "e_float_image", grey.astype(np.float32), ids)
    write_pair(bad, "f_alone", grey, ids)
    write_pair(bad, "g_lost", grey, ids)
    write_pair(bad, "h_damaged", grey, ids)
    (bad / "masks" / "f_alone.tif").unlink()
    (bad / "images" / "g_lost.tif").unlink()
    (bad / "images" / "h_damaged.tif").write_bytes(b"II*\0 this is no TIFF")
    (mito / "unfinished" / "images").mkdir(parents=True)
    message = faults_of(mito)
    assert "9 faults" in message
    for part in (
        "a_unequal.tif has (64, 64) pixels, its mask (32, 64)",
        "b_float_mask.tif is float32",
        "bad/masks/c_wrong_class.tif holds ids outside the classes 1 (label divisor 1000): 3003",
        "d_colour.tif is not one grey plane",
        "e_float_image.tif is float32",
        "image f_alone.tif has no mask",
        "mask g_lost.tif has no image",
        "h_damaged.tif cannot be read",
        "unfinished: there is no folder `masks`",
    ):
        assert part in message


def test_long_lists_of_faults_are_cut(tmp_path: Path) -> None:
    for number in range(30):
        write_pair(tmp_path / "set", f"{number:02d}", np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.float32))
    message = faults_of(tmp_path)
    assert "30 faults" in message
    assert "and 10 more" in message


@pytest.mark.parametrize("folder", ["missing", "empty"])
def test_a_folder_without_images_is_refused(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    assert folder in faults_of(tmp_path / folder)


def test_an_empty_mask_is_noted_not_refused(mito: Path) -> None:
    write_pair(mito / "flyem", "nothing", np.zeros((40, 40), np.uint8), np.zeros((40, 40), np.uint16))
    found = read_training_set(mito, [1], 1000)
    assert found.notes == ("flyem/masks/nothing.tif is empty: the whole image counts as background.",)


def test_plain_instance_ids_do_for_one_class(tmp_path: Path) -> None:
    mask = np.array([[0, 1], [2, 999]], np.uint16)
    write_pair(tmp_path / "set", "a", np.zeros((2, 2), np.uint8), mask)
    item = read_training_set(tmp_path, [1], 1000).images[0]
    assert load_pair(item, (1,), 1000)[1].tolist() == [[0, 1001], [1002, 1999]]
    assert "outside the classes 1, 2" in faults_of(tmp_path, (1, 2))


def test_the_masks_decide_about_their_divisor(tmp_path: Path) -> None:
    """Labels of this program go by 10,000, published sets by 1000: neither could be used with weights of the other."""
    grey = np.zeros((2, 2), np.uint8)
    write_pair(tmp_path / "set", "a", grey, np.array([[0, 10_001], [10_002, 20_003]], np.uint16))
    write_pair(tmp_path / "set", "b", grey, np.zeros((2, 2), np.uint16))
    found = read_training_set(tmp_path, [1, 2], 1000)
    assert found.label_divisor == 10_000
    assert "The masks' ids go by a label divisor of 10000, not 1000: so they are read." in found.notes
    write_pair(tmp_path / "set", "c", grey, np.full((2, 2), 1001, np.uint16))
    assert "c.tif holds ids outside" not in faults_of(tmp_path, (1, 2))
    assert "a.tif holds ids outside the classes 1, 2 (label divisor 1000): 10001, 10002, 20003" in faults_of(
        tmp_path, (1, 2)
    )
    write_pair(tmp_path / "set", "c", grey, np.full((2, 2), 7, np.uint16))
    assert "a.tif holds ids outside" in faults_of(tmp_path), "of plain ids nothing is guessed"


def test_plain_and_coded_ids_do_not_mix(tmp_path: Path) -> None:
    grey = np.zeros((2, 2), np.uint8)
    write_pair(tmp_path / "set", "a", grey, np.full((2, 2), 7, np.uint16))
    write_pair(tmp_path / "set", "b", grey, np.full((2, 2), 1007, np.uint16))
    assert "plain instance ids" in faults_of(tmp_path)


def test_white_is_that_of_the_subset_not_of_the_dtype(tmp_path: Path) -> None:
    mask = np.zeros((2, 2), np.uint8)
    write_pair(tmp_path / "twelve", "a", np.array([[0, 100], [200, 300]], np.uint16), mask)
    write_pair(tmp_path / "twelve", "b", np.array([[0, 100], [200, 4000]], np.uint16), mask)
    write_pair(tmp_path / "eight", "a", np.array([[0, 1], [2, 3]], np.uint8), mask)
    found = read_training_set(tmp_path, [1], 1000)
    assert [(item.subset, item.white) for item in found.images] == [("eight", 255), ("twelve", 4095), ("twelve", 4095)]


def test_grey_statistics_weigh_subsets_alike(tmp_path: Path) -> None:
    mask = np.zeros((4, 4), np.uint8)
    for name in "abc":
        write_pair(tmp_path / "dark", name, np.zeros((4, 4), np.uint8), mask)
    write_pair(tmp_path / "bright", "a", np.full((4, 4), 255, np.uint8), mask)
    assert grey_statistics(read_training_set(tmp_path, [1], 1000)) == pytest.approx((0.5, 0.5))
