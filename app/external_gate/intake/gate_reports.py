"""What Metronome reports about a gate: from the fields of a body to a report, or to its flaws."""

from collections.abc import Mapping
from datetime import UTC, datetime

from external_gate.domain.gate_report import GateReport, ReportKind
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId
from external_gate.intake.body_fields import (
    clipped_text,
    kept_text,
    properties_of,
    required_text,
)

_YEARS = range(2000, 9000)
"""Of a timestamp that is believed: every database can keep it."""


_KINDS = frozenset(ReportKind)


def is_report(kind: str) -> bool:
    """Tell whether a notification of this type is a report about a gate."""
    return kind in _KINDS


def read_report(kind: str, sent: Mapping[str, object], flaws: list[str]) -> GateReport | None:
    """Read a report; None, and at least one flaw, when it cannot be matched to anything.

    Only what it is matched by must be there: customer, contract, and the invoice where one is
    promised. New fields and values come without notice; what is for people is cut, never refused.
    Source: docs.metronome.com, guides/platform-configuration/setup-webhooks, 2026-08-28.
    """
    properties = properties_of(sent)
    if not properties:
        flaws.append("properties is missing or not one object")
        return None
    found = len(flaws)
    customer_id = required_text(properties, "customer_id", flaws)
    contract_id = required_text(properties, "contract_id", flaws)
    invoice_id = ""
    if kind != ReportKind.THRESHOLD_REACHED:
        invoice_id = required_text(properties, "invoice_id", flaws)
    status = ""
    if kind == ReportKind.PAYMENT_STATUS:
        status = required_text(properties, "payment_status", flaws)
    if len(flaws) > found:
        return None
    return GateReport(
        kind=ReportKind(kind),
        customer_id=CustomerId(customer_id),
        contract_id=ContractId(contract_id),
        invoice_id=InvoiceId(invoice_id) if invoice_id else None,
        workflow_type=kept_text(properties.get("workflow_type")) or "",
        status=status,
        message=clipped_text(properties.get("error_message")),
        told_at=_timestamp(properties.get("timestamp")),
    )


def _timestamp(value: object) -> datetime | None:
    """Read RFC 3339; None for anything else, which is no reason to lose the rest."""
    try:
        told = datetime.fromisoformat(value) if isinstance(value, str) else None
        if told is None or told.tzinfo is None:
            return None
        told = told.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return told if told.year in _YEARS else None
