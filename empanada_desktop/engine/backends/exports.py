"""Graphs kept in the user's folder: written whole or not at all, checked before use, made anew when damaged."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from empanada_desktop.io.weights import sha256_of
from empanada_desktop.settings import read_json, user_folder, write_json

FORMAT = 1  # of what is in a folder; raise when graphs are made in another way
GRAPH = "graph.xml"
SUMS = "sums.json"
KEY_DIGITS = 32


def exports_folder() -> Path:
    """The folder of all graphs and of what was measured with them, which may not exist yet."""
    return user_folder() / "exports"


def export_folder(sha256: str, version: str) -> Path:
    """The folder of one graph: of weights with this hash, for this version of OpenVINO."""
    return exports_folder() / f"{sha256[:KEY_DIGITS]}-openvino-{version}-{FORMAT}"


def sound_graph(folder: Path) -> Path | None:
    """Return the graph's file when everything in its folder is as it was written; None when it is not, or absent."""
    sums = read_json(folder / SUMS)
    if GRAPH not in sums:
        return None
    files = {folder / Path(name).name: expected for name, expected in sums.items()}
    sound = all(file.is_file() and sha256_of(file) == expected for file, expected in files.items())
    return folder / GRAPH if sound else None


def store_graph(folder: Path, write: Callable[[Path], None]) -> Path:
    """Have `write` write a graph, put it into `folder` in one step, and drop those of other versions.

    OSError when the folder cannot be written to or the disk is full. Another process may do the same at the same time.
    """
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        write(unfinished / GRAPH)
        write_json(unfinished / SUMS, {file.name: sha256_of(file) for file in sorted(unfinished.iterdir())})
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.replace(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    _drop_others(folder)
    return folder / GRAPH


def _drop_others(folder: Path) -> None:
    key = folder.name.split("-", 1)[0]
    for other in folder.parent.glob(f"{key}-openvino-*"):
        if other != folder and other.suffix != ".part":
            shutil.rmtree(other, ignore_errors=True)


class Speeds:
    """Seconds that each back end took for one plane, by weights, versions, threads and processor."""

    def __init__(self) -> None:
        self._file = exports_folder() / "speeds.json"

    def read(self, key: str) -> dict[str, float]:
        """Return what was measured; nothing when it never was."""
        seconds = read_json(self._file).get(key)
        sound = isinstance(seconds, dict) and all(isinstance(value, float) for value in seconds.values())
        return dict(seconds) if isinstance(seconds, dict) and sound else {}

    def write(self, key: str, seconds: dict[str, float]) -> None:
        """Remember; OSError when that is not possible."""
        write_json(self._file, {**read_json(self._file), key: seconds})
