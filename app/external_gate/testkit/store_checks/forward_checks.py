"""How every store passes notifications on as they came, and removes those that nobody needs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from external_gate.domain.host_notice import DeliveryState, DueNotice, NoticeFilter
from external_gate.stores.store import Store
from external_gate.stores.store_records import Recorded
from external_gate.testkit.store_checks.report_checks import reached, report, status
from external_gate.testkit.store_checks.shortfall import (
    exactly,
    given,
    must,
    nothing,
    only,
    same,
    some,
)
from external_gate.testkit.store_checks.store_catalog import Area
from external_gate.testkit.store_checks.store_samples import (
    LEASE,
    NOW,
    W1,
    begun,
    later,
    told,
)

FORWARDS = Area(
    "forwards",
    cure="Write the offer in the transaction that keeps the notification, for new ones alone, and "
    "let the body stand where the notification is.",
)
"""What is passed on is what came, once; what nobody needs goes after its time, and nothing else."""

BODY = b'{"id": "\xff not UTF-8"}'
HEADERS = {"x-metronome-date": "Mon, 02 Jan 2006 22:04:05 GMT", "content-type": "application/json"}
LEDGER = "forward.ledger"


async def other(store: Store, name: str = "n-1", **keys: Any) -> Recorded:
    """Record a notification that asks for nothing, and pass it on."""
    plain = told(None, notification_id=name, body=BODY, type="invoice.finalized", concerns_us=False)
    return await store.record(
        replace(plain, **{"forward_to": (LEDGER,), "headers": HEADERS, **keys})
    )


async def _claim(store: Store, seconds: float = 0) -> Sequence[DueNotice]:
    return await store.claim_notices(LEDGER, now=later(seconds), lease=LEASE, limit=9)


async def _prune(store: Store, seconds: float) -> None:
    while await store.prune_notifications(before=later(seconds), limit=2):
        pass


async def _left(store: Store) -> set[str]:
    return {each.notification_id for each in await store.notifications(limit=99)}


@FORWARDS.check()
async def what_is_passed_on_is_what_came(store: Store) -> None:
    recorded = await other(store)

    due = only(await _claim(store))

    same((due.body, dict(due.headers), due.type), (BODY, HEADERS, "invoice.finalized"))
    same((due.tries, due.at), (1, NOW))
    kept = only(await store.host_notices(NoticeFilter(forwarded=True)))
    same((kept.number, kept.notification), (due.number, recorded.number))
    nothing(await store.host_notices(NoticeFilter(forwarded=False)))


@FORWARDS.check()
async def repeated_delivery_is_passed_on_once(store: Store) -> None:
    await other(store)
    await other(store)

    exactly(1, await _claim(store))
    exactly(1, await store.host_notices(NoticeFilter()))


@FORWARDS.check()
async def nothing_is_passed_on_to_nobody(store: Store) -> None:
    await other(store, forward_to=())

    nothing(await store.host_notices(NoticeFilter()))


@FORWARDS.check()
async def forwarded_notification_can_be_sent_again(store: Store) -> None:
    await other(store)
    due = only(await _claim(store))
    await store.settle_notice(due, state=DeliveryState.DEAD, outcome="never", at=later(1))

    some(await store.resend_notice(due.number, endpoints=[LEDGER], at=later(9)))

    again = only(await _claim(store, 9))
    same((again.body, dict(again.headers), again.rung), (BODY, HEADERS, 1))


@FORWARDS.check()
async def old_notifications_go_and_with_them_what_was_passed_on(store: Store) -> None:
    await other(store)
    await other(store, "n-2", forward_to=(), headers={})
    await other(store, "n-3", received_at=later(60), forward_to=())
    await store.settle_notice(
        only(await _claim(store)), state=DeliveryState.DELIVERED, outcome="204", at=later(1)
    )

    await _prune(store, 60)

    same(await _left(store), {"n-3"})
    nothing(await store.host_notices(NoticeFilter()))


@FORWARDS.check()
async def notification_on_its_way_to_somebody_is_not_removed(store: Store) -> None:
    await other(store)

    await _prune(store, 60)

    same(await _left(store), {"n-1"})
    same(only(await _claim(store)).body, BODY)


@FORWARDS.check()
async def what_asked_for_a_charge_or_may_have_is_never_removed(store: Store) -> None:
    await begun(store)
    await store.record(told(None, notification_id="flawed", body=b"1", flaw="no total"))
    await store.record(told(None, notification_id="typeless", body=b"2", type="", flaw="no JSON"))
    before = await _left(store)

    await _prune(store, 999_999)

    same(await _left(store), before)


@FORWARDS.check()
async def report_of_a_workflow_is_never_removed(store: Store) -> None:
    await report(store, status("paid"), "early")
    await begun(store)
    await report(store, status("failed"), "late")
    await report(store, status("paid", invoice="nobody's"), "foreign")

    await _prune(store, 999_999)

    same(await _left(store), {"early", "late", f"n-of-{W1}"})
    exactly(2, await store.gate_reports(W1, limit=9))


@FORWARDS.check()
async def threshold_is_removed_only_when_it_is_settled(store: Store) -> None:
    await report(store, reached(), "watched")
    await _prune(store, 999_999)
    same(await _left(store), {"watched"})

    lost = only(await store.unanswered_thresholds(received_before=later(9), lease=LEASE, limit=9))
    await store.settle_thresholds([lost.notification], lost_at=later(9))
    await _prune(store, 999_999)

    nothing(await _left(store))
    nothing(await store.lost_thresholds(since=NOW, limit=9))


@FORWARDS.check()
async def removed_notification_that_comes_again_is_a_new_one(store: Store) -> None:
    first = await other(store, forward_to=())
    await _prune(store, 60)

    again = await other(store, received_at=later(99), forward_to=())

    must(again.number > first.number, "a number was given twice")
    same(given(await store.notification(again.number)).deliveries, 1)
