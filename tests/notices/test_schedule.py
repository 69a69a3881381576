"""When a notice is tried again: spread over three days, then given up; by a clock moved by hand."""

from datetime import timedelta
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from external_gate.domain.host_notice import GIVE_UP_AFTER, DueNotice
from external_gate.notices.schedule import JITTER, RESTS, WAITS, next_try, rest
from tests.notices.conftest import START


def chance(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - waits, not secrets


def due(rung: int = 1) -> DueNotice:
    return DueNotice(1, "erp", "msg_1", "t", b"{}", START, START + GIVE_UP_AFTER, rung, rung)


def tries(random: Random) -> list[timedelta]:
    """Every try of a notice that is never taken, as time since the first."""
    at, found, rung = START, [], 1
    while True:
        found.append(at - START)
        later = next_try(due(rung), now=at, random=random)
        if later is None:
            return found
        at, rung = later, rung + 1


@given(st.integers())
def test_a_notice_is_tried_for_three_days_and_no_longer(seed: int) -> None:
    found = tries(chance(seed))

    assert found[0] == timedelta(0)
    assert found[-1] == timedelta(days=3)
    assert 9 <= len(found) <= 12
    gaps = [later - one for one, later in pairwise(found)]
    for gap, wait in zip(gaps[:-1], (*WAITS, *WAITS[-1:] * 5), strict=False):
        assert wait * (1 - JITTER) <= gap <= wait * (1 + JITTER)


def test_waits_of_two_notices_differ() -> None:
    assert tries(chance(1)) != tries(chance(2))


def test_longer_wait_that_is_asked_for_is_kept_but_not_past_the_end() -> None:
    hour, year = timedelta(hours=1), timedelta(days=365)

    assert next_try(due(), now=START, random=chance(1), retry_after=hour) == START + hour
    last = next_try(due(), now=START, random=chance(1), retry_after=year)
    assert last == START + GIVE_UP_AFTER


@given(st.integers(min_value=0, max_value=99), st.integers())
def test_rest_grows_to_a_minute(failures: int, seed: int) -> None:
    found = rest(failures, chance(seed))

    assert timedelta(0) <= found <= RESTS[-1] * (1 + JITTER)
    assert failures > 1 or not found
