"""Everything the pretend Metronome knows, in memory, and how to find it."""

import random
import uuid
from dataclasses import dataclass, field

from external_gate.emulator.delivery import Outbox
from external_gate.emulator.denomination import RateCards
from external_gate.emulator.records import Commit, Contract, Customer, Invoice, Workflow
from external_gate.emulator.refusals import Refusal


@dataclass(slots=True)
class Books:
    """Hold all records. Nothing here knows the time: every change is told it."""

    rng: random.Random
    outbox: Outbox
    rate_cards: RateCards = field(default_factory=RateCards)
    customers: dict[str, Customer] = field(default_factory=dict)
    contracts: dict[str, Contract] = field(default_factory=dict)
    invoices: dict[str, Invoice] = field(default_factory=dict)
    workflows: dict[str, Workflow] = field(default_factory=dict)
    granted: dict[str, list[Commit]] = field(default_factory=dict)  # by contract
    latest_workflow: dict[str, Workflow] = field(default_factory=dict)  # by contract

    field_keys: dict[tuple[str, str], bool] = field(default_factory=dict)  # (entity, key): unique
    seen_transactions: set[str] = field(default_factory=set)

    def new_id(self) -> str:
        """Give a fresh UUID, repeatable for a seeded generator."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def customer(self, customer_id: str) -> Customer:
        """Find a customer by id, else 404."""
        if found := self.customers.get(customer_id):
            return found
        raise Refusal(404, f"Customer {customer_id} was not found")

    def customer_by_alias(self, alias: str) -> Customer | None:
        """Find a customer by id or ingest alias."""
        if alias in self.customers:
            return self.customers[alias]
        return next((c for c in self.customers.values() if alias in c.ingest_aliases), None)

    def contract(self, *, customer_id: str, contract_id: str) -> Contract:
        """Find a contract as the contract endpoints do: 400 with a code instead of 404."""
        if customer_id not in self.customers:
            message = f"Customer {customer_id} was not found"
            raise Refusal(400, message, code="CustomerNotFound")
        found = self.contracts.get(contract_id)
        if found is None or found.customer_id != customer_id:
            message = f"Contract {contract_id} was not found"
            raise Refusal(400, message, code="ContractNotFound")
        return found

    def contracts_of(self, customer_id: str) -> list[Contract]:
        """Give a customer's contracts, oldest first."""
        return [self.contracts[each] for each in self.customer(customer_id).contract_ids]

    def add_contract(self, contract: Contract) -> None:
        """Keep a new contract."""
        self.contracts[contract.id] = contract
        self.customer(contract.customer_id).contract_ids.append(contract.id)

    def commits_of(self, contract: Contract) -> list[Commit]:
        """Give a contract's granted commits, oldest first."""
        return self.granted.get(contract.id, [])

    def grant(self, commit: Commit) -> None:
        """Let a commit be used."""
        self.granted.setdefault(commit.contract_id, []).append(commit)

    def add_workflow(self, workflow: Workflow) -> None:
        """Keep a new workflow and its invoice."""
        self.invoices[workflow.invoice.id] = workflow.invoice
        self.workflows[workflow.id] = workflow
        self.latest_workflow[workflow.commit.contract_id] = workflow

    def invoice(self, *, customer_id: str, invoice_id: str) -> Invoice:
        """Find a customer's invoice, else 404."""
        found = self.invoices.get(invoice_id)
        if found is None or found.commit.customer_id != customer_id:
            raise Refusal(404, f"Invoice {invoice_id} was not found")
        return found

    def workflow(self, workflow_id: str) -> Workflow:
        """Find a workflow, else 404."""
        if found := self.workflows.get(workflow_id):
            return found
        raise Refusal(404, f"Workflow {workflow_id} was not found")

    def open_workflow_of(self, contract: Contract) -> Workflow | None:
        """Find the one workflow that still waits for an outcome, if there is one."""
        latest = self.latest_workflow.get(contract.id)
        return latest if latest is not None and latest.is_open else None
