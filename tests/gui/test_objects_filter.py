"""The filter box of the object table: what it understands, and what it says where it does not."""

import numpy as np
import pytest

from empanada_desktop.errors import SettingsError
from empanada_desktop.gui.objects.filtering import Field, filter_mask

IDS = np.array([10001, 10002, 10003, 20001, 20002])
FIELDS = {
    "id": Field(IDS),
    "class": Field(np.array([0, 0, 0, 1, 1]), ("mito", "outer wall"), is_found=True),
    "status": Field(np.array([0, 1, 1, 2, 0]), ("", "queued", "accepted"), is_found=True),
    "volume": Field(np.array([0.5, 0.01, np.nan, 2.0, 1.0]), unit="µm³"),
    "border": Field(np.array([True, False, False, True, False])),
    "grey mean": Field(np.array([80.0, 81, 82, 83, 84])),
}


def found(text: str) -> list[int]:
    return IDS[filter_mask(text, FIELDS, len(IDS))].tolist()


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", IDS.tolist()),
        ("  ", IDS.tolist()),
        ("volume > 0.01", [10001, 20001, 20002]),
        ("volume>=0.01", [10001, 10002, 20001, 20002]),
        ("volume < 1 µm³", [10001, 10002]),
        ("VOLUME ≤ 1 um3", [10001, 10002, 20002]),
        ("status = queued", [10002, 10003]),
        ("status != queued", [10001, 20001, 20002]),
        ("status = none", [10001, 20002]),
        ("status = queued, accepted", [10002, 10003, 20001]),
        ("class = mito", [10001, 10002, 10003]),
        ('class = "outer wall"', [20001, 20002]),
        ("class = Outer Wall", [20001, 20002]),
        ("outer", [20001, 20002]),
        ("queued", [10002, 10003]),
        ("nothing like it", []),
        ("10002", [10002]),
        ("10002, 99999999999999999999", [10002]),
        ("10002, 20001 7", [10002, 20001]),
        ("id = 10002, 20001", [10002, 20001]),
        ("id != 10002", [10001, 10003, 20001, 20002]),
        ("border", [10001, 20001]),
        ("border = no", [10002, 10003, 20002]),
        ("not border and class = mito", [10002, 10003]),
        ("border or volume = 0.01", [10001, 10002, 20001]),
        ("not (border or status = queued)", [20002]),
        ("border or class = mito and status = queued", [10001, 10002, 10003, 20001]),
        ("grey mean >= 83", [20001, 20002]),
    ],
)
def test_what_it_leaves(text: str, ids: list[int]) -> None:
    assert found(text) == ids


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("volum > 1", "There is no column “volum”. Columns: id, class"),
        ("volume > big", "“big” is no number. volume is compared with a number in µm³."),
        ("volume >", "What shall volume be compared with?"),
        ("volume > 1, 2", "“>” compares with one value."),
        ("status > queued", "status holds words. Write status = queued"),
        ("status = waiting", "No status is called “waiting”. There are: queued, accepted."),
        ("border = maybe", "border is yes or no."),
        ("(volume > 1", "A closing bracket is missing."),
        ("volume > 1)", "A bracket is closed that was never opened."),
        ("volume > 1 and", "Something is missing at the end."),
        ("> 1", "Something is missing before “>”."),
        ("volume", "volume alone says nothing. Compare it: volume > 1."),
        ('class = "outer', "A quotation mark is missing."),
        ("volume > 1 (border)", "“(” is too much."),
    ],
)
def test_what_it_says(text: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        filter_mask(text, FIELDS, len(IDS))
    assert words in f"{caught.value.message} {caught.value.hint}"
