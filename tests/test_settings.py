"""Where the program's own files and the user's are, and what is remembered between runs."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from empanada_desktop import settings
from empanada_desktop.settings import (
    HOME_VARIABLE,
    MOST_RECENT,
    SETTINGS_FILE,
    Settings,
    load_settings,
    resources_folder,
    user_folder,
)


def test_the_resources_are_there() -> None:
    assert (resources_folder() / "weights" / "catalogue.yaml").is_file()


def test_an_installed_copy_has_them_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "__file__", str(tmp_path / "package" / "settings.py"))
    assert resources_folder() == tmp_path / "resources"
    (tmp_path / "empanada_desktop_resources").mkdir()
    assert resources_folder() == tmp_path / "empanada_desktop_resources"
    (tmp_path / "package" / "resources").mkdir(parents=True)
    assert resources_folder() == tmp_path / "package" / "resources"


def test_the_users_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HOME_VARIABLE, raising=False)
    assert user_folder().name == "empanada-desktop"
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    assert user_folder() == tmp_path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


def test_settings_come_back(home: Path) -> None:
    assert load_settings() == Settings()
    chosen = Settings(
        "light", 1.5, "WEBKNOSSOS", {"undo": "Ctrl+U"}, ("/a",), {"geometry": "AdnQ"}, {"train": {"n": 1}}
    )
    chosen.save()
    assert load_settings() == chosen
    assert [path.name for path in home.iterdir()] == [SETTINGS_FILE]


def test_recent_files_are_few_and_the_newest_comes_first() -> None:
    remembered = Settings()
    for number in [*range(20), 15]:
        remembered = remembered.with_recent(f"/{number}")
    assert remembered.recent[:3] == ("/15", "/19", "/18")
    assert len(remembered.recent) == len(set(remembered.recent)) == MOST_RECENT


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(["theme", "scale", "keys", "changed_keys", "recent", "window", "form", "version", "other"])


@how(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(FIELDS, JUNK) | JUNK)
def test_mangled_settings_are_passed_over(home: Path, values: object) -> None:
    home.mkdir(exist_ok=True)
    (home / SETTINGS_FILE).write_text(json.dumps(values), encoding="utf-8")
    read = load_settings()
    assert read.theme in ("dark", "light", "system")
    assert 0.5 <= read.scale <= 4
    assert all(isinstance(path, str) for path in read.recent)
    assert all(isinstance(inner, dict) for inner in read.form.values())
    assert all(isinstance(text, str) for text in (*read.window.values(), *read.changed_keys.values()))


def test_one_bad_value_leaves_the_others(home: Path) -> None:
    Settings(theme="light", recent=("/a",)).save()
    values = json.loads((home / SETTINGS_FILE).read_text())
    (home / SETTINGS_FILE).write_text(json.dumps({**values, "scale": "huge", "keys": None, "new": 1}))
    assert load_settings() == Settings(theme="light", recent=("/a",))


def test_a_file_that_is_no_json_is_passed_over(home: Path) -> None:
    home.mkdir()
    (home / SETTINGS_FILE).write_bytes(b"\xff\xfe{")
    assert load_settings() == Settings()
