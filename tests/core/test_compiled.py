"""Compiled functions where neither the program's folder nor the user's cache can be written to."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import empanada_desktop

PACKAGE = Path(empanada_desktop.__file__).parent
COMPILE = """
import os
import numpy as np
from empanada_desktop.core import meshes
cube = np.zeros((3, 3, 3), np.uint32)
cube[1, 1, 1] = 1
print(len(meshes.object_boxes(cube).ids), os.environ["NUMBA_CACHE_DIR"])
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the program beside which nothing can be kept, whoever runs it."""
    copy = tmp_path / "installed" / "empanada_desktop"
    shutil.copytree(PACKAGE / "core", copy / "core", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__init__.py", "errors.py", "settings.py"):
        shutil.copy(PACKAGE / name, copy)
    for folder in (copy, copy / "core"):
        (folder / "__pycache__").write_text("in the way")
    return copy.parent


def run(copy: Path, home: Path, user: Path) -> tuple[str, str]:
    """Compile in a new process; returns what it found and where the compiled functions are."""
    blocked = home / "blocked"
    blocked.write_text("a file, no folder")
    places = {"HOME": str(blocked), "XDG_CACHE_HOME": str(blocked), "EMPANADA_DESKTOP_HOME": str(user)}
    settings = {**os.environ, **places, "PYTHONPATH": str(copy), "TMPDIR": str(home)}
    settings.pop("NUMBA_CACHE_DIR", None)
    command = [sys.executable, "-B", "-c", COMPILE]
    outcome = subprocess.run(command, env=settings, cwd=home, capture_output=True, text=True, check=False, timeout=300)
    assert outcome.returncode == 0, outcome.stderr[-2000:]
    found, _, place = outcome.stdout.strip().partition(" ")
    return found, place


def test_the_users_folder_takes_them(copy: Path, tmp_path: Path) -> None:
    user = tmp_path / "user"
    assert run(copy, tmp_path, user) == ("1", str(user / "compiled"))
    assert list((user / "compiled").rglob("*.nbi"))


def test_without_any_folder_they_last_for_the_run(copy: Path, tmp_path: Path) -> None:
    found, place = run(copy, tmp_path, tmp_path / "blocked" / "user")
    assert found == "1"
    assert Path(place).parent == tmp_path
    assert not Path(place).exists()
