"""Arrays of a running job that are too large for memory: kept beside its result, gone when it ends."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.io.volumes.faults import reading, writing

SUFFIX = ".scratch"
OWNER = "owner"  # a file: the computer and the number of the process whose folder it is
FAST = 1  # of zstd's levels: labels shrink to some percent with any


class Scratch:
    """A folder of arrays by name and number, in a `with` block; whole numbers are compressed."""

    def __init__(self, beside: Path) -> None:
        """Make the folder in the one that `beside` lies in, where there is room for the result.

        What jobs of this computer that were killed left there goes, and what is left of one for the same result.
        """
        self._folder = beside.with_name(f".{beside.name}{SUFFIX}")
        with writing(beside):
            for left in (self._folder, *_abandoned(beside.parent)):
                shutil.rmtree(left, ignore_errors=True)
            self._folder.mkdir()
            (self._folder / OWNER).write_text(f"{platform.node()}\n{os.getpid()}\n", encoding="utf-8")
        self._kinds: dict[Path, tuple[tuple[int, ...], np.dtype[Any]]] = {}

    def put(self, name: str, number: int, array: NDArray[Any]) -> None:
        """Keep an array, in the place of the one that had its name and number."""
        import imagecodecs

        path = self._path(name, number)
        self._kinds[path] = array.shape, array.dtype
        data = array.tobytes()
        with writing(path):
            path.write_bytes(imagecodecs.zstd_encode(data, FAST) if array.dtype.kind in "ui" else data)

    def get(self, name: str, number: int) -> NDArray[Any]:
        """Return a kept array, a new one; KeyError when there is none."""
        import imagecodecs

        path = self._path(name, number)
        shape, dtype = self._kinds[path]
        with reading(path):
            data = path.read_bytes()
        if dtype.kind in "ui":
            data = bytes(imagecodecs.zstd_decode(data, out=int(np.prod(shape)) * dtype.itemsize))
        return np.frombuffer(data, dtype).reshape(shape).copy()

    def drop(self, name: str, number: int) -> None:
        """Forget an array."""
        path = self._path(name, number)
        del self._kinds[path]
        path.unlink()

    def _path(self, name: str, number: int) -> Path:
        return self._folder / f"{name}_{number}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _abandoned(folder: Path) -> Iterator[Path]:
    """Folders of this kind whose process, on this computer, is no more."""
    for left in folder.glob(f".*{SUFFIX}"):
        try:
            node, number = (left / OWNER).read_text(encoding="utf-8").split("\n")[:2]
            if node == platform.node() and not _is_running(int(number)):
                yield left
        except (OSError, ValueError):
            continue  # not one of ours


def _is_running(process: int) -> bool:
    """Whether there is a process of that number; Windows is not asked, where asking would end it."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
