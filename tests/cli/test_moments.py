"""Durations, instants and ages as people write and read them."""

from datetime import UTC, datetime, timedelta

import click
import pytest

from external_gate.cli.moments import DURATION, SINCE, readable, short_age


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("90", timedelta(seconds=90)),
        ("90s", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        ("-10m", timedelta(minutes=-10)),
        ("7d", timedelta(days=7)),
    ],
)
def test_duration(written: str, meant: timedelta) -> None:
    assert DURATION.convert(written, None, None) == meant


@pytest.mark.parametrize("written", ["", "-", "--1m", "soon", "1w", "0"])
def test_what_is_no_duration_is_wrong_use(written: str) -> None:
    with pytest.raises(click.BadParameter, match=r"\S"):
        DURATION.convert(written, None, None)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-22T09:00Z", datetime(2026, 11, 22, 9, tzinfo=UTC)),
        ("2026-11-22T09:00+02:00", datetime(2026, 11, 22, 7, tzinfo=UTC)),
        ("2026-11-22 09:00", datetime(2026, 11, 22, 9, tzinfo=UTC)),
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
    ],
)
def test_since_an_instant_which_is_utc_unless_it_says_otherwise(
    written: str, meant: datetime
) -> None:
    assert SINCE.convert(written, None, None) == meant


def test_since_so_long_ago() -> None:
    before = datetime.now(UTC)
    found = SINCE.convert("24h", None, None)

    assert timedelta(0) <= found - (before - timedelta(days=1)) < timedelta(minutes=1)


@pytest.mark.parametrize("written", ["", "yesterday", "2026-13-01", "-24h"])
def test_since_nonsense_is_wrong_use(written: str) -> None:
    with pytest.raises(click.BadParameter, match="24h"):
        SINCE.convert(written, None, None)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "0s"), (0.9, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"),
     (86_399, "23h"), (86_400, "1d"), (40 * 86_400, "40d")],
)  # fmt: skip
def test_age_has_one_unit(seconds: float, shown: str) -> None:
    assert short_age(timedelta(seconds=seconds)) == shown


def test_instants_are_read_in_utc() -> None:
    assert readable(datetime(2026, 11, 22, 9, 8, 7, 999_999, tzinfo=UTC)) == "2026-11-22 09:08:07Z"
