"""A database that is out of reach for a while: said as `Unavailable`, and nothing half written."""

from collections.abc import Awaitable, Callable

from external_gate.domain.charge import Payer
from external_gate.domain.errors import Unavailable
from external_gate.domain.identifiers import CustomerId
from external_gate.domain.ledger import HistoryEntry
from external_gate.domain.workflow import Actor, HeldReason, State
from external_gate.stores.store import Store
from external_gate.stores.store_records import Receipt
from external_gate.testkit.store_checks.notice_checks import TAKEN, notice
from external_gate.testkit.store_checks.shortfall import given, refused, same
from external_gate.testkit.store_checks.store_catalog import Area
from external_gate.testkit.store_checks.store_samples import (
    LEASE,
    SUCCESS,
    W1,
    W2,
    change,
    charging,
    key_of,
    later,
    received,
    told,
)
from external_gate.testkit.store_checks.store_trial import StoreTrial
from external_gate.testkit.store_rig import GoesAway, StoreRig

OUTAGES = Area(
    "outages",
    cure="Turn every error of the driver that may pass (connection, timeout, lock, full disk) into "
    "`Unavailable`, undo the whole transaction, and connect anew at the next call.",
)


@OUTAGES.trial(needs=GoesAway)
async def every_write_is_unavailable_while_the_database_is_away(trial: StoreTrial) -> None:
    dossier = await charging(trial.store)
    fence = dossier.workflow.fence
    entry = HistoryEntry(later(1), Actor.PERSON, "hold_asked_for")
    paid = change(dossier, State.PAID, evidence=((key_of(), SUCCESS),))

    def writes(store: Store) -> list[Callable[[], Awaitable[object]]]:
        return [
            lambda: store.record(told(received(W2), notification_id="n-2")),
            lambda: store.save(paid),
            lambda: store.append_evidence(key_of(), [SUCCESS]),
            lambda: store.record_notices([notice(outcome=TAKEN, final=True)]),
            lambda: store.claim(owner="w", now=later(60), lease=LEASE, limit=9),
            lambda: store.renew([(W1, fence)], until=later(200)),
            lambda: store.give_back([(W1, fence)], due_at=later(1)),
            lambda: store.want_hold(W1, reason=HeldReason.OPERATOR, detail="", entry=entry),
            lambda: store.put_payers({CustomerId("ada"): Payer("cus_1", "", None)}),
            lambda: store.heartbeat(later(9)),
        ]

    rig = _going_away(trial.rig)
    await rig.go_away()
    try:
        for write in writes(trial.store):
            with refused(Unavailable):
                await write()
    finally:
        await rig.come_back()

    same(await trial.store.dossier(W1), dossier)
    same(await trial.store.dossier(W2), None)
    same(await trial.store.payer(CustomerId("ada")), None)
    same(list(await trial.store.notices(limit=9)), [])


@OUTAGES.trial(needs=GoesAway)
async def same_handle_goes_on_when_the_database_is_back(trial: StoreTrial) -> None:
    dossier = await charging(trial.store)
    rig = _going_away(trial.rig)
    await rig.go_away()
    try:
        with refused(Unavailable):
            await trial.store.record(told(received(W2), notification_id="n-2"))
    finally:
        await rig.come_back()

    again = await trial.store.record(told(received(W2), notification_id="n-2"))
    saved = await trial.store.save(change(dossier, State.PAID, evidence=((key_of(), SUCCESS),)))

    same(again.receipt, Receipt.RECORDED)
    same(saved.workflow.state, State.PAID)
    same(given(await trial.store.dossier(W2)).workflow, received(W2))


def _going_away(rig: StoreRig) -> GoesAway:
    if not isinstance(rig, GoesAway):
        raise TypeError("the rig cannot go away")
    return rig
