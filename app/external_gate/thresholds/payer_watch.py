"""Whether a payer changed since a payment failed: by the source, or by the host's word."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from external_gate.domain.aftermath import Aftermath
from external_gate.domain.charge import Payer
from external_gate.domain.errors import Unavailable
from external_gate.domain.evidence import Attempt
from external_gate.domain.workflow import Facts
from external_gate.metronome.billing import Billing
from external_gate.payers.payer_source import PayerQuestion, PayerSource
from external_gate.stores.store import Store
from external_gate.thresholds.failure_seen import digest_of


@dataclass(frozen=True, slots=True)
class PayerWatch:
    """Asks the payer source as a charge would; raises what it and `Billing` raise."""

    billing: Billing
    payers: PayerSource
    store: Store

    def digest_at_failure(self, attempts: Sequence[Attempt]) -> str | None:
        """Give the digest of the payer who was charged in vain; None when nobody was."""
        return digest_of(attempts[-1].charge.payer) if attempts else None

    async def with_digest(self, aftermath: Aftermath) -> Aftermath:
        """Give it with something to compare with: where nobody was charged, who would be now."""
        if aftermath.payer_digest is not None:
            return aftermath
        return replace(aftermath, payer_digest=digest_of(await self._present(aftermath.facts)))

    async def change(self, aftermath: Aftermath) -> str:
        """Say in which way the payer changed; empty when nothing tells that it did."""
        told_at = aftermath.payer_changed_at
        if told_at is not None and told_at >= await self._payer_read_at(aftermath):
            return f"{aftermath.payer_change_told_by} told that the payer changed"
        present = await self._present(aftermath.facts)
        # That there is nobody any more is a change, but none that a payment could profit by.
        if present is not None and digest_of(present) != aftermath.payer_digest:
            return "the payer source names another payer or payment method"
        return ""

    async def _payer_read_at(self, aftermath: Aftermath) -> datetime:
        """Since when a change was not yet known to the charge; rather too early than too late."""
        dossier = await self.store.dossier(aftermath.workflow_id)
        if dossier is None:
            return aftermath.began_at
        attempts = dossier.attempts
        return attempts[-1].created_at if attempts else dossier.workflow.received_at

    async def _present(self, facts: Facts) -> Payer | None:
        customer = await self.billing.customer(facts.customer_id)
        contract = await self.billing.contract(facts.customer_id, facts.contract_id)
        if customer is None or contract is None:
            raise Unavailable("Metronome does not show the customer and the contract")
        question = PayerQuestion(
            facts.workflow_id,
            facts.customer_id,
            facts.contract_id,
            customer_custom_fields=customer.custom_fields,
            contract_custom_fields=contract.custom_fields,
        )
        return await self.payers.find(question)
