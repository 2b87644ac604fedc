"""Time left."""

from empanada_desktop.jobs.progress import TimeLeft, computing_time, in_words


def test_time_left_follows_the_pace_of_the_phase() -> None:
    now = [0.0]
    left = TimeLeft(lambda: now[0])
    assert left.seconds(1, 10, "xy planes") is None
    now[0] = 4.0
    assert left.seconds(3, 10, "xy planes") == 14.0
    assert left.seconds(1, 5, "Writing") is None
    now[0] = 5.0
    assert left.seconds(2, 5, "Writing") == 3.0


def test_time_left_is_that_of_all_stages() -> None:
    now = [0.0]
    left = TimeLeft(lambda: now[0])
    left.stage(1, 4)
    assert left.seconds(0, 10, "Preparing") is None
    now[0] = 100.0
    assert left.seconds(0, 10, "Stack 2 of 4") is None
    now[0] = 102.0
    assert left.share(5, 10) == 0.375
    assert left.seconds(5, 10, "Stack 2 of 4") == 10.0
    left.stage(2, 4)
    now[0] = 104.0
    assert left.seconds(0, 200, "Preparing") == 8.0
    assert left.seconds(100, 200, "Stack 3 of 4") == 4 / 0.375 * 0.375
    left.stage(0, 1)
    assert left.seconds(1, 3, "Writing") is None
    now[0] = 105.0
    assert left.seconds(2, 3, "Writing") == 1.0
    assert left.share(2, 3) == 2 / 3


def test_durations_in_words() -> None:
    assert [in_words(seconds) for seconds in (0.4, 38, 240, 7800)] == ["0 s", "38 s", "4 min", "2 h 10 min"]
    assert [computing_time(seconds) for seconds in (0.0042, 0.34, 1.26)] == ["4 ms", "340 ms", "1.3 s"]
