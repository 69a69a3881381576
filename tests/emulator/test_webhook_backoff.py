"""The delivery queue alone, with a clock that is only a number."""

import itertools
from datetime import UTC, datetime, timedelta

from external_gate.emulator.delivery import CADENCE, GIVE_UP_AFTER, JITTER, Outbox
from external_gate.emulator.records import Notification
from tests.emulator.conftest import new_outbox

START = datetime(2026, 1, 1, tzinfo=UTC)


def notification(number: int, contract_id: str = "c-1") -> Notification:
    return Notification(f"n-{number}", "payment_gate.external_initiate", b"{}", None, contract_id)


def fail_until_empty(outbox: Outbox) -> list[datetime]:
    """Refuse every attempt; give the moments at which attempts were made."""
    moments = []
    while (now := outbox.next_due_at()) is not None:
        for delivery in outbox.due(now):
            outbox.start(delivery, now=now)
            outbox.finish(delivery, status=503, accepted=False, now=now)
            moments.append(now)
    return moments


def test_two_days_of_refusals_are_about_two_hundred_attempts() -> None:
    outbox = new_outbox()
    outbox.add(notification(1), now=START)

    moments = fail_until_empty(outbox)

    assert 190 <= len(moments) <= 215
    assert moments[0] == START
    assert moments[-1] <= START + GIVE_UP_AFTER < moments[-1] + CADENCE * (1 + JITTER)


def test_waits_double_up_to_a_quarter_of_an_hour() -> None:
    outbox = new_outbox()
    outbox.add(notification(1), now=START)

    moments = fail_until_empty(outbox)

    waits = [later - earlier for earlier, later in itertools.pairwise(moments)]
    for planned, wait in zip([5, 10, 20, 40, 80, 160, 320, 640], waits, strict=False):
        assert abs(wait - timedelta(seconds=planned)) <= timedelta(seconds=planned * JITTER)
    assert all(CADENCE * 0.9 <= wait <= CADENCE * 1.1 for wait in waits[8:])
    assert len(set(waits[8:])) > 50, "jitter spreads the retries"


def test_first_attempts_of_one_contract_go_one_after_the_other() -> None:
    outbox = new_outbox()
    first, second, other = (
        outbox.add(notification(1), now=START),
        outbox.add(notification(2), now=START),
        outbox.add(notification(3, contract_id="c-2"), now=START),
    )

    assert outbox.due(START) == [first, other]
    outbox.start(first, now=START)
    assert outbox.due(START) == [other], "the second waits while the first is on the wire"
    outbox.finish(first, status=500, accepted=False, now=START)

    assert outbox.due(START) == [second, other], "a retry holds nobody up"


def test_held_back_delivery_goes_after_the_next_one_or_after_patience() -> None:
    outbox = new_outbox()
    first, second = (outbox.add(notification(n), now=START) for n in (1, 2))
    outbox.hold_back(first)

    assert outbox.due(START) == [second]
    assert outbox.due(START + timedelta(seconds=30)) == [first, second]
    outbox.start(second, now=START)
    outbox.finish(second, status=200, accepted=True, now=START)

    assert outbox.due(START) == [first]
