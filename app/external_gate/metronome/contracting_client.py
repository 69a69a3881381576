"""Contracting over HTTP: one call per method, never a retry."""

from collections.abc import Mapping
from typing import Any

from external_gate.domain.errors import Refused
from external_gate.domain.identifiers import ContractId, CustomerId
from external_gate.metronome import contracting_wire
from external_gate.metronome.billing import Customer
from external_gate.metronome.client import MetronomeClient
from external_gate.metronome.contracting import (
    AlreadyMade,
    ContractTerms,
    Page,
    Purchase,
    RateCard,
)
from external_gate.metronome.wire import CONTRACT_PATH, contract_body
from external_gate.outbound.calls import Answered, CallEnd


class ContractingClient(MetronomeClient):
    """`Contracting` over Metronome's API; see there for its promises.

    The token may read customers, contracts, rate cards and invoices, and create and edit contracts.
    """

    async def terms(self, customer_id: CustomerId, contract_id: ContractId) -> ContractTerms | None:
        """Read a contract with its thresholds."""
        end = await self._post(CONTRACT_PATH, contract_body(customer_id, contract_id))
        answer = self._read(end, f"contract {contract_id}")
        return None if answer is None else contracting_wire.read_terms(answer.body)

    async def edit_ids(self, customer_id: CustomerId, contract_id: ContractId) -> frozenset[str]:
        """Give the ids of all edits that were ever made to a contract."""
        end = await self._post(contracting_wire.EDITS_PATH, contract_body(customer_id, contract_id))
        answer = self._there(end, f"the edits of contract {contract_id}")
        return contracting_wire.read_edit_ids(answer.body)

    async def rate_card(self, rate_card_id: str) -> RateCard | None:
        """Read a rate card."""
        end = await self._post(
            contracting_wire.RATE_CARD_PATH, contracting_wire.rate_card_body(rate_card_id)
        )
        answer = self._read(end, f"rate card {rate_card_id}")
        return None if answer is None else contracting_wire.read_rate_card(answer.body)

    async def customers(self, following: str | None = None) -> Page[Customer]:
        """List customers."""
        end = await self._get(contracting_wire.customers_path(following))
        return contracting_wire.read_customers(self._there(end, "the list of customers").body)

    async def contracts_of(
        self, customer_id: CustomerId, following: str | None = None
    ) -> Page[ContractTerms]:
        """List a customer's contracts that are not archived."""
        body = contracting_wire.contracts_body(customer_id, following)
        end = await self._post(contracting_wire.LIST_PATH, body)
        answer = self._there(end, f"the contracts of customer {customer_id}")
        return contracting_wire.read_contracts(answer.body)

    async def purchases(
        self, customer_id: CustomerId, contract_id: ContractId, following: str | None = None
    ) -> Page[Purchase]:
        """List a contract's invoices that buy commits, newest first; a page may be empty."""
        path = contracting_wire.invoices_path(customer_id, contract_id, following)
        answer = self._there(await self._get(path), f"the invoices of contract {contract_id}")
        return contracting_wire.read_purchases(answer.body)

    async def create_contract(
        self,
        customer_id: CustomerId,
        *,
        contract: Mapping[str, Any],  # whatever Metronome's create endpoint takes
        uniqueness_key: str,
    ) -> ContractId:
        """Make a contract and give its id; amounts in `contract` are `Decimal`.

        Raises `Refused` when Metronome refuses, `AlreadyMade` for a uniqueness key that was used.
        After `Unavailable` the contract may have been made.
        """
        subject = f"a new contract for customer {customer_id}"
        body = contracting_wire.create_body(
            customer_id, contract=contract, uniqueness_key=uniqueness_key
        )
        answer = self._answer(await self._post(contracting_wire.CREATE_PATH, body), subject)
        if answer.status == 409:
            raise AlreadyMade(f"Metronome has {subject} already: {self._said(answer)}")
        if 400 <= answer.status < 500:
            raise Refused(f"Metronome refuses {subject}: {self._said(answer)}")
        self._demand_success(answer, subject)
        return contracting_wire.read_created(answer.body)

    def _there(self, end: CallEnd, subject: str) -> Answered:
        """Give the answer of a successful read; that there is nothing is a no."""
        answer = self._answer(end, subject)
        if 400 <= answer.status < 500:
            raise Refused(f"Metronome does not give {subject}: {self._said(answer)}")
        self._demand_success(answer, subject)
        return answer
