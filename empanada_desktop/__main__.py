"""Start the program: the command line with arguments, the window without."""

import multiprocessing
import sys


def main() -> int:
    """Run the program with the arguments of the process; returns the exit code."""
    multiprocessing.freeze_support()
    from empanada_desktop.cli import main as command_line

    return command_line(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
