"""What a payment status says about our outcome: pure, the same for every store.

It decides nothing and moves nothing: an outcome never changes (P5).
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from external_gate.domain.gate_report import CLOCKS_DIFFER, KeptReport
from external_gate.domain.ledger import HistoryEntry, Incident, IncidentKind
from external_gate.domain.workflow import Actor, State, Verdict
from external_gate.stores.store_records import Dossier

CONFIRMED = "release_confirmed"
"""The event in the history when Metronome reports the outcome that we decided."""


class Said(StrEnum):
    """What a payment status says about a workflow whose outcome is decided."""

    CONFIRMS = "confirms"
    CONTRADICTS = "contradicts"


def said_of(told: KeptReport, dossiers: Iterable[Dossier]) -> list[tuple[Dossier, Said]]:
    """Give the workflows of the report's invoice of which it says something, and what.

    Nothing of one that is not decided: what comes before our decision is Metronome's view alone.
    Nothing that is older than our first release: it tells of the time before. And no contradiction
    where another workflow of the same invoice has the outcome that was told.
    """
    judged = [(dossier, _said(told, dossier)) for dossier in dossiers]
    is_confirmed = any(said is Said.CONFIRMS for _, said in judged)
    return [
        (dossier, said)
        for dossier, said in judged
        if said is not None and not (said is Said.CONTRADICTS and is_confirmed)
    ]


def is_outdated(told: KeptReport, others: Iterable[KeptReport]) -> bool:
    """Tell whether a later status of the same invoice says the opposite: they come in any order."""
    return any(
        other.report.outcome not in (None, told.report.outcome)
        and _when(other) > _when(told)
        and other.notification != told.notification
        for other in others
    )


def confirmation(told: KeptReport) -> HistoryEntry:
    """Give the line in the history of a workflow whose outcome is confirmed."""
    return HistoryEntry(told.received_at, Actor.INTAKE, CONFIRMED, facts=_facts(told))


def contradiction(told: KeptReport, dossier: Dossier) -> Incident:
    """Give the incident of a workflow whose outcome is contradicted."""
    detail = (
        f"notification {told.notification}: Metronome reports the payment as "
        f"{told.report.outcome}, we decided {_expected(dossier)}"
    )
    return Incident(IncidentKind.PAYMENT_STATUS_CONTRADICTED, told.received_at, detail)


def contradicted(told: KeptReport, incident: Incident) -> HistoryEntry:
    """Give the line in the history that goes with the incident."""
    facts = {"kind": incident.kind.value, **_facts(told)}
    entry = HistoryEntry(told.received_at, Actor.INTAKE, "incident_raised", incident.detail)
    return HistoryEntry(entry.at, entry.actor, entry.event, entry.reason, facts=facts)


def _said(told: KeptReport, dossier: Dossier) -> Said | None:
    outcome, expected = told.report.outcome, _expected(dossier)
    if outcome is None or expected is None or _is_older(told, dossier):
        return None
    if outcome is not expected:
        return Said.CONTRADICTS
    return Said.CONFIRMS if outcome is dossier.workflow.verdict else None


def _expected(dossier: Dossier) -> Verdict | None:
    """Give the outcome that Metronome should know; what is given back was not released."""
    workflow = dossier.workflow
    if workflow.state in {State.REFUNDING, State.REFUNDED}:
        return Verdict.FAILED
    return workflow.verdict


def _is_older(told: KeptReport, dossier: Dossier) -> bool:
    """Whether it happened before our first release, as far as two clocks can tell."""
    verdict = dossier.workflow.verdict
    sent = [each.first_sent_at for each in dossier.releases if each.verdict is verdict]
    told_at = told.report.told_at
    return bool(sent) and told_at is not None and told_at < min(sent) - CLOCKS_DIFFER


def _when(told: KeptReport) -> datetime:
    return told.report.happened_at(told.received_at)


def _facts(told: KeptReport) -> dict[str, str]:
    return {"notification": str(told.notification), "payment_status": told.report.status}
