"""How long a job will still take, from how fast it has been."""

import time
from collections.abc import Callable


class TimeLeft:
    """Seconds left, from the pace of the steps since the current phase began."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._phase: str | None = None
        self._start = (0.0, 0)

    def seconds(self, done: int, total: int, phase: str) -> float | None:
        """Return the seconds left in the phase, None until a step of it has been timed."""
        now = self._clock()
        if phase != self._phase or done < self._start[1]:
            self._phase, self._start = phase, (now, done)
        started, first = self._start
        if done <= first:
            return None
        return (now - started) / (done - first) * (total - done)


def in_words(seconds: float) -> str:
    """Say a duration as a person would: 38 s, 4 min, 2 h 10 min."""
    whole = max(0, round(seconds))
    if whole < 100:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
