"""Hears what the engine and the intake have done: one log line per step, and the metrics.

It takes records of the domain, and of the rooms above only their shape.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from external_gate.domain.errors import BadInput, Broken, Refused, Unavailable
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.ledger import HistoryEntry, Incident, IncidentKind
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
from external_gate.domain.workflow import HeldReason, State, Workflow
from external_gate.observe import cures, events
from external_gate.observe.metrics import Metrics
from external_gate.observe.step_line import step_line


class ReleaseTold(Protocol):
    """What one release call came to; `metronome.billing.ReleaseAnswer` is one."""

    @property
    def result(self) -> str:
        """Give how it ended."""
        ...

    @property
    def detail(self) -> str:
        """Give Metronome's words or the cause."""
        ...

    @property
    def retry_after(self) -> timedelta | None:
        """Give how long Metronome asks us to wait."""
        ...


class Kept(Protocol):
    """What became of anything that was sent to us."""

    @property
    def receipt(self) -> str:
        """Give the answer to the sender."""
        ...

    @property
    def number(self) -> int:
        """Give the number under which it is kept."""
        ...

    @property
    def workflow_id(self) -> WorkflowId | None:
        """Give the workflow it belongs to."""
        ...


class NotificationKept(Kept, Protocol):
    """What became of a notification; `stores.store_records.Recorded` is one."""

    @property
    def conflict(self) -> bool:
        """Tell whether it brought other facts for a known workflow."""
        ...

    @property
    def contradicts(self) -> bool:
        """Tell whether it reported another outcome than was decided."""
        ...


class LoggingObserver:
    """Observer of the engine and of the intake. Never raises, and never blocks: see `logs`."""

    def __init__(self, metrics: Metrics, logger: FilteringBoundLogger | None = None) -> None:
        self._metrics = metrics
        self._log = logger if logger is not None else events.log()

    def saved(self, before: Workflow, after: Workflow, history: tuple[HistoryEntry, ...]) -> None:
        """Log a committed change in one line; a hold as a warning with its cure."""
        has_moved = before.state is not after.state
        if has_moved and after.has_ended:
            self._metrics.workflow_ended(after.state)
        event, facts = step_line(before, after, history)
        if has_moved and after.state is State.HELD and after.held_reason is not None:
            self._held(after.workflow_id, after.held_reason, after.held_detail, facts)
        elif has_moved or history:
            self._log.info(event, **facts)
        else:
            self._log.debug(event, **facts)  # looked at, and nothing was to be done

    def incident(self, workflow: Workflow, incident: Incident) -> None:
        """Log an incident as a warning with its cure."""
        self._metrics.incident_raised(incident.kind)
        cure = cures.INCIDENT_CURES[incident.kind]
        self._log.warning(
            events.INCIDENT_RAISED,
            **_names(workflow),
            kind=incident.kind,
            detail=incident.detail,
            cure=cure.advice,
            command=cure.command(workflow.workflow_id),
        )

    def gateway_called(
        self, gateway: str, operation: str, answer: Answer, duration: timedelta
    ) -> None:
        """Count and time a call; log it as info when nobody knows what it came to."""
        outcome = OUTCOME_NAMES.get(type(answer), type(answer).__name__)
        self._metrics.gateway_called(gateway, operation, outcome, duration)
        facts = {"gateway": gateway, "operation": operation, "outcome": outcome}
        seconds = round(duration.total_seconds(), 3)
        match answer:
            case Unknown(cause) | UndoUnknown(cause):
                self._log.info(events.GATEWAY_LEFT_UNKNOWN, **facts, cause=cause, seconds=seconds)
            case _:
                self._log.debug(events.GATEWAY_CALLED, **facts, seconds=seconds)

    def release_called(self, answer: ReleaseTold, duration: timedelta) -> None:
        """Count and time a release call; log a refused token as an error with its cure."""
        self._metrics.release_called(answer.result, duration)
        facts: dict[str, object] = {"result": answer.result, "detail": answer.detail}
        facts["seconds"] = round(duration.total_seconds(), 3)
        if answer.retry_after is not None:
            facts["retry_after_seconds"] = answer.retry_after.total_seconds()
        if answer.result == "unauthorized":
            self._log.error(events.RELEASE_UNAUTHORIZED, **facts, cure=cures.UNAUTHORIZED)
        elif answer.result == "done":
            self._log.debug(events.RELEASE_ANSWERED, **facts)  # the step's own line says so
        else:
            self._log.info(events.RELEASE_ANSWERED, **facts)

    def lease_lost(self, workflow: Workflow) -> None:
        """Log that another worker took over."""
        self._metrics.lease_lost()
        self._log.warning(events.LEASE_LOST, **_names(workflow), fence=workflow.fence)

    def claim_failed(self, error: Exception) -> None:
        """Log that nothing could be claimed; with a traceback unless the database is away."""
        branch = _branch(error)
        self._metrics.step_failed(branch)
        facts = {"error": type(error).__name__, "branch": branch, "cause": error}
        if branch == "unavailable":
            self._log.warning(events.CLAIM_FAILED, **facts)
        else:
            self._log.error(events.CLAIM_FAILED, **facts, exc_info=error)

    def step_failed(self, workflow: Workflow, error: Exception) -> None:
        """Log an error of ours; with its traceback unless something outside is merely away."""
        branch = _branch(error)
        self._metrics.step_failed(branch)
        facts = {**_names(workflow), "error": type(error).__name__, "branch": branch}
        if branch == "unavailable":
            self._log.warning(events.STEP_FAILED, **facts, cause=error)
        else:
            self._log.error(events.STEP_FAILED, **facts, cause=error, exc_info=error)

    def acknowledged(self, receipt: str, age: timedelta) -> None:
        """Count a durable delivery."""
        self._metrics.notification_acknowledged(receipt, age)

    def recorded(
        self,
        recorded: NotificationKept,
        kind: str,
        age: timedelta,
        flaw: str | None,
        *,
        held: HeldReason | None = None,
    ) -> None:
        """Log a recorded delivery; `held` says why it began a workflow that waits for a person."""
        is_new = recorded.receipt == "recorded"
        self._metrics.notification_judged(
            conflict=recorded.conflict, flawed=flaw is not None and is_new
        )
        facts = {
            "number": recorded.number,
            "type": kind,
            "receipt": recorded.receipt,
            "workflow_id": recorded.workflow_id,
            "age_seconds": round(age.total_seconds(), 3),
        }
        if recorded.contradicts and recorded.workflow_id is not None:
            self._contradicted(recorded.workflow_id, facts)
            return
        began_held = is_new and not recorded.conflict and recorded.workflow_id is not None
        if recorded.conflict:
            cure = cures.CONFLICTED.format(number=recorded.number, id=recorded.workflow_id)
            self._log.warning(events.NOTIFICATION_CONFLICTED, **facts, cure=cure)
        elif flaw is not None and is_new and not began_held:
            cure = cures.FLAWED.format(number=recorded.number)
            self._log.warning(events.NOTIFICATION_FLAWED, **facts, flaw=flaw, cure=cure)
        else:
            # The metrics count it and the store keeps it: a line would be half of what it costs.
            self._log.debug(events.NOTIFICATION_RECORDED, **facts)
        reason = HeldReason.MISSHAPEN if held is None and flaw is not None else held
        if began_held and recorded.workflow_id is not None and reason is not None:
            held_facts = {"workflow_id": recorded.workflow_id, "state": State.HELD}
            self._held(recorded.workflow_id, reason, flaw or "", held_facts)

    def _contradicted(self, workflow_id: WorkflowId, facts: Mapping[str, object]) -> None:
        kind = IncidentKind.PAYMENT_STATUS_CONTRADICTED
        self._metrics.incident_raised(kind)
        cure = cures.INCIDENT_CURES[kind]
        command = cure.command(workflow_id)
        told = {**facts, "kind": kind, "cure": cure.advice, "command": command}
        self._log.warning(events.INCIDENT_RAISED, **told)

    def refused(self, reason: str, age: timedelta | None, *, only_the_date: bool) -> None:
        """Log a delivery that was turned away; as an error when our clock is the suspect."""
        self._metrics.notification_refused(reason, only_the_date=only_the_date)
        age_seconds = None if age is None else round(age.total_seconds())
        if only_the_date:
            self._log.error(
                events.CLOCK_SUSPECTED, reason=reason, age_seconds=age_seconds, cure=cures.CLOCK
            )
        else:
            self._log.warning(events.NOTIFICATION_REFUSED, reason=reason, age_seconds=age_seconds)

    def shed(self, reason: str, untold: int) -> None:
        """Count a delivery that was too much; log now and then how many were."""
        self._metrics.notification_refused(reason)
        if untold:
            self._log.warning(events.NOTIFICATIONS_SHED, shed=untold, cure=cures.OVERLOADED)

    def _held(
        self,
        workflow_id: WorkflowId,
        reason: HeldReason,
        detail: str,
        facts: Mapping[str, object],
    ) -> None:
        self._metrics.workflow_held(reason)
        cure = cures.CURES[reason]
        told = {
            **{name: fact for name, fact in facts.items() if name != "reason"},  # it is the detail
            "held_reason": reason,
            "detail": detail,
            "cure": cure.advice,
            "command": cure.command(workflow_id),
        }
        self._log.warning(events.WORKFLOW_HELD, **told)


OUTCOME_NAMES: Mapping[type, str] = {
    Succeeded: "succeeded",
    Declined: "declined",
    Pending: "pending",
    Unknown: "unknown",
    NotSent: "not_sent",
    Misconfigured: "misconfigured",
    NotFound: "not_found",
    Undone: "undone",
    UndoPending: "undo_pending",
    TooLate: "too_late",
    UndoUnknown: "undo_unknown",
}
"""What answers are called in metrics and logs."""


def _branch(error: Exception) -> str:
    match error:
        case BadInput():
            return "bad_input"
        case Refused():
            return "refused"
        case Unavailable():
            return "unavailable"
        case Broken():
            return "broken"
        case _:
            return "other"


def _names(workflow: Workflow) -> dict[str, object]:
    return {
        "workflow_id": workflow.workflow_id,
        "state": workflow.state,
        "invoice_id": workflow.facts.invoice_id,
        "customer_id": workflow.facts.customer_id,
    }
