"""Time left."""

from empanada_desktop.jobs.progress import TimeLeft, in_words


def test_time_left_follows_the_pace_of_the_phase() -> None:
    now = [0.0]
    left = TimeLeft(lambda: now[0])
    assert left.seconds(1, 10, "xy planes") is None
    now[0] = 4.0
    assert left.seconds(3, 10, "xy planes") == 14.0
    assert left.seconds(1, 5, "Writing") is None
    now[0] = 5.0
    assert left.seconds(2, 5, "Writing") == 3.0


def test_durations_in_words() -> None:
    assert [in_words(seconds) for seconds in (0.4, 38, 240, 7800)] == ["0 s", "38 s", "4 min", "2 h 10 min"]
