"""A workflow as programs see it: plain JSON values, the same for commands, API and console. Pure.

The names are pinned: other software reads them. Money is `{"minor", "currency"}`, instants are
ISO 8601 in UTC with milliseconds.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import assert_never

from external_gate.domain.aftermath import Aftermath
from external_gate.domain.chain import NO_CHAIN, Chain
from external_gate.domain.evidence import Attempt, Evidence
from external_gate.domain.gate_report import KeptReport
from external_gate.domain.ledger import HistoryEntry, Incident, Release
from external_gate.domain.money import Money
from external_gate.domain.outcome import (
    Answer,
    Declined,
    Misconfigured,
    NotFound,
    NotSent,
    Pending,
    Succeeded,
    TooLate,
    Undone,
    UndoPending,
    UndoUnknown,
    Unknown,
)
from external_gate.domain.workflow import Workflow
from external_gate.engine.advice import what_next
from external_gate.engine.customer_action import action_url
from external_gate.stores.store_records import Dossier, KeptNotice

View = dict[str, object]
"""What JSON can say."""


def workflow_view(workflow: Workflow) -> View:
    """Give the row of a workflow, as listings show it."""
    facts = workflow.facts
    return {
        "workflow_id": facts.workflow_id,
        "workflow_type": facts.workflow_type,
        "state": workflow.state.value,
        "held_reason": None if workflow.held_reason is None else workflow.held_reason.value,
        "held_detail": workflow.held_detail,
        "deferred_by": workflow.deferred_by.partition(":")[0] or None,
        "outcome": None if workflow.verdict is None else workflow.verdict.value,
        "amount": None if workflow.amount is None else money_view(workflow.amount),
        "invoice_total": None if facts.total is None else f"{facts.total:f}",
        "invoice_currency": facts.currency,
        "invoice_id": facts.invoice_id,
        "customer_id": facts.customer_id,
        "contract_id": facts.contract_id,
        "received_at": instant_view(workflow.received_at),
        "updated_at": instant_view(workflow.updated_at),
        "due_at": _maybe(workflow.due_at),
    }


def dossier_view(
    dossier: Dossier,
    *,
    history: Sequence[HistoryEntry],
    incidents: Sequence[Incident],
    notices: Sequence[KeptNotice] = (),
    reports: Sequence[KeptReport] = (),
    chain: Chain = NO_CHAIN,
    aftermaths: Sequence[Aftermath] = (),
) -> View:
    """Give everything that is known about one workflow, for operators.

    Nothing in it is secret, but who has `action_url` may act for the customer.
    """
    workflow = dossier.workflow
    return {
        **workflow_view(workflow),
        "next": what_next(workflow),
        "rounding": workflow.rounding,
        "pending_deadline": _maybe(workflow.pending_deadline),
        "action_url": action_url(dossier),
        "look_at": _maybe(workflow.look_at),
        "hold_wanted": None if workflow.hold_wanted is None else workflow.hold_wanted.value,
        "approvals": sorted(workflow.approvals),
        "restored_at": _maybe(workflow.restored_at),
        "attempts": [_attempt(attempt) for attempt in dossier.attempts],
        "releases": [_release(release) for release in dossier.releases],
        "gateway_notices": [notice_view(notice) for notice in notices],
        "metronome_reports": [report_view(told) for told in reports],
        "incidents": [_incident(incident) for incident in incidents],
        "aftermath": next(
            (aftermath_view(one) for one in aftermaths if _is_of(one, workflow)), None
        ),
        "chain": {
            "before": [_link(each, aftermaths) for each in chain.before],
            "after": [_link(each, aftermaths) for each in chain.after],
        },
        "history": [_entry(entry) for entry in history],
    }


def aftermath_view(aftermath: Aftermath) -> View:
    """Give what was done after a failed payment; `stage` is what `domain.aftermath` says."""
    return {
        "stage": aftermath.stage.value,
        "failure": None if aftermath.failure is None else aftermath.failure.value,
        "threshold": aftermath.threshold,
        "tries": aftermath.tries,
        "detail": aftermath.detail,
        "updated_at": instant_view(aftermath.updated_at),
        "due_at": _maybe(aftermath.due_at),
    }


def money_view(amount: Money) -> View:
    """Give an amount in minor units."""
    return {"minor": amount.minor, "currency": amount.currency}


def instant_view(instant: datetime) -> str:
    """Give an instant as `2026-11-22T19:00:00.123Z`."""
    written = instant.astimezone(UTC).replace(tzinfo=None)
    return f"{written.isoformat(timespec='milliseconds')}Z"


def answer_view(answer: Answer) -> View:
    """Give what one call meant, as a word under `answer`, and what it brought.

    The address at which a customer can finish a payment is left out: of all that were given, only
    the one that is good now is shown, beside the workflow.
    """
    match answer:
        case Succeeded(charge_id, amount, reference):
            taken = {"charge_id": charge_id, "amount": money_view(amount)}
            return {"answer": "succeeded", **taken, "reference": reference}
        case Declined(kind, code, message, charge_id):
            why = {"kind": kind.value, "code": code, "message": message}
            return {"answer": "declined", **why, "charge_id": charge_id}
        case Pending(charge_id, needs_customer=needs_customer):
            return {"answer": "pending", "charge_id": charge_id, "needs_customer": needs_customer}
        case Unknown(cause):
            return {"answer": "unknown", "cause": cause}
        case NotSent(cause):
            return {"answer": "not_sent", "cause": cause}
        case Misconfigured(cause):
            return {"answer": "misconfigured", "cause": cause}
        case NotFound(conclusive):
            return {"answer": "not_found", "conclusive": conclusive}
        case _:
            return _undo(answer)


def notice_view(notice: KeptNotice) -> View:
    """Give what a gateway told by itself."""
    return {
        "number": notice.number,
        "gateway": notice.gateway,
        "event_id": notice.event_id,
        "attempt_key": notice.attempt_key,
        "claim": None if notice.outcome is None else answer_view(notice.outcome),
        "signed_and_final": notice.signed_and_final,
        "received_at": instant_view(notice.received_at),
        "deliveries": notice.deliveries,
        "workflow_id": notice.workflow_id,
        "evidence": notice.evidence,
    }


def report_view(told: KeptReport) -> View:
    """Give what Metronome reported about a gate."""
    report = told.report
    return {
        "notification": told.notification,
        "type": report.kind.value,
        "workflow_type": report.workflow_type,
        "customer_id": report.customer_id,
        "contract_id": report.contract_id,
        "invoice_id": report.invoice_id,
        "payment_status": report.status or None,
        "error_message": report.message or None,
        "timestamp": _maybe(report.told_at),
        "received_at": instant_view(told.received_at),
        "deliveries": told.deliveries,
    }


def _undo(answer: Undone | UndoPending | TooLate | UndoUnknown) -> View:
    match answer:
        case Undone():
            return {"answer": "undone"}
        case UndoPending():
            return {"answer": "undo_pending"}
        case TooLate(cause):
            return {"answer": "too_late", "cause": cause}
        case UndoUnknown(cause):
            return {"answer": "undo_unknown", "cause": cause}
        case _:
            assert_never(answer)


def _attempt(attempt: Attempt) -> View:
    charge = attempt.charge
    return {
        "number": attempt.number,
        "attempt_key": charge.attempt_key,
        "gateway": attempt.gateway,
        "amount": money_view(charge.amount),
        "payer": {
            "customer": charge.payer.customer,
            "payment_method": charge.payer.payment_method,
        },
        "charge_id": attempt.charge_id,
        "dead": attempt.closed,
        "sends": attempt.sends,
        "created_at": instant_view(attempt.created_at),
        "first_sent_at": _maybe(attempt.first_sent_at),
        "send_deadline": _maybe(attempt.send_deadline),
        "evidence": [_evidence(piece) for piece in attempt.evidence],
    }


def _evidence(piece: Evidence) -> View:
    return {
        "number": piece.number,
        "source": piece.source.value,
        "send": piece.send,
        "asked_at": instant_view(piece.asked_at),
        "at": instant_view(piece.at),
        **answer_view(piece.answer),
    }


def _release(release: Release) -> View:
    return {
        "outcome": release.verdict.value,
        "generation": release.generation,
        "key": release.key,
        "sends": release.sends,
        "first_sent_at": instant_view(release.first_sent_at),
        "answered_at": _maybe(release.answered_at),
        "answer": release.answer,
    }


def _incident(incident: Incident) -> View:
    return {
        "number": incident.number,
        "kind": incident.kind.value,
        "at": instant_view(incident.at),
        "detail": incident.detail,
    }


def _entry(entry: HistoryEntry) -> View:
    return {
        "number": entry.number,
        "at": instant_view(entry.at),
        "actor": entry.actor.value,
        "who": entry.who,
        "event": entry.event,
        "reason": entry.reason,
        "from_state": None if entry.from_state is None else entry.from_state.value,
        "to_state": None if entry.to_state is None else entry.to_state.value,
        "facts": dict(entry.facts),
    }


def _link(workflow: Workflow, aftermaths: Sequence[Aftermath]) -> View:
    ended = next((aftermath_view(one) for one in aftermaths if _is_of(one, workflow)), None)
    return {**workflow_view(workflow), "aftermath": ended}


def _is_of(aftermath: Aftermath, workflow: Workflow) -> bool:
    return aftermath.workflow_id == workflow.workflow_id


def _maybe(instant: datetime | None) -> str | None:
    return None if instant is None else instant_view(instant)
