"""What Metronome reports about a payment gate beside asking for a charge. Pure.

A report is Metronome's view, never the gateway's: it decides nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId
from external_gate.domain.workflow import Verdict

CLOCKS_DIFFER = timedelta(minutes=5)
"""By how much Metronome's timestamps and our clock may disagree; its own webhooks allow that."""


class ReportKind(StrEnum):
    """The notifications about a gate that ask for no charge, by their types."""

    THRESHOLD_REACHED = "payment_gate.threshold_reached"  # a gate opens: the charge is asked next
    PAYMENT_STATUS = "payment_gate.payment_status"  # how a payment stands, also after a release
    ACTION_REQUIRED = (
        "payment_gate.payment_pending_action_required"  # the customer must do something
    )


_TERMINAL: Mapping[str, Verdict] = {"paid": Verdict.PAID, "failed": Verdict.FAILED}


@dataclass(frozen=True, slots=True)
class GateReport:
    """One such report, as Metronome wrote it; none of them names a workflow."""

    kind: ReportKind
    customer_id: CustomerId
    contract_id: ContractId
    invoice_id: InvoiceId | None = None
    """None of `THRESHOLD_REACHED`: there is no invoice yet."""
    workflow_type: str = ""
    status: str = ""
    """Of `PAYMENT_STATUS`; only `paid` and `failed` are an end, the list is open."""
    message: str = ""
    """What went wrong, or what the customer must do."""
    told_at: datetime | None = None
    """Metronome's own timestamp; None where there is none, or none that can be read."""

    @property
    def outcome(self) -> Verdict | None:
        """Give the outcome that a payment status tells; None while it is not an end."""
        return _TERMINAL.get(self.status.lower())

    def happened_at(self, received_at: datetime) -> datetime:
        """Give when it happened: never after it was received, whatever its timestamp says."""
        return received_at if self.told_at is None else min(self.told_at, received_at)


@dataclass(frozen=True, slots=True)
class KeptReport:
    """A report with the notification that brought it."""

    notification: int
    """Its number."""
    report: GateReport
    received_at: datetime
    deliveries: int = 1
