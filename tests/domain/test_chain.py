"""Chains of failed payments: what is linked, and what is not."""

from datetime import UTC, datetime, timedelta

import pytest

from external_gate.domain.chain import NO_CHAIN, chain_of
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.workflow import Facts, State, Workflow

BEGAN = datetime(2026, 11, 22, 12, tzinfo=UTC)


def workflow(
    number: int, state: State = State.CANCELLED, *, contract: str = "c", kind: str = "spend"
) -> Workflow:
    name = f"{number}-{contract}-{kind}"
    facts = Facts(
        workflow_id=WorkflowId(name),
        workflow_type=kind,
        customer_id=CustomerId("ada"),
        contract_id=ContractId(contract),
        invoice_id=InvoiceId(f"invoice of {name}"),
        total=None,
        currency="USD",
    )
    at = BEGAN + timedelta(hours=number)
    return Workflow(facts=facts, state=state, received_at=at, updated_at=at, due_at=None)


def test_chain_goes_from_the_first_failure_to_what_was_paid() -> None:
    line = [
        workflow(1, State.RELEASED),
        workflow(2),
        workflow(3),
        workflow(4, State.RELEASED),
        workflow(5),
    ]

    found = chain_of(line[2], reversed(line))

    assert (found.before, found.after) == ((line[1],), (line[3],))
    assert chain_of(line[1], line).after == (line[2], line[3])
    assert chain_of(line[3], line).before == (line[1], line[2])


def test_what_succeeded_is_followed_by_nobody() -> None:
    line = [workflow(1, State.RELEASED), workflow(2, State.RELEASED)]

    assert chain_of(line[0], line) == NO_CHAIN
    assert chain_of(line[1], line) == NO_CHAIN


@pytest.mark.parametrize("other", [workflow(2, contract="d"), workflow(2, kind="prepaid")])
def test_other_contracts_and_thresholds_are_not_linked(other: Workflow) -> None:
    failed = workflow(1)

    assert chain_of(failed, [failed, other]) == NO_CHAIN
    assert chain_of(other, [failed, other]) == NO_CHAIN
