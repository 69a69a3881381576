"""A webhook that was lost on its way is noticed, once, and only where it was ours to get."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from external_gate.domain.errors import Unavailable
from external_gate.domain.gate_report import GateReport, KeptReport, ReportKind
from external_gate.domain.identifiers import ContractId, CustomerId, WorkflowId
from external_gate.metronome.contracting_client import ContractingClient
from external_gate.stores.sql_store import SqlStore
from external_gate.testkit.store_checks.report_checks import report
from external_gate.testkit.store_checks.store_samples import begun
from external_gate.thresholds.reached_watch import LEASE, ReachedWatch
from tests.databases import Database
from tests.thresholds.conftest import PRODUCT, TOKEN, Account, Killable, Killed, MovedClock

WAIT = timedelta(hours=1)


@dataclass
class Heard:
    """An observer that remembers, and may be killed while it speaks."""

    missed: list[KeptReport] = field(default_factory=list)
    dies: bool = False

    def webhook_missed(self, told: KeptReport) -> None:
        self.missed.append(told)
        if self.dies:
            raise Killed


@pytest.fixture
async def store(database: Database) -> AsyncIterator[SqlStore]:
    found = database.store()
    await found.open()
    yield found
    await found.close()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def watch(
    store: SqlStore, account: Account, wire: Killable, clock: MovedClock, heard: Heard
) -> ReachedWatch:
    client = ContractingClient(wire, base_url=account.url, token=TOKEN)
    return ReachedWatch(store, client, clock, WAIT, heard)


def gated(account: Account, gate: str = "EXTERNAL") -> GateReport:
    """Make a contract whose threshold is behind a gate, and what Metronome reports of it."""
    customer_id = account.customer()
    by = {"payment_gate_type": gate, "tax_type": "NONE"}
    stripe = {"stripe_config": {"payment_type": "PAYMENT_INTENT"}} if gate == "STRIPE" else {}
    threshold: Any = {  # a literal that fits the SDK's parameters
        "is_enabled": True,
        "threshold_amount": 5000,
        "commit": {"product_id": PRODUCT, "name": "Top-up"},
        "payment_gate_config": {**by, **stripe},
    }
    contract_id = account.contract(customer_id, spend_threshold_configuration=threshold)
    return GateReport(ReportKind.THRESHOLD_REACHED, customer_id, contract_id)


async def test_threshold_that_nothing_follows_is_reported_once(
    watch: ReachedWatch, account: Account, clock: MovedClock, heard: Heard
) -> None:
    told = gated(account)
    await report(watch.store, told, at=clock.now())
    assert await watch.run_once() == 0

    clock.moved += WAIT + timedelta(seconds=1)
    assert [await watch.run_once() for _ in range(3)] == [1, 0, 0]

    assert [each.report.contract_id for each in heard.missed] == [told.contract_id]
    since = clock.now() - WAIT
    (listed,) = await watch.store.lost_thresholds(since=since, limit=9)
    assert listed.report.contract_id == told.contract_id


async def test_threshold_that_its_workflow_follows_is_no_news(
    watch: ReachedWatch, account: Account, clock: MovedClock, heard: Heard
) -> None:
    told = gated(account)
    await report(watch.store, told, at=clock.now())
    keys = {"customer_id": told.customer_id, "contract_id": told.contract_id}
    await begun(watch.store, WorkflowId("w"), at=clock.now(), **keys)

    clock.moved += 2 * WAIT
    await watch.run_once()

    assert not heard.missed


@pytest.mark.parametrize("gate", ["STRIPE", "NONE"])
async def test_threshold_of_another_gate_is_none_of_ours(
    watch: ReachedWatch, account: Account, clock: MovedClock, heard: Heard, gate: str
) -> None:
    await report(watch.store, gated(account, gate), at=clock.now())

    clock.moved += 2 * WAIT
    await watch.run_once()
    clock.moved += 2 * WAIT
    await watch.run_once()

    assert not heard.missed


async def test_contract_that_metronome_does_not_know_is_none_of_ours(
    watch: ReachedWatch, account: Account, clock: MovedClock, heard: Heard
) -> None:
    gone = CustomerId("3f3bd1f7-8d5a-4b7e-9a0b-000000000000")
    told = GateReport(ReportKind.THRESHOLD_REACHED, gone, ContractId(gone))
    await report(watch.store, told, at=clock.now())

    clock.moved += 2 * WAIT
    await watch.run_once()

    assert not heard.missed


async def test_killed_before_it_is_written_down_it_is_reported_again(
    watch: ReachedWatch, account: Account, clock: MovedClock, heard: Heard
) -> None:
    await report(watch.store, gated(account), at=clock.now())
    clock.moved += 2 * WAIT
    heard.dies = True
    with pytest.raises(Killed):
        await watch.run_once()
    heard.dies = False

    assert await watch.run_once() == 0  # leased by the dead one
    clock.moved += LEASE
    assert [await watch.run_once() for _ in range(2)] == [1, 0]

    assert len(heard.missed) == 2


async def test_two_replicas_report_it_once(
    watch: ReachedWatch, account: Account, clock: MovedClock, heard: Heard
) -> None:
    for number in range(3):
        await report(watch.store, gated(account), f"r-{number}", at=clock.now())
    clock.moved += 2 * WAIT

    counts = await asyncio.gather(watch.run_once(), watch.run_once())

    assert sum(counts) == len(heard.missed) == 3
    assert len({each.notification for each in heard.missed}) == 3


async def test_contract_of_which_metronome_cannot_tell_keeps_no_other_waiting(
    watch: ReachedWatch, account: Account, clock: MovedClock, heard: Heard
) -> None:
    first, second = gated(account), gated(account)
    await report(watch.store, first, at=clock.now())
    await report(watch.store, second, "r-2", at=clock.now())
    clock.moved += 2 * WAIT
    account.control("faults", on="contract", kind="status", status=503)

    with pytest.raises(Unavailable):
        await watch.run_once()
    assert [each.report.contract_id for each in heard.missed] == [second.contract_id]
    clock.moved += LEASE
    await watch.run_once()

    assert {each.report.contract_id for each in heard.missed} == {
        first.contract_id,
        second.contract_id,
    }
