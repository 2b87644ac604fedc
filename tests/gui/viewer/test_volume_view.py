"""The 3D view: in a process of its own with a screen (Xvfb will do), and the sentence where there is no OpenGL."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from empanada_desktop.gui.viewer.volume_view import NO_OPENGL

CHECKS = Path(__file__).with_name("volume_view_checks.py")


def screen() -> list[str]:
    """What to put before a command so that it has a screen; skips where none is to be had."""
    if sys.platform != "linux" or os.environ.get("DISPLAY"):
        return []
    if shutil.which("xvfb-run") is None or shutil.which("xauth") is None:
        pytest.skip("no display, and no Xvfb to make one: install xvfb and xauth")
    return ["xvfb-run", "-a", "-s", "-screen 0 1280x1024x24"]


def test_with_opengl() -> None:
    settings = {**os.environ, "OMP_NUM_THREADS": "1"}
    settings.pop("QT_QPA_PLATFORM", None)
    command = [*screen(), sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(CHECKS)]
    outcome = subprocess.run(
        command, env=settings, cwd=CHECKS.parents[3], capture_output=True, text=True, timeout=300, check=False
    )
    assert outcome.returncode == 0, outcome.stdout[-4000:] + outcome.stderr[-2000:]


def test_without_opengl_a_sentence_says_so(make_story: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("empanada_desktop.gui.viewer.volume_view.has_opengl", lambda: False)
    story = make_story(with_3d=True)
    view = story.grid.volume_view
    story.qtbot.waitUntil(lambda: view._sentence.text() == NO_OPENGL)
    assert view.gl is None
    story.document.change_view(camera=story.document.view.camera, crosshair=(3, 3, 3))
    assert view.is_complete
