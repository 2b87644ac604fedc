"""Everything a developer or a curious user types: `python3 dev.py run`, `test`, `lint`, `bench`.

Standard library only. Each verb first makes sure that `.venv` beside this file holds the versions of `constraints.txt`;
when it does, that costs a fraction of a second. For Linux, Windows and macOS; apt is used on Debian and Ubuntu only.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "ready"
UNFINISHED = VENV / "unfinished"

OLDEST, FIRST_UNTRIED = (3, 11), (3, 14)

# Library that the dynamic linker looks for -> Debian's package. Measured on a bare Debian with PySide6-Essentials 6.11.
HEADLESS_LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libfontconfig.so.1": "libfontconfig1",
}
WINDOW_LIBRARIES = {
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-randr.so.0": "libxcb-randr0",
}

LINT_STEPS = {
    "ruff format": ["-m", "ruff", "format", "--check", "."],
    "ruff check": ["-m", "ruff", "check", "."],
    "mypy": ["-m", "mypy"],
    "import-linter": ["-c", "from importlinter.cli import lint_imports_command as run; run()"],
}
# Bytecode is kept even where that is switched off: the tests start some 100 programs, and each would compile all anew.
TEST_SETTINGS = {
    "QT_QPA_PLATFORM": "offscreen",
    "MPLBACKEND": "Agg",
    "OMP_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "",
}

NO_CPU_BUILD = """\
Note: the package index that pip is set up for offers no CPU-only build of torch, so its general build is used. It works
the same; on Linux it is several gigabytes larger. For the small one, set PIP_EXTRA_INDEX_URL to the address that
pytorch.org ("Get started", compute platform "CPU") shows, delete .venv and start again."""


class SetupError(Exception):
    """Set-up cannot go on; the message says what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns its exit code."""
    options, rest = _parser().parse_known_args(arguments)
    try:
        interpreter = prepare_environment()
    except SetupError as error:
        print(f"dev.py: {error}", file=sys.stderr)
        return 1
    verbs: dict[str, Callable[[], int]] = {
        "run": lambda: run(interpreter, rest, options.headless),
        "test": lambda: test(interpreter, rest, options.long),
        "lint": lambda: 1 if lint(interpreter) else 0,
        "bench": lambda: _call([interpreter, "-m", "bench", *rest]),
    }
    return verbs[options.verb]()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dev.py", description="Set up, run, test, lint and measure empanada-desktop.")
    parser.add_argument("verb", choices=["run", "test", "lint", "bench"])
    parser.add_argument("--headless", action="store_true", help="run: without the window even where there is a display")
    parser.add_argument("--long", action="store_true", help="test: full counts too, recorded in docs/benchmarks.md")
    return parser


# Verbs


def run(interpreter: Path, rest: Sequence[str], headless: bool) -> int:
    """Open the window on the bundled sample; without a display do the main job on it headless, and say so."""
    if has_display() and not headless:
        return _call([interpreter, "-m", "empanada_desktop", "open", "--sample", *rest])
    print("No window: segmenting the bundled sample without one.", flush=True)
    return _call([interpreter, "-m", "empanada_desktop", "demo", *rest])


def has_display() -> bool:
    """Whether a window can be shown: always on Windows and macOS, on Linux when a display server is named."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def lint(interpreter: Path) -> list[str]:
    """Check format, rules, types and import contracts; returns the names of those that failed."""
    return [name for name, step in LINT_STEPS.items() if _step(name, [interpreter, *step]) != 0]


def test(interpreter: Path, rest: Sequence[str], long: bool) -> int:
    """Lint, and pytest beside it, whose closing line comes last; `long`: the full counts too, noted with their date."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        selection = ["-m", "long or not long", f"--junitxml={report}"] if long else ["-m", "not long"]
        command: list[str | Path] = [interpreter, "-m", "pytest", "-n", "2", "--dist", "worksteal", *selection, *rest]
        tests = Beside(command, Path(folder) / "output.txt")
        failed = lint(interpreter)
        if failed:
            print(
                f"\nFAILED: {', '.join(failed)} (see above). The tests follow; this run counts as failed.\n", flush=True
            )
        print("-- pytest, begun with the first step", flush=True)
        code = tests.show()
        if long and report.exists():
            _call([interpreter, "-m", "bench", "--record-long-tests", report])
    return code or (1 if failed else 0)


class Beside:
    """Tests that run beside other steps; what they say is kept in a file until it is asked for."""

    def __init__(self, command: Sequence[str | Path], output: Path) -> None:
        self._command, self._output, self._code = command, output, 1
        output.touch()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        environment = {**os.environ, **TEST_SETTINGS}
        with self._output.open("wb") as output:
            command = [str(part) for part in self._command]
            self._code = subprocess.call(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)

    def show(self) -> int:
        """Show what was said and is said until the end; returns the exit code."""
        try:
            with self._output.open(encoding="utf-8", errors="replace") as said:
                is_over = False
                while not is_over:
                    is_over = not self._thread.is_alive()
                    print(said.read(), end="", flush=True)
                    self._thread.join(0.1)
        except KeyboardInterrupt:  # the tests were interrupted, too
            self._thread.join()
            return 130
        return self._code


def _step(name: str, command: Sequence[str | Path]) -> int:
    print(f"-- {name}", flush=True)
    started = time.monotonic()
    code = _call(command)
    print(f"   {'ok' if code == 0 else 'FAILED'}, {time.monotonic() - started:.1f} s", flush=True)
    return code


def _call(command: Sequence[str | Path]) -> int:
    try:
        return subprocess.call([str(part) for part in command], cwd=ROOT)
    except KeyboardInterrupt:
        return 130


# The environment


def prepare_environment() -> Path:
    """Make or update `.venv` where that is due; returns its interpreter. Raises SetupError."""
    interpreter = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = interpreter.exists() and STAMP.exists() and STAMP.read_text() == fingerprint(ROOT)
    if not ready:
        _install(interpreter)
        STAMP.write_text(fingerprint(ROOT))
    if sys.platform == "linux":
        check_libraries(may_install=not ready)
    return interpreter


def fingerprint(root: Path) -> str:
    """Digest of everything that an installed environment depends on: wishes, versions, Python, place."""
    digest = hashlib.sha256(str(root).encode())
    for name in ("pyproject.toml", "constraints.txt", ".venv/pyvenv.cfg"):
        path = root / name
        digest.update(path.read_bytes() if path.exists() else b"absent")
    return digest.hexdigest()


def _install(interpreter: Path) -> None:
    if UNFINISHED.exists() or not _works(interpreter, "-m", "pip", "--version"):
        _make_venv(base_python())
    UNFINISHED.touch()
    pip = [str(interpreter), "-m", "pip", "install", "--disable-pip-version-check", "-c", str(ROOT / "constraints.txt")]
    try:
        _install_torch(pip, torch_choices(sys.platform, nvidia_answers(), pinned_version("torch")))
        _pip([*pip, "-q", "hatchling", "editables"], "the build tool")
        _pip([*pip, "-q", "--no-build-isolation", "-e", f"{ROOT}[dev]"], "the program and its tools, some 100 packages")
    except SetupError:
        UNFINISHED.unlink()  # pip takes back what failed; only a killed set-up leaves halves behind
        raise
    UNFINISHED.unlink()


def _make_venv(base: str) -> None:
    if not _works(base, "-c", "import ensurepip, venv"):
        version = subprocess.check_output([base, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], text=True)
        if not install_system_packages([f"python{version.strip()}-venv"], "Python's venv module is incomplete"):
            raise SetupError("no virtual environment without it; install it and start again.")
    print(f"Making {VENV} …", flush=True)
    if subprocess.call([base, "-m", "venv", "--clear", str(VENV)]) != 0:
        raise SetupError(f"could not make {VENV} (see above); delete it and start again.")


def base_python() -> str:
    """Find the Python to build on: the one that runs this, else a fitting one on the path. Raises SetupError."""
    fault = version_fault(sys.version_info[:2])
    if not fault:
        return sys.executable
    for name in ("python3.13", "python3.12", "python3.11"):
        if _works(name, "--version"):
            return name
    raise SetupError(fault)


def _works(program: str | Path, *arguments: str) -> bool:
    try:
        return subprocess.run([str(program), *arguments], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def version_fault(version: tuple[int, int]) -> str:
    """Say what is wrong with this Python; nothing when it will do."""
    if OLDEST <= version < FIRST_UNTRIED:
        return ""
    return (
        f"empanada-desktop needs Python 3.11, 3.12 or 3.13, this is {version[0]}.{version[1]}: "
        "install one of them and start dev.py with it, such as `python3.13 dev.py run`."
    )


def torch_choices(platform: str, nvidia: bool, version: str) -> list[str]:
    """Name the builds of torch to ask pip for, best first: for the CPU unless an NVIDIA driver answers.

    Only Linux has two builds of one number: `==` takes either, the one with a suffix first; `===` takes the plain one.
    """
    if platform != "linux":
        return [f"torch=={version}"]
    return [f"torch==={version}" if nvidia else f"torch=={version}+cpu", f"torch=={version}"]


def _install_torch(pip: Sequence[str], choices: Sequence[str]) -> None:
    first, *others = choices
    for choice in others:
        if _pip_code([*pip, first], f"the engine ({first})") == 0:
            return
        if first.endswith("+cpu"):
            print(NO_CPU_BUILD, flush=True)
        first = choice
    _pip([*pip, first], f"the engine ({first})")


def nvidia_answers() -> bool:
    """Ask the NVIDIA driver for its devices; no driver, or no answer within 20 s, is a no."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return False
    try:
        answer = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and "GPU" in answer.stdout


def pinned_version(package: str) -> str:
    """Read a package's version from constraints.txt. Raises SetupError when it is not there."""
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line.startswith(f"{package}=="):
            return line.split("==")[1].strip()
    raise SetupError(f"constraints.txt names no version of {package}.")


def _pip(command: Sequence[str], what: str) -> None:
    if _pip_code(command, what) != 0:
        raise SetupError(f"pip could not install {what} (see above). With the network back, start again.")


def _pip_code(command: Sequence[str], what: str) -> int:
    print(f"Installing {what} …", flush=True)
    return subprocess.call(command, cwd=ROOT)


# System libraries (Linux)


def check_libraries(may_install: bool) -> None:
    """See that the window toolkit finds its libraries; install them or say how. A display asks for more of them."""
    packages = missing_packages({**HEADLESS_LIBRARIES, **(WINDOW_LIBRARIES if has_display() else {})})
    if packages:
        install_system_packages(packages, "The window toolkit misses system libraries", may_install)


def missing_packages(
    libraries: Mapping[str, str], load: Callable[[str], object] = lambda name: ctypes.CDLL(name)
) -> list[str]:
    """Name the packages of those libraries that the dynamic linker does not find."""
    return [package for library, package in libraries.items() if not _loads(library, load)]


def _loads(library: str, load: Callable[[str], object]) -> bool:
    try:
        load(library)
    except OSError:
        return False
    return True


def install_system_packages(packages: Iterable[str], why: str, may_install: bool = True) -> bool:
    """Install Debian packages when root, otherwise print the one line to type; returns whether they are installed."""
    names = " ".join(packages)
    if shutil.which("apt-get") is None:
        print(f"{why}. Debian calls them: {names}. Install your system's packages for them.", flush=True)
        return False
    install = f"apt-get install -y --no-install-recommends {names}"
    if not may_install or os.geteuid() != 0:
        print(f"{why}. Type:\n  sudo {install}", flush=True)
        return False
    print(f"{why}: {install}", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.call(["apt-get", "update", "-qq"], env=quiet)
    if subprocess.call([*install.split(), "-qq"], env=quiet) != 0:
        print("apt-get failed (see above); going on without.", flush=True)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
