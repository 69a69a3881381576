"""What Metronome's invoice and contract prove about a workflow that cannot be asked for itself."""

from enum import StrEnum

from external_gate.engine.case import Case
from external_gate.metronome.billing import InvoiceStatus


class Proof(StrEnum):
    """What reading back has shown."""

    CANCELLED = "cancelled"  # the invoice is void
    COMMITTED = "committed"  # an active commit of that invoice exists
    NOTHING = "nothing"


async def read_back(case: Case) -> Proof:
    """Ask whether Metronome's workflow has ended, and how.

    Only a void invoice and an active commit of the invoice prove anything (design §4). Raises
    `Unavailable` and `Broken` as `Billing`.
    """
    facts, billing = case.workflow.facts, case.engine.billing
    invoice = await billing.invoice(facts.customer_id, facts.invoice_id)
    if invoice is not None and invoice.status is InvoiceStatus.VOID:
        return Proof.CANCELLED
    contract = await billing.contract(facts.customer_id, facts.contract_id)
    if contract is None:
        return Proof.NOTHING
    paid_for = invoice.commit_ids if invoice is not None else frozenset()
    scheduled = {
        commit
        for commit, invoices in contract.invoices_of_commits.items()
        if facts.invoice_id in invoices
    }
    if contract.active_commit_ids & (paid_for | scheduled):
        return Proof.COMMITTED
    return Proof.NOTHING
