"""Reports about gates, to rows and back, the same for every store."""

from external_gate.domain.clock import from_milliseconds, to_milliseconds
from external_gate.domain.gate_report import GateReport, KeptReport, ReportKind
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId
from external_gate.stores.rows import Row, Value, instant, milliseconds


def report_values(told: KeptReport) -> dict[str, Value]:
    """Write a report; one of a threshold is watched from when it was received."""
    report = told.report
    received_at = to_milliseconds(told.received_at)
    is_watched = report.kind is ReportKind.THRESHOLD_REACHED
    return {
        "notification": told.notification,
        "kind": report.kind.value,
        "customer_id": report.customer_id,
        "contract_id": report.contract_id,
        "invoice_id": report.invoice_id,
        "workflow_type": report.workflow_type,
        "status": report.status,
        "message": report.message,
        "told_at": milliseconds(report.told_at),
        "at": to_milliseconds(report.happened_at(told.received_at)),
        "received_at": received_at,
        "watch_at": received_at if is_watched else None,
    }


def report_from(row: Row) -> KeptReport:
    """Read a report; `deliveries` comes from its notification, where that is asked for as well."""
    invoice_id = row["invoice_id"]
    report = GateReport(
        kind=ReportKind(row["kind"]),
        customer_id=CustomerId(row["customer_id"]),
        contract_id=ContractId(row["contract_id"]),
        invoice_id=None if invoice_id is None else InvoiceId(invoice_id),
        workflow_type=row["workflow_type"],
        status=row["status"],
        message=row["message"],
        told_at=instant(row["told_at"]),
    )
    received_at = from_milliseconds(row["received_at"])
    return KeptReport(row["notification"], report, received_at, row.get("deliveries", 1))
