"""Thresholds as programs see them: plain JSON values, the same for commands, API and console. Pure.

The names are pinned: other software reads them. Amounts are texts: in `unit` as people write them,
in `metronome` as Metronome does.
"""

from datetime import UTC, datetime
from decimal import Decimal

from external_gate.domain.gate_report import KeptReport
from external_gate.domain.money import bare_currency
from external_gate.domain.workflow import Workflow
from external_gate.metronome.contracting import ContractTerms, ThresholdConfig
from external_gate.metronome.exact_json import write_object
from external_gate.thresholds.applying import Prepared
from external_gate.thresholds.survey import Surveyed
from external_gate.thresholds.tariff import Tariff
from external_gate.thresholds.unreceived import Unreceived

View = dict[str, object]
"""What JSON can say."""


def threshold_view(config: ThresholdConfig, tariff: Tariff | None) -> View:
    """Give a threshold."""
    return {
        "kind": config.kind.value,
        "payment_gate_type": config.gate,
        "is_enabled": config.is_enabled,
        "threshold_amount": _amount(config.threshold_amount, config, tariff),
        "recharge_to_amount": (
            None
            if config.recharge_to_amount is None
            else _amount(config.recharge_to_amount, config, tariff)
        ),
        "product_id": config.product_id,
        "commit_name": config.commit_name,
        "payment_fraction": f"{config.payment_fraction:f}",
        "tax_type": config.tax_type,
        "tax_amount": None if config.tax_amount is None else f"{config.tax_amount:f}",
        "tax_name": config.tax_name,
    }


def contract_view(
    contract: ContractTerms, tariff: Tariff | None, workflows: list[Workflow]
) -> View:
    """Give a contract with its thresholds and the workflows that we know, newest first."""
    return {
        **_whose(contract),
        "rate_card_id": contract.rate_card_id,
        "currency": None if tariff is None else tariff.fiat.name,
        "thresholds": [threshold_view(each, tariff) for each in contract.thresholds.values()],
        "workflows": [workflow_row(each) for each in workflows],
    }


def prepared_view(prepared: Prepared, *, now: datetime) -> View:
    """Give a planned change: what differs, and what would be sent, as JSON in its exact digits."""
    contract = prepared.contract
    return {
        "customer_id": prepared.customer_id,
        "contract_id": None if contract is None else contract.contract_id,
        "kind": prepared.plan.kind.value,
        "differences": [
            {"what": one.what, "before": one.before, "after": one.after}
            for one in prepared.plan.differences
        ],
        "remarks": list(prepared.plan.remarks),
        "sent": None if prepared.plan.is_done else write_object(prepared.body(now)).decode(),
        "uniqueness_key": None if prepared.plan.is_done else prepared.uniqueness_key,
    }


def surveyed_view(found: Surveyed) -> View:
    """Give one row of the list."""
    return {
        **_whose(found.contract),
        "customer_name": found.customer.name,
        **threshold_view(found.threshold, found.tariff),
        "off_since": None if found.failed is None else instant(found.failed.updated_at),
        "failed_workflow_id": None if found.failed is None else found.failed.workflow_id,
    }


def unreceived_view(found: Unreceived) -> View:
    """Give one purchase of which nothing was received."""
    bought = found.purchase
    return {
        **_whose(found.where.contract),
        "customer_name": found.where.customer.name,
        "invoice_id": bought.invoice_id,
        "invoice_total": f"{bought.total:f}",
        "invoice_currency": bare_currency(bought.credit_type_name),
        "issued_at": None if bought.issued_at is None else instant(bought.issued_at),
        "reached_at": None,
        "fate": found.fate.value,
        "notification": found.notification,
    }


def unanswered_view(told: KeptReport) -> View:
    """Give a threshold that was reached and never followed, beside the purchases of its kind."""
    report = told.report
    return {
        "customer_id": report.customer_id,
        "contract_id": report.contract_id,
        "contract_name": None,
        "customer_name": None,
        "invoice_id": None,
        "invoice_total": None,
        "invoice_currency": None,
        "issued_at": None,
        "reached_at": instant(report.happened_at(told.received_at)),
        "fate": "unanswered",
        "notification": told.notification,
    }


def workflow_row(workflow: Workflow) -> View:
    """Give a workflow in short."""
    return {
        "workflow_id": workflow.workflow_id,
        "state": workflow.state.value,
        "outcome": None if workflow.verdict is None else workflow.verdict.value,
        "received_at": instant(workflow.received_at),
        "updated_at": instant(workflow.updated_at),
    }


def instant(moment: datetime) -> str:
    """Give an instant as ISO 8601 in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _whose(contract: ContractTerms) -> View:
    return {
        "customer_id": contract.customer_id,
        "contract_id": contract.contract_id,
        "contract_name": contract.name,
    }


def _amount(told: Decimal, config: ThresholdConfig, tariff: Tariff | None) -> View:
    measure = None if tariff is None else tariff.measure_of(config.custom_unit_id)
    return {
        "amount": None if measure is None else f"{measure.to_people(told):f}",
        "unit": None if measure is None else measure.name,
        "metronome": f"{told:f}",
    }
