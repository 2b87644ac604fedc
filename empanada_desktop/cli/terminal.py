"""What is said in a terminal, progress there, and what Ctrl-C does."""

import os
import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from empanada_desktop.core.context import Function
from empanada_desktop.errors import JobCancelled
from empanada_desktop.jobs.progress import TimeLeft, in_words

Item = TypeVar("Item")
Result = TypeVar("Result")


def say(text: str) -> None:
    """Print a result's lines; where nobody reads them any more (`| head`), the work goes on in silence."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class TerminalContext:
    """Progress on stderr, one line that rewrites itself on a terminal; Ctrl-C cancels at the next check."""

    def __init__(self) -> None:
        self.cancelled = False
        self._time_left = TimeLeft()
        self._rewrites = sys.stderr.isatty()
        self._last = ""
        self._is_open = False  # a line that may be rewritten is without its end

    def cancel(self, *_: object) -> None:
        """Ask the job to stop; a second request stops the program at once."""
        if self.cancelled:
            raise KeyboardInterrupt
        self.cancelled = True
        self._write("Stopping after this plane …", ends=True)

    def stage(self, number: int, count: int) -> None:
        """Count the time left to the end of all stages."""
        self._time_left.stage(number, count)

    def report(self, done: int, total: int, message: str = "") -> None:
        """Show the phase, the steps done and the time left."""
        seconds = self._time_left.seconds(done, total, message)
        left = f" {in_words(seconds)} left." if seconds is not None and done < total else ""
        text = f"{message}, {done} of {total}.{left}" if message else f"{done} of {total}.{left}"
        if self._rewrites or done == total or done % max(1, total // 10) == 0:
            self._write(text, ends=done == total)

    def check_cancelled(self) -> None:
        """Raise JobCancelled after Ctrl-C."""
        if self.cancelled:
            raise JobCancelled

    def map(self, function: Function[Item, Result], items: Iterable[Item]) -> Iterator[Result]:
        """Apply `function` to the items one after the other."""
        return (function(item, self) for item in items)

    def end_line(self) -> None:
        """End the line that progress stands on, so that what is said next has a line of its own."""
        if self._is_open:
            sys.stderr.write("\n")
            sys.stderr.flush()
            self._is_open = False

    def _write(self, text: str, ends: bool) -> None:
        if text == self._last:
            return
        self._last = text
        if self._rewrites:
            sys.stderr.write("\r\x1b[K" + text + ("\n" if ends else ""))
            self._is_open = not ends
        else:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()
