"""Start the program: the command line with a verb, the window with `open` or with nothing at all."""

import argparse
import multiprocessing
import os
import sys
from collections.abc import Sequence

NO_DISPLAY = """\
Error: There is no display to open the window on.
Hint: Start it from a desktop. Everything else works without one: empanada-desktop --help
"""


def main() -> int:
    """Run the program with the arguments of the process; returns the exit code."""
    multiprocessing.freeze_support()
    # Threads of the arithmetic that wait actively for one another slow everything down where other programs are busy
    # too (docs/starter-weights.md has figures). It counts only if set before the libraries load; children inherit it.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    arguments = sys.argv[1:]
    if arguments[1:] == ["open"] and arguments[0] in ("help", "-h", "--help"):
        arguments = ["open", "--help"]
    if not arguments or arguments[0] == "open":
        return open_window(arguments[1:])
    from empanada_desktop.cli import main as command_line

    return command_line(arguments)


def open_window(arguments: Sequence[str]) -> int:
    """Open the window, with a volume, the sample, or the start page; 2 where there is no display."""
    options = _parser().parse_args(arguments)
    if not has_display():
        sys.stderr.write(NO_DISPLAY)
        return 2
    from empanada_desktop.gui.app import main as window

    return window(options.path, options.sample)


def has_display() -> bool:
    """Whether a window can be shown."""
    if sys.platform != "linux" or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="empanada-desktop open", description="Open the window.")
    parser.add_argument("path", nargs="?", help="a volume to open: a file or a folder; without it the start page")
    parser.add_argument("--sample", action="store_true", help="open the sample that comes with the program")
    return parser


if __name__ == "__main__":
    sys.exit(main())
