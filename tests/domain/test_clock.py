"""How time is written down, and the mark below which no clock is believed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from external_gate.domain.clock import (
    EPOCH,
    MILLISECOND,
    HighWater,
    from_milliseconds,
    to_milliseconds,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
instants = st.datetimes(
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001 # hypothesis adds the zone
    timezones=st.just(UTC),
)


@pytest.mark.parametrize(
    ("instant", "milliseconds"),
    [
        (EPOCH, 0),
        (NOON, 1_795_348_800_000),
        (NOON + timedelta(microseconds=999), 1_795_348_800_000),
        (EPOCH - timedelta(microseconds=1), -1),
    ],
)
def test_instants_are_whole_milliseconds_rounded_down(instant: datetime, milliseconds: int) -> None:
    assert to_milliseconds(instant) == milliseconds


@given(instants)
def test_reading_back_loses_less_than_a_millisecond(instant: datetime) -> None:
    read = from_milliseconds(to_milliseconds(instant))

    assert read <= instant < read + MILLISECOND
    assert read.tzinfo is UTC
    assert to_milliseconds(read) == to_milliseconds(instant)


@given(instants, instants)
def test_order_is_kept(one: datetime, other: datetime) -> None:
    first, second = sorted((one, other))

    assert to_milliseconds(first) <= to_milliseconds(second)


def test_clock_that_was_set_back_does_not_revive_an_expired_key() -> None:
    high_water = HighWater()
    high_water.observe(NOON)

    assert high_water.latest(NOON - timedelta(days=1)) == NOON


@given(st.lists(instants), instants)
def test_mark_never_falls_and_is_never_behind_our_own_clock(
    observed: list[datetime], now: datetime
) -> None:
    high_water = HighWater(NOON)
    marks = []
    for instant in observed:
        high_water.observe(instant)
        marks.append(high_water.latest(EPOCH))

    assert marks == sorted(marks)
    assert high_water.latest(now) == max([NOON, now, *observed])


def test_mark_goes_on_while_a_clock_stands_behind_it() -> None:
    passed = [0.0]
    high_water = HighWater(NOON, elapsed=lambda: passed[0])

    passed[0] = 3600.0

    behind = high_water.latest(NOON - timedelta(days=2))
    assert NOON + timedelta(minutes=59) < behind < NOON + timedelta(hours=1)


def test_right_clock_catches_up_with_a_mark_that_a_wrong_one_set() -> None:
    passed = [0.0]
    high_water = HighWater(NOON + timedelta(minutes=20), elapsed=lambda: passed[0])

    passed[0] = timedelta(days=2).total_seconds()

    now = NOON + timedelta(days=2)
    assert high_water.latest(now) == now
