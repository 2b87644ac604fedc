"""Where the program's own files and the user's are."""

from pathlib import Path

import pytest

from empanada_desktop import settings
from empanada_desktop.settings import HOME_VARIABLE, resources_folder, user_folder


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
