"""What a save or a new workflow tells the host application: pure, the same for every store."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from external_gate.domain.host_notice import HostNotice, NoticeType
from external_gate.domain.ledger import CUSTOMER_ASKED, HistoryEntry, Incident
from external_gate.domain.outcome import Succeeded
from external_gate.domain.workflow import State, Workflow
from external_gate.stores.store_records import Change, Dossier

_TOLD: Mapping[State, NoticeType] = {
    State.RELEASED: NoticeType.RELEASED,
    State.CANCELLED: NoticeType.CANCELLED,
    State.REFUNDED: NoticeType.REFUNDED,
    State.HELD: NoticeType.HELD,
}
"""The states of which the host hears when a workflow comes to rest in them."""


def notices_of_save(change: Change, dossier: Dossier) -> list[HostNotice]:
    """Give what a change tells, in order; `dossier` is as the change leaves it."""
    return [
        *_asking_the_customer(change.history, dossier),
        *_resting(change.history, dossier),
        *(notice_of_incident(incident, dossier) for incident in change.incidents),
    ]


def notices_of_beginning(workflow: Workflow) -> list[HostNotice]:
    """Give what a new workflow tells: that it is held, if the intake began it so."""
    notice_type = _TOLD.get(workflow.state)
    return [] if notice_type is None else [_notice(notice_type, Dossier(workflow))]


def notice_of_incident(incident: Incident, dossier: Dossier) -> HostNotice:
    """Give what tells of an incident."""
    told = _notice(NoticeType.INCIDENT, dossier)
    return replace(told, at=incident.at, incident=incident.kind)


def _resting(history: Sequence[HistoryEntry], dossier: Dossier) -> Iterator[HostNotice]:
    """Tell of the last of several moves alone: nobody ever saw it in the states between."""
    notice_type = _TOLD.get(dossier.workflow.state)
    if notice_type is not None and any(entry.to_state for entry in history):
        yield _notice(notice_type, dossier)


def _asking_the_customer(history: Sequence[HistoryEntry], dossier: Dossier) -> Iterator[HostNotice]:
    attempt = dossier.attempt
    if dossier.workflow.state is not State.PENDING or attempt is None or not attempt.action_url:
        return
    is_asked = any(entry.event == CUSTOMER_ASKED for entry in history)
    # While it was held nobody was asked to pay.
    resumes = any(entry.from_state is State.HELD for entry in history)
    if is_asked or resumes:
        told = _notice(NoticeType.ACTION_REQUIRED, dossier)
        yield replace(told, action_url=attempt.action_url)


def _notice(notice_type: NoticeType, dossier: Dossier) -> HostNotice:
    workflow, facts = dossier.workflow, dossier.workflow.facts
    return HostNotice(
        type=notice_type,
        at=workflow.updated_at,
        customer_id=facts.customer_id,
        contract_id=facts.contract_id,
        workflow_id=facts.workflow_id,
        invoice_id=facts.invoice_id,
        state=workflow.state,
        held_reason=workflow.held_reason,
        amount=workflow.amount,
        charge_id=_charge_id(dossier),
    )


def _charge_id(dossier: Dossier) -> str | None:
    """Give the charge that took money, else the latest one."""
    named = [attempt for attempt in dossier.attempts if attempt.charge_id]
    took = [
        attempt
        for attempt in named
        if any(isinstance(piece.answer, Succeeded) for piece in attempt.evidence)
    ]
    found = took or named
    return found[-1].charge_id if found else None
