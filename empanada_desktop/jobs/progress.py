"""How long a job will still take, from how fast it has been."""

import time
from collections.abc import Callable


class TimeLeft:
    """Seconds left, from the pace of the steps since the current phase began, or the first of several stages."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._phase: str | None = None
        self._start = (0.0, 0.0)
        self._stage, self._n_stages = 0, 1
        self._is_timed = False

    def stage(self, number: int, count: int) -> None:
        """Take note that stage `number` of `count` begins; the time left is that of all of them from now on."""
        if count != self._n_stages:
            self._phase = None
        self._stage, self._n_stages = number, count

    def share(self, done: int, total: int) -> float:
        """Return how much of the phase, or of all stages, is done when `done` of `total` are, 0 to 1."""
        return (self._stage + min(1.0, done / total)) / self._n_stages if total else 0.0

    def seconds(self, done: int, total: int, phase: str) -> float | None:
        """Return the seconds left in the phase, or in all stages; None until a step has been timed."""
        now, is_staged = self._clock(), self._n_stages > 1
        place, end = (self.share(done, total), 1.0) if is_staged else (float(done), float(total))
        is_new = phase != self._phase and not (is_staged and self._is_timed)
        if self._phase is None or is_new or place < self._start[1]:
            self._start, self._is_timed = (now, place), False
        self._phase = phase
        started, first = self._start
        if place <= first:
            return None
        self._is_timed = True
        return (now - started) / (place - first) * (end - place)


def in_words(seconds: float) -> str:
    """Say a duration as a person would: 38 s, 4 min, 2 h 10 min."""
    whole = max(0, round(seconds))
    if whole < 100:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def computing_time(seconds: float) -> str:
    """Say how long a computation took: 12 ms, 1.3 s."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
