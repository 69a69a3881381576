"""Walks over customers and contracts: which gates there are, and of which purchase nothing came."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from external_gate.domain.errors import Refused
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.workflow import Facts, State, Verdict, Workflow
from external_gate.metronome.contracting import Gate
from external_gate.stores.store_records import NewNotification
from external_gate.thresholds.applying import Thresholds
from external_gate.thresholds.contract_books import ContractBooks, latest_failure
from external_gate.thresholds.planning import Wish
from external_gate.thresholds.survey import Survey
from external_gate.thresholds.unreceived import Fate, Search, Unreceived
from tests.thresholds.conftest import OFF, PREPAID, SPEND, Account, Json, MovedClock
from tests.thresholds.test_applying import change, new

NOW = datetime.now(UTC)


def workflow_of(told: Json, **more: Any) -> Workflow:  # the record's own fields
    """Make the workflow that a notification would have begun."""
    facts = Facts(
        workflow_id=WorkflowId(told["workflow_id"]),
        workflow_type=told["workflow_type"],
        customer_id=CustomerId(told["customer_id"]),
        contract_id=ContractId(told["contract_id"]),
        invoice_id=InvoiceId(told["invoice_id"]),
        total=None,
        currency=told["invoice_currency"],
    )
    found = Workflow(facts, State.RECEIVED, received_at=NOW, updated_at=NOW)
    return replace(found, **more)


async def receive(books: ContractBooks, told: Json, **more: Any) -> None:
    await books.store.record(notification(told, workflow=workflow_of(told, **more)))


def notification(told: Json, **more: Any) -> NewNotification:
    body = json.dumps(told).encode()
    return NewNotification(
        notification_id=told["workflow_id"], type="payment_gate.external_initiate",
        digest=told["workflow_id"].encode().hex(), body=body,
        signed_at=NOW, received_at=NOW, concerns_us=True,
        **more,
    )  # fmt: skip


async def test_walk_finds_external_gates_and_says_how_far_it_is(
    account: Account, thresholds: Thresholds, books: ContractBooks
) -> None:
    for _ in range(3):
        await change(thresholds, new(account), SPEND)
    other = new(account, "eur-1")
    await change(thresholds, other, replace(SPEND, unit="EUR", gate=Gate.NONE))
    account.customer("without a contract")
    told: list[tuple[int, int, int]] = []
    survey = Survey(
        thresholds, books, lambda p: told.append((p.customers, p.contracts, p.thresholds))
    )

    external = [each async for each in survey.walk()]
    every = [each async for each in Survey(thresholds, books).walk(every_gate=True)]

    assert [each.threshold.gate for each in external] == ["EXTERNAL"] * 3
    assert len(every) == 4
    assert told == [(5, 4, 3)]
    assert every[3].tariff is not None
    assert every[3].tariff.fiat.name == "EUR"


async def test_walk_reads_every_page(
    account: Account, thresholds: Thresholds, books: ContractBooks
) -> None:
    customers = [account.customer(f"c{number}") for number in range(101)]
    contracts = [account.contract(customers[100]) for _ in range(21)]
    for contract in (contracts[0], contracts[20]):
        await change(thresholds, (customers[100], contract), SPEND)

    survey = Survey(thresholds, books)
    found = [each async for each in survey.walk()]

    assert {each.contract.contract_id for each in found} == {contracts[0], contracts[20]}
    assert (survey.progress.customers, survey.progress.contracts) == (101, 21)


async def test_walk_goes_on_when_metronome_was_busy(
    account: Account, thresholds: Thresholds, books: ContractBooks, clock: MovedClock
) -> None:
    whose = new(account)
    await change(thresholds, whose, SPEND)
    account.control("faults", on="any", kind="rate_limited", times=4)

    found = [each async for each in Survey(thresholds, books).walk(customer_id=whose[0])]

    assert len(found) == 1
    assert clock.moved == timedelta(seconds=15)


async def test_unknown_customer_is_refused(thresholds: Thresholds, books: ContractBooks) -> None:
    with pytest.raises(Refused, match="no customer nobody"):
        async for _ in Survey(thresholds, books).walk(customer_id=CustomerId("nobody")):
            pass


async def test_threshold_that_is_off_names_the_workflow_that_failed(
    account: Account, thresholds: Thresholds, books: ContractBooks
) -> None:
    whose = new(account)
    await change(thresholds, whose, PREPAID)
    (told,) = account.workflows(whose[1])
    await receive(books, told, verdict=Verdict.FAILED)
    await change(thresholds, whose, OFF)
    await change(thresholds, new(account), replace(SPEND, is_enabled=False))

    found = [each async for each in Survey(thresholds, books).walk()]

    assert [each.failed and each.failed.workflow_id for each in found] == [
        told["workflow_id"], None,
    ]  # fmt: skip


def test_latest_failure_is_the_newest_that_failed() -> None:
    told = {
        "workflow_type": "spend", "customer_id": "c", "contract_id": "k", "invoice_id": "i",
        "invoice_currency": "USD",
    }  # fmt: skip
    paid, newer, older = (
        workflow_of({**told, "workflow_id": name}, verdict=verdict)
        for name, verdict in (("p", Verdict.PAID), ("n", Verdict.FAILED), ("o", Verdict.FAILED))
    )

    assert latest_failure([paid, newer, older]) is newer
    assert latest_failure([paid]) is None


async def searched(
    thresholds: Thresholds, books: ContractBooks, **more: datetime
) -> list[Unreceived]:
    day = timedelta(days=1)
    search = Search(
        Survey(thresholds, books),
        since=more.get("since", NOW - day),
        until=more.get("until", NOW + day),
    )
    return [each async for each in search.walk()]


async def test_purchase_without_a_workflow_is_found_with_its_fate(
    account: Account, thresholds: Thresholds, books: ContractBooks
) -> None:
    fates = {}
    for fate in ("received", "waiting", "void", "committed"):
        whose = new(account)
        await change(thresholds, whose, PREPAID)
        (told,) = account.workflows(whose[1])
        match fate:
            case "received":
                await receive(books, told)
            case "void":
                account.control(f"invoices/{told['invoice_id']}/void")
            case "committed":
                account.http.post(
                    "/v1/contracts/commits/threshold-billing/release",
                    json={"workflow_id": told["workflow_id"], "outcome": "paid"},
                )
        fates[told["invoice_id"]] = fate

    found = {each.purchase.invoice_id: each.fate for each in await searched(thresholds, books)}

    assert found == {invoice: Fate(f) for invoice, f in fates.items() if f != "received"}


async def test_other_purchases_of_the_contract_are_none_of_ours(
    account: Account, thresholds: Thresholds, books: ContractBooks
) -> None:
    whose = new(account)
    await change(thresholds, whose, replace(PREPAID, product_id="another"))
    await change(thresholds, whose, Wish(product_id="ours"))

    assert await searched(thresholds, books) == []


async def test_search_leaves_out_what_is_too_young_or_too_old(
    account: Account, thresholds: Thresholds, books: ContractBooks
) -> None:
    await change(thresholds, new(account), PREPAID)
    now = datetime.now(UTC)

    assert len(await searched(thresholds, books)) == 1
    assert await searched(thresholds, books, until=now - timedelta(minutes=15)) == []
    assert await searched(thresholds, books, since=now + timedelta(minutes=1)) == []


async def test_notification_that_was_not_understood_is_the_way_out(
    account: Account, thresholds: Thresholds, books: ContractBooks
) -> None:
    whose = new(account)
    await change(thresholds, whose, PREPAID)
    (told,) = account.workflows(whose[1])
    kept = await books.store.record(notification(told, flaw="no invoice_total"))

    (found,) = await searched(thresholds, books)

    assert found.notification == kept.number
