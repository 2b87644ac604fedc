"""What this computer has: memory, cores, disk, graphics card, weights; for the start page and the pre-flight."""

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from empanada_desktop.gui.start_page import Finding
from empanada_desktop.settings import user_folder

GIGABYTE = 1e9
LITTLE_MEMORY, LITTLE_DISK = 8.0, 2.0


@dataclass(frozen=True)
class Computer:
    """Memory and disk in gigabytes; `gpu` is the graphics card's name, empty without one that can be used."""

    memory: float
    memory_free: float
    cores: int
    disk_free: float
    gpu: str
    weights: tuple[str, ...]
    known_weights: int
    gpus: int = 1

    def findings(self) -> list[Finding]:
        """The lines of the start page."""
        return [self._gpu(), self._memory(), self._disk(), *self._weights()]

    @property
    def device(self) -> str:
        """What the network will run on, in a few words."""
        return self.gpu or f"Processor, {self.cores} cores"

    def _gpu(self) -> Finding:
        if self.gpu:
            found = f"{self.gpus} graphics cards found" if self.gpus > 1 else "Graphics card found"
            return Finding(True, f"{found}: {self.gpu}", "Segmenting runs on it. Nothing to set up.")
        return Finding(False, "No NVIDIA GPU found", "Segmenting works on the processor, only slower.")

    def _memory(self) -> Finding:
        title = f"{self.memory:.0f} GB memory, {self.cores} processor cores"
        return Finding(self.memory >= LITTLE_MEMORY, title, "Larger volumes are read in pieces.")

    def _disk(self) -> Finding:
        title = f"{self.disk_free:.0f} GB free on the disk"
        return Finding(self.disk_free >= LITTLE_DISK, title, "About 0.1 GB for a volume like the sample.")

    def _weights(self) -> list[Finding]:
        found = []
        if self.weights:
            names = ", ".join(self.weights[:3])
            found.append(Finding(True, f"Weights ready: {names}", "No internet needed."))
        else:
            found.append(Finding(False, "No weights found", f"Put weights into {user_folder() / 'weights'}."))
        if self.known_weights:
            title = f"{self.known_weights} more published weights are known"
            found.append(Finding(False, title, "The weights verb of the command line says where to get them."))
        return found


def look_at_computer() -> Computer:
    """Find out; takes up to some seconds, so not in the window's thread."""
    from empanada_desktop.io.weights import scan_library

    library, cards = scan_library(), graphics_cards()
    memory, free = memory_gigabytes()
    return Computer(
        memory,
        free,
        os.cpu_count() or 1,
        disk_free_gigabytes(user_folder()) or 0.0,
        next(iter(cards), ""),
        tuple(weights.descriptor.name for weights in library.weights),
        len(library.missing),
        max(1, len(cards)),
    )


def disk_free_gigabytes(path: Path) -> float | None:
    """Free room where `path` is or will be; None where nothing can be written."""
    place = next((folder for folder in (path, *path.parents) if is_there(folder)), Path.cwd())
    room = shutil.disk_usage(place)
    return room.free / GIGABYTE if room.total and os.access(place, os.W_OK) else None


def is_there(path: Path) -> bool:
    """Whether something can be seen at a path, even where its folder may not be looked into."""
    try:
        return path.exists()
    except OSError:
        return False


def memory_gigabytes() -> tuple[float, float]:
    """All memory, and what is free for us."""
    if sys.platform == "win32":
        return _windows_memory()
    page = os.sysconf("SC_PAGE_SIZE")
    whole = page * os.sysconf("SC_PHYS_PAGES") / GIGABYTE
    return whole, _linux_available() if sys.platform == "linux" else whole / 2


def _linux_available() -> float:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024 / GIGABYTE
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES") / GIGABYTE


def _windows_memory() -> tuple[float, float]:
    import ctypes

    class Status(ctypes.Structure):
        """MEMORYSTATUSEX."""

        _fields_ = [
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in ("total", "free", "a", "b", "c", "d", "e")),
        ]

    status = Status()
    status.length = ctypes.sizeof(Status)
    ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # type: ignore[attr-defined]
    return status.total / GIGABYTE, status.free / GIGABYTE


def own_memory_gigabytes() -> float | None:
    """What this process holds now; None where the system does not say it cheaply."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / GIGABYTE


def graphics_cards() -> list[str]:
    """Name and memory of the graphics cards that the engine can use, the one that it would use alone first."""
    if sys.platform == "darwin":
        return ["Apple GPU"] if platform.machine() == "arm64" else []
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    question = [program, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(question, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [_card(line) for line in answer.stdout.splitlines() if answer.returncode == 0 and line[-1:].isdigit()]


def _card(line: str) -> str:
    name, _, megabytes = line.rpartition(", ")
    return f"{name.removeprefix('NVIDIA ').removeprefix('GeForce ')}, {int(megabytes) / 1024:.0f} GB"
