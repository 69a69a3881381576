"""The border itself: what is known before and after `begin`."""

from datetime import timedelta

import pytest

from external_gate.outbound.calls import NeverSent, SentUnanswered
from external_gate.outbound.departure import DeadlinePassed, Departure
from tests.outbound.conftest import START, HandClock


def test_request_that_did_not_begin_was_never_sent() -> None:
    assert Departure(HandClock().now, not_after=None).end("refused") == NeverSent("refused")


def test_request_that_began_may_have_arrived() -> None:
    departure = Departure(HandClock().now, not_after=START + timedelta(seconds=1))
    departure.begin()
    assert departure.end("lost") == SentUnanswered("lost")


def test_request_does_not_begin_at_the_deadline() -> None:
    departure = Departure(HandClock().now, not_after=START)
    with pytest.raises(DeadlinePassed):
        departure.begin()
    assert departure.end("late") == NeverSent("late")
