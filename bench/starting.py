"""Seconds until something happens: dev.py's check of its environment, and the command line."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench import Row

TITLE = "Starting"
ROOT = Path(__file__).resolve().parents[1]
REPEATS = 7
COMMANDS = {
    "dev.py finds its environment ready": [
        "-c",
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import dev; dev.prepare_environment()",
    ],
    "empanada-desktop --version": ["-m", "empanada_desktop", "--version"],
    "empanada-desktop segment-volume --help": ["-m", "empanada_desktop", "segment-volume", "--help"],
    "importing the reader of volumes": ["-c", "import empanada_desktop.io.volumes"],
    "importing torch, for comparison": ["-c", "import torch"],
}


def run() -> list[Row]:
    """Time fresh processes, the first one of each kind left out."""
    note = f"fresh process, median of {REPEATS}"
    return [Row(name, statistics.median(_seconds(command)), "s", note) for name, command in COMMANDS.items()]


def _seconds(command: list[str]) -> list[float]:
    taken = []
    for _ in range(REPEATS + 1):
        started = time.perf_counter()
        subprocess.run([sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        taken.append(time.perf_counter() - started)
    return taken[1:]
