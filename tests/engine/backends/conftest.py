"""Networks to run with several back ends, and a user's folder of their own."""

from pathlib import Path

import pytest

from empanada_desktop.engine.backends.choice import DEFAULT_VARIABLE
from empanada_desktop.settings import HOME_VARIABLE


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.delenv(DEFAULT_VARIABLE)
    return tmp_path / "home"
