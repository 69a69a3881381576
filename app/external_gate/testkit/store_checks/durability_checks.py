"""P1: what was acknowledged is there after a stop, a crash and a start, to the last field."""

from external_gate.domain.charge import Payer
from external_gate.domain.errors import LeaseLost
from external_gate.domain.identifiers import CustomerId, release_key
from external_gate.domain.ledger import HistoryEntry, Incident, IncidentKind, Release
from external_gate.domain.outcome import Unknown
from external_gate.domain.workflow import Actor, HeldReason, State, Verdict
from external_gate.stores.store import Store
from external_gate.stores.store_records import NoticeReceipt, Receipt
from external_gate.testkit.store_checks.notice_checks import TAKEN, notice, pending
from external_gate.testkit.store_checks.shortfall import given, must, nothing, only, refused, same
from external_gate.testkit.store_checks.store_catalog import Area
from external_gate.testkit.store_checks.store_samples import (
    LEASE,
    NOW,
    SUCCESS,
    W1,
    W2,
    begun,
    change,
    charging,
    claimed,
    evidence,
    key_of,
    later,
    paid,
    received,
    told,
)
from external_gate.testkit.store_checks.store_trial import StoreTrial
from external_gate.testkit.store_rig import Crashes

DURABILITY = Area(
    "durability",
    cure="Return from a write only after a commit that the database has brought to its disk, and "
    "keep nothing in memory that another process, or the next one, would have to know.",
)

ADA = CustomerId("ada")


async def _written(store: Store) -> None:
    """Write at least once by every verb."""
    dossier = await paid(store, W1)
    await store.save(
        change(
            dossier,
            State.RELEASED,
            releases=(Release(Verdict.PAID, 1, release_key(W1, "paid", 1), later(1)),),
            incidents=(Incident(IncidentKind.REVERSED, NOW, "money went back"),),
            give_back=True,
        )
    )
    await charging(store, W2)
    await store.append_evidence(key_of(W2), [evidence(Unknown("timeout"))])
    await store.record_notices([notice(key=key_of(W2))])
    entry = HistoryEntry(later(1), Actor.PERSON, "hold_asked_for", who="ada")
    await store.want_hold(W2, reason=HeldReason.OPERATOR, detail="wait", entry=entry)
    kept = await store.record(told(None, notification_id="misunderstood", flaw="not JSON"))
    await store.begin(kept.number, received(W1))
    await store.put_payers({ADA: Payer("cus_1", "pm_1", None)})


async def _told(store: Store) -> list[object]:
    """Give everything that can be read."""
    said: list[object] = []
    for workflow_id in (W1, W2):
        said += [
            await store.dossier(workflow_id),
            await store.facts(workflow_id),
            list(await store.history(workflow_id)),
            list(await store.incidents(workflow_id)),
            list(await store.notices_of(workflow_id, limit=9)),
        ]
    said += [
        list(await store.notifications(limit=9)),
        list(await store.notices(limit=9)),
        list(await store.payers(limit=9)),
        await store.counts(),
    ]
    return said


def _all_there(before: list[object], after: list[object]) -> None:
    for was, found in zip(before, after, strict=True):
        same(found, was)


@DURABILITY.trial()
async def everything_is_read_by_another_process_as_soon_as_it_is_acknowledged(
    trial: StoreTrial,
) -> None:
    other = await trial.another()

    await _written(trial.store)

    _all_there(await _told(trial.store), await _told(other))


@DURABILITY.trial()
async def everything_is_there_after_a_stop_and_a_start(trial: StoreTrial) -> None:
    await _written(trial.store)
    before = await _told(trial.store)

    store = await trial.reopened()

    _all_there(before, await _told(store))


@DURABILITY.trial(needs=Crashes)
async def everything_is_there_after_a_crash(trial: StoreTrial) -> None:
    await _written(trial.store)
    before = await _told(trial.store)

    store = await trial.crashed()

    _all_there(before, await _told(store))


@DURABILITY.trial(needs=Crashes)
async def evidence_appended_last_is_there_after_a_crash(trial: StoreTrial) -> None:
    await charging(trial.store)
    await trial.store.append_evidence(key_of(), [SUCCESS])

    store = await trial.crashed()

    kept = only(given(await store.dossier(W1)).attempts[0].evidence)
    same(kept.answer, SUCCESS.answer)


@DURABILITY.trial(needs=Crashes)
async def lease_outlives_the_crash_of_its_worker_and_then_ends(trial: StoreTrial) -> None:
    await begun(trial.store)
    late = await claimed(trial.store)

    store = await trial.crashed()

    nothing(await store.claim(owner="w", now=later(59), lease=LEASE, limit=9))
    (again,) = await store.claim(owner="w", now=later(60), lease=LEASE, limit=9)
    same(again.workflow.fence, late.workflow.fence + 1)
    with refused(LeaseLost):
        await store.save(change(late, State.READY))


@DURABILITY.trial(
    cure="Keep what was seen under a unique index in the database, in the transaction that takes "
    "it in; a set in memory forgets at every start."
)
async def repeated_delivery_is_known_after_a_start(trial: StoreTrial) -> None:
    await trial.store.record(told(received()))
    await pending(trial.store, W2)
    final = notice(key=key_of(W2), outcome=TAKEN, final=True)
    await trial.store.record_notices([final])

    store = await trial.reopened()

    same((await store.record(told(received()))).receipt, Receipt.DUPLICATE)
    again = only(await store.record_notices([final]))
    same((again.receipt, again.is_evidence), (NoticeReceipt.DUPLICATE, False))
    same(len(given(await store.dossier(W2)).attempts[0].evidence), 1)


@DURABILITY.trial()
async def evidence_that_was_read_stays_read_after_a_start(trial: StoreTrial) -> None:
    dossier = await paid(trial.store)

    store = await trial.reopened()

    read = given(await store.dossier(W1))
    same(read.workflow.evidence_read, dossier.newest_evidence)
    same(read.newest_evidence, dossier.newest_evidence)


@DURABILITY.trial()
async def high_water_mark_is_there_after_a_start(trial: StoreTrial) -> None:
    await trial.store.heartbeat(later(5))

    store = await trial.reopened()

    must(await store.heartbeat(NOW) > later(5), "the mark fell back: time ran backwards")


@DURABILITY.trial()
async def mark_of_a_restore_is_there_after_a_start(trial: StoreTrial) -> None:
    await begun(trial.store, W1)
    await trial.store.mark_restored(later(50))

    store = await trial.reopened()
    await begun(store, W2, at=later(50))

    for workflow_id in (W1, W2):
        same(given(await store.dossier(workflow_id)).workflow.restored_at, later(50))


@DURABILITY.trial(cure="Let `close` and `open` do nothing where nothing is to be done.")
async def store_can_be_closed_twice_and_opened_again(trial: StoreTrial) -> None:
    await begun(trial.store)

    await trial.store.close()
    await trial.store.close()
    await trial.store.open()

    same(given(await trial.store.dossier(W1)).workflow, received())
