"""How many deliveries may wait for their commit."""

from datetime import UTC, datetime, timedelta

from external_gate.intake.pressure import (
    CROWD,
    FEWEST_UNDER_WAY,
    LONGEST_WAIT,
    MOST_UNDER_WAY,
    TELL_EVERY,
    Pressure,
)

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SHORT = LONGEST_WAIT / 100


def room(pressure: Pressure) -> int:
    """Fill it up; gives how many could still wait."""
    before = pressure.under_way
    while not pressure.is_too_much:
        pressure.begin()
    found, pressure.under_way = pressure.under_way - before, before
    return found


def committed(pressure: Pressure, among: int, waited: timedelta) -> None:
    pressure.end()
    pressure.learn(among, waited)


def test_as_many_as_fit_into_a_commit_may_wait() -> None:
    pressure = Pressure()
    pressure.begin()

    assert room(pressure) == MOST_UNDER_WAY - 1


def test_after_a_long_wait_as_many_may_wait_as_would_have_been_in_time() -> None:
    pressure = Pressure()
    among = [pressure.begin() for _ in range(400)][-1]

    committed(pressure, among, 2 * LONGEST_WAIT)

    assert pressure.under_way == 399
    pressure.under_way = 0
    assert room(pressure) == 200


def test_those_of_one_late_commit_do_not_add_up() -> None:
    pressure = Pressure()
    crowd = [pressure.begin() for _ in range(400)]

    for among in reversed(crowd):
        committed(pressure, among, 2 * LONGEST_WAIT * among / 400)

    assert room(pressure) in range(199, 241)


def test_however_slow_it_is_a_few_may_wait() -> None:
    pressure = Pressure()

    committed(pressure, pressure.begin(), 1000 * LONGEST_WAIT)

    assert room(pressure) == FEWEST_UNDER_WAY


def test_clock_that_is_set_back_is_no_long_wait() -> None:
    pressure = Pressure()

    committed(pressure, pressure.begin(), timedelta(hours=-1))

    assert room(pressure) == MOST_UNDER_WAY


def test_short_waits_let_more_wait_again_and_never_more_than_fit() -> None:
    pressure = Pressure()
    committed(pressure, pressure.begin(), 1000 * LONGEST_WAIT)

    for _ in range(100):
        committed(pressure, pressure.begin(), SHORT)
    after_some = room(pressure)
    for _ in range(10_000):
        committed(pressure, pressure.begin(), SHORT)

    assert FEWEST_UNDER_WAY < after_some < MOST_UNDER_WAY
    assert room(pressure) == MOST_UNDER_WAY


def test_crowd_is_more_than_a_few() -> None:
    pressure = Pressure(under_way=CROWD)
    few = pressure.is_crowd
    pressure.begin()

    assert (few, pressure.is_crowd) == (False, True)


def test_it_is_told_at_once_and_then_now_and_then() -> None:
    pressure = Pressure()

    at_once = [pressure.shed(NOW), pressure.shed(NOW), pressure.shed(NOW + TELL_EVERY / 2)]
    later = pressure.shed(NOW + TELL_EVERY)

    assert at_once == [1, 0, 0]
    assert later == 3


def test_clock_that_is_set_back_far_does_not_silence_it() -> None:
    pressure = Pressure()
    pressure.shed(NOW)

    assert pressure.shed(NOW - timedelta(days=1)) == 1
