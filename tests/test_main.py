"""What `empanada-desktop` without a verb does."""

import os
import subprocess
import sys

import pytest


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    kept.pop("QT_QPA_PLATFORM", None)
    command = [sys.executable, "-m", "empanada_desktop", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=kept | settings, timeout=60)


@pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS always have a display")
@pytest.mark.parametrize("arguments", [[], ["open", "--sample"]])
def test_without_a_display_it_says_so(arguments: list[str]) -> None:
    outcome = run(*arguments)
    assert outcome.returncode == 2
    assert outcome.stderr.startswith("Error: There is no display")
    assert "Hint:" in outcome.stderr


def test_open_explains_itself() -> None:
    outcome = run("open", "--help")
    assert outcome.returncode == 0
    assert "--sample" in outcome.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="pipes that nobody reads are told by signals and errors of POSIX")
def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        command = [sys.executable, "-m", "empanada_desktop", "--version"]
        outcome = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    finally:
        os.close(write)
    assert (outcome.returncode, outcome.stderr) == (0, "")
