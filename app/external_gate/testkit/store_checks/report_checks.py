"""How every store keeps what Metronome reports about a gate, and holds it against our outcome."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from external_gate.domain.gate_report import GateReport, KeptReport, ReportKind
from external_gate.domain.host_notice import NoticeFilter, NoticeType
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.ledger import IncidentKind, Release
from external_gate.domain.workflow import State, Verdict
from external_gate.stores.report_rules import CONFIRMED
from external_gate.stores.store import Store
from external_gate.stores.store_records import Dossier, Receipt, Recorded
from external_gate.testkit.store_checks.shortfall import exactly, given, must, nothing, only, same
from external_gate.testkit.store_checks.store_catalog import Area
from external_gate.testkit.store_checks.store_samples import (
    LEASE,
    NOW,
    W1,
    W2,
    begun,
    change,
    later,
    paid,
    told,
)
from external_gate.testkit.store_checks.store_trial import StoreTrial

REPORTS = Area(
    "reports",
    cure="Keep a report in the transaction of its notification, lock the workflows of its contract "
    "and invoice, and write down what `report_rules` gives; find reports by contract and invoice.",
)
"""What Metronome reports is shown and compared, and decides nothing."""

AN_HOUR = timedelta(hours=1)


def status(
    payment_status: str,
    *,
    invoice: str = f"invoice-of-{W1}",
    told_at: datetime | None = None,
    kind: ReportKind = ReportKind.PAYMENT_STATUS,
) -> GateReport:
    """Give what Metronome reports about a payment."""
    return GateReport(
        kind,
        CustomerId("customer-1"),
        ContractId("contract-1"),
        InvoiceId(invoice),
        status=payment_status,
        told_at=told_at,
    )


def reached(contract: str = "contract-1", *, told_at: datetime | None = None) -> GateReport:
    """Give the announcement of a gate."""
    return GateReport(
        ReportKind.THRESHOLD_REACHED,
        CustomerId("customer-1"),
        ContractId(contract),
        told_at=told_at,
    )


async def report(
    store: Store, about: GateReport, name: str = "r-1", *, at: datetime = NOW, **other: Any
) -> Recorded:
    """Record the notification that brings a report."""
    body = f"{name}".encode()
    notification = told(None, notification_id=name, body=body, at=at, type=about.kind.value)
    return await store.record(replace(notification, report=about, **other))


async def decided(store: Store, workflow_id: WorkflowId = W1) -> Dossier:
    """Bring a workflow to `paid`, decided and with its release sent once."""
    dossier = await paid(store, workflow_id)
    release = Release(Verdict.PAID, 1, f"r-{workflow_id}-paid-1", first_sent_at=NOW)
    after = replace(dossier.workflow, verdict=Verdict.PAID, release_generation=1)
    return await store.save(change(dossier, after=after, releases=(release,)))


async def _events(store: Store) -> list[str]:
    return [entry.event for entry in await store.history(W1)]


async def _unanswered(store: Store, now: datetime, *, lease: timedelta = LEASE) -> list[KeptReport]:
    wanted = await store.unanswered_thresholds(received_before=now - AN_HOUR, lease=lease, limit=9)
    return list(wanted)


@REPORTS.check()
async def status_after_the_decision_confirms_it_once(store: Store) -> None:
    await decided(store)

    first = await report(store, status("paid"))
    await report(store, status("paid"), "r-2")

    same((first.receipt, first.workflow_id, first.contradicts), (Receipt.RECORDED, W1, False))
    same((await _events(store)).count(CONFIRMED), 1)
    nothing(await store.incidents(W1))


@REPORTS.check()
async def status_against_the_decision_is_one_incident_and_moves_nothing(store: Store) -> None:
    before = (await decided(store)).workflow

    first = await report(store, status("failed"))
    second = await report(store, status("failed"), "r-2")

    same((first.contradicts, second.contradicts), (True, False))
    incident = only(await store.incidents(W1))
    same(incident.kind, IncidentKind.PAYMENT_STATUS_CONTRADICTED)
    same(given(await store.dossier(W1)).workflow, before)
    same((await _events(store)).count("incident_raised"), 1)


@REPORTS.check()
async def contradicting_status_is_told_to_the_host(store: Store) -> None:
    store.keep_notices({NoticeType.INCIDENT: ("erp",)})
    await decided(store)

    await report(store, status("failed"))

    same(only(await store.host_notices(NoticeFilter())).type, "incident.raised")


@REPORTS.check(cases=["paid", "failed", "processing"])
async def status_before_any_decision_decides_nothing(store: Store, word: str) -> None:
    await begun(store)
    before = given(await store.dossier(W1))

    nothing((await report(store, status(word))).contradicts)

    same(given(await store.dossier(W1)), before)
    same(await _events(store), ["recorded"])
    same(only(await store.gate_reports(W1, limit=9)).report, status(word))


@REPORTS.check(cases=[("other-invoice", "contract-1"), (f"invoice-of-{W1}", "other-contract")])
async def status_of_another_invoice_or_contract_says_nothing(
    store: Store, invoice: str, contract: str
) -> None:
    await decided(store)
    other = replace(status("failed", invoice=invoice), contract_id=ContractId(contract))

    same((await report(store, other)).workflow_id, None)

    nothing(await store.incidents(W1))
    nothing(await store.gate_reports(W1, limit=9))


@REPORTS.check()
async def status_from_before_the_release_says_nothing(store: Store) -> None:
    await decided(store)

    await report(store, status("failed", told_at=later(-3600)))
    await report(store, status("processing", told_at=later(60)), "r-2")

    nothing(await store.incidents(W1))
    exactly(2, await store.gate_reports(W1, limit=9))


@REPORTS.check()
async def status_that_a_later_one_has_replaced_is_no_incident(store: Store) -> None:
    await decided(store)

    await report(store, status("paid", told_at=later(60)), at=later(61))
    await report(store, status("failed", told_at=later(30)), "r-2", at=later(90))

    nothing(await store.incidents(W1))


@REPORTS.check()
async def status_that_another_workflow_of_the_invoice_bears_out_is_no_incident(
    store: Store,
) -> None:
    await decided(store)
    await begun(store, W2, invoice_id=InvoiceId(f"invoice-of-{W1}"))
    second = await store.acquire(W2, owner="worker-1", now=NOW, lease=LEASE)
    failed = replace(second.workflow, state=State.DECLINED, verdict=Verdict.FAILED)
    await store.save(change(second, State.READY, State.DECLINED, after=failed))

    await report(store, status("paid"))

    nothing(await store.incidents(W2))


@REPORTS.check()
async def reports_are_listed_with_their_workflow_whichever_came_first(store: Store) -> None:
    asked = status("", kind=ReportKind.ACTION_REQUIRED)
    await report(store, reached(told_at=later(-2)), at=later(-1))
    await report(store, asked, "r-2")
    await begun(store, at=later(1))
    await report(store, status("paid", told_at=later(9)), "r-3", at=later(10))
    repeated = await report(store, status("paid", told_at=later(9)), "r-3", at=later(11))

    same(repeated.receipt, Receipt.DUPLICATE)
    found = exactly(3, await store.gate_reports(W1, limit=9))
    kinds = [each.report.kind for each in found]
    same(
        kinds, [ReportKind.PAYMENT_STATUS, ReportKind.ACTION_REQUIRED, ReportKind.THRESHOLD_REACHED]
    )
    same((found[0].received_at, found[0].deliveries), (later(10), 2))


@REPORTS.trial()
async def threshold_that_nothing_followed_is_given_to_one_process_and_settled_once(
    trial: StoreTrial,
) -> None:
    store, other = trial.store, await trial.another()
    await report(store, reached())
    nothing(await _unanswered(store, later(3599)))

    lost = only(await _unanswered(store, later(3600)))
    nothing(await _unanswered(other, later(3601)))
    same(only(await _unanswered(other, later(3660))).notification, lost.notification)
    await other.settle_thresholds([lost.notification], lost_at=later(3661))

    nothing(await _unanswered(store, later(99_999)))
    same(only(await store.lost_thresholds(since=NOW, limit=9)).report, reached())
    nothing(await store.lost_thresholds(since=later(3662), limit=9))
    await begun(store, at=later(4000))
    nothing(await store.lost_thresholds(since=NOW, limit=9))


@REPORTS.check()
async def threshold_of_no_concern_is_settled_without_a_trace(store: Store) -> None:
    await report(store, reached())
    lost = only(await _unanswered(store, later(3600)))

    await store.settle_thresholds([lost.notification], lost_at=None)

    nothing(await _unanswered(store, later(99_999)))
    nothing(await store.lost_thresholds(since=NOW, limit=9))


@REPORTS.check(cases=[-240, 0, 3000])
async def threshold_that_its_workflow_followed_is_not_lost(store: Store, seconds: int) -> None:
    await report(store, reached())
    await begun(store, at=later(seconds))

    nothing(await _unanswered(store, later(3600)))
    nothing(await _unanswered(store, later(99_999)))
    same(only(await store.gate_reports(W1, limit=9)).report, reached())


@REPORTS.check()
async def one_workflow_follows_one_threshold_of_its_contract(store: Store) -> None:
    await report(store, reached())
    await begun(store, at=later(1))
    await report(store, reached(told_at=later(3)), "r-2", at=later(3))
    await report(store, reached("contract-2"), "r-3", at=later(4))

    unanswered = exactly(2, await _unanswered(store, later(3700)))

    must(
        {each.report.contract_id for each in unanswered} == {"contract-1", "contract-2"},
        "a second threshold was taken for followed by the first one's workflow",
    )


@REPORTS.check()
async def reports_survive_in_full(store: Store) -> None:
    await begun(store)
    whole = replace(
        status("failed", told_at=later(-0.5)), workflow_type="spend", message="insufficient funds"
    )

    recorded = await report(store, whole, at=later(2))

    kept = only(await store.gate_reports(W1, limit=9))
    same(kept, KeptReport(recorded.number, whole, later(2)))
    same(given(await store.notification(recorded.number)).workflow_id, W1)
