from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from external_gate.domain.clock import EPOCH, HighWater
from external_gate.outbound.answer_date import observe_date

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def mark_after(date: str | None) -> datetime:
    mark = HighWater()
    observe_date(date, mark, now=NOW)
    return mark.latest(EPOCH)


@pytest.mark.parametrize(
    ("date", "instant"),
    [
        ("Sun, 22 Nov 2026 11:59:00 GMT", NOW - timedelta(minutes=1)),
        ("Sun, 22 Nov 2026 12:00:30 GMT", NOW + timedelta(seconds=30)),
        ("Sunday, 22-Nov-26 12:00:30 GMT", NOW + timedelta(seconds=30)),
        ("Sun, 22 Nov 2026 14:00:30 +0200", NOW + timedelta(seconds=30)),
        ("Mon, 23 Nov 2026 12:00:00 GMT", NOW + timedelta(days=1)),
    ],
)
def test_plausible_date_is_believed(date: str, instant: datetime) -> None:
    assert mark_after(date) == instant


@pytest.mark.parametrize(
    "date",
    [
        None,
        "",
        "now",
        "Mon, 23 Nov 2026 12:00:01 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Sun, 22 Nov 2026 12:00:30 -0000",
        "Sun, 99 Nov 2026 12:00:30 GMT",
        "Sun, 22 Nov 2026 12:00:30 GMT+99999999999999999999",
    ],
)
def test_unreadable_or_unbelievable_date_changes_nothing(date: str | None) -> None:
    assert mark_after(date) == EPOCH


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d+ Nov \d+ \d+:\d+:\d+ [-+A-Z]\d*"))
def test_no_date_raises(date: str) -> None:
    assert mark_after(date) <= NOW + timedelta(days=1)
