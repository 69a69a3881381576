"""What is asked often costs the same with a long history: counted in steps, not in time."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from external_gate.domain.identifiers import InvoiceId
from external_gate.domain.workflow import HeldReason, State
from external_gate.stores.sql_leases import CLAIMABLE, claim
from external_gate.stores.sql_ledger import INVOICE_TAKEN_BY, read_ledgers
from external_gate.stores.sql_lists import list_workflows, read_counts, workflow_query
from external_gate.stores.sql_transaction import Parameters, select
from external_gate.stores.store_records import WorkflowFilter
from external_gate.testkit.store_checks.store_samples import (
    LEASE,
    NOW,
    W1,
    W2,
    W3,
    begun,
    claimed,
    facts,
    later,
)
from tests.stores.conftest import opened

HELD = WorkflowFilter(states=frozenset({State.HELD}))
NO_PAYER = WorkflowFilter(held_reasons=frozenset({HeldReason.NO_PAYER}))

HISTORY = """
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 20000)
INSERT INTO workflows (
    workflow_id, workflow_type, customer_id, contract_id, invoice_id, invoice_currency,
    state, received_at, updated_at
)
SELECT 'ended-' || n, 'spend', 'c', 'c', 'i-' || n, 'USD', 'released', n, n FROM counted
"""


@pytest.fixture
async def connection(path: Path) -> AsyncIterator[sqlite3.Connection]:
    """Give a database with one due, one leased and one waiting workflow, and no history."""
    async with opened(path) as store:
        await begun(store, W1)
        await begun(store, W2)
        await claimed(store, W2)
        await begun(store, W3, at=later(9999))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def _steps(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], object]) -> int:
    """Count the instructions of SQLite's machine that some work takes; it is undone again."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.execute("BEGIN")
    connection.set_progress_handler(step, 1)
    work(connection)
    connection.set_progress_handler(None, 1)
    connection.execute("ROLLBACK")
    return steps


def _claim(connection: sqlite3.Connection) -> None:
    (due,) = claim(connection, owner="w", now=later(1), lease=LEASE, limit=32)
    assert due.workflow.workflow_id == W1


def _count(connection: sqlite3.Connection) -> None:
    assert read_counts(connection).by_state == {State.RECEIVED: 3}


def _list_held(connection: sqlite3.Connection) -> None:
    assert list_workflows(connection, HELD) == []
    assert list_workflows(connection, NO_PAYER) == []


def _ask_for_invoice(connection: sqlite3.Connection) -> None:
    (ledger,) = read_ledgers(connection, [facts(invoice_id=InvoiceId("i-7 of nobody"))])
    assert ledger.invoice_taken_by is None


@pytest.mark.parametrize("work", [_claim, _count, _list_held, _ask_for_invoice])
async def test_cost_does_not_grow_with_history(
    connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], object]
) -> None:
    before = _steps(connection, work)
    connection.execute(HISTORY)

    after = _steps(connection, work)

    assert 10 < after <= before * 1.1


def _plan(connection: sqlite3.Connection, sql: str, asked: Parameters) -> str:
    rows = select(connection, f"EXPLAIN QUERY PLAN {sql}", asked)
    return " / ".join(row["detail"] for row in rows)


async def test_claim_reads_the_partial_index_in_order(connection: sqlite3.Connection) -> None:
    connection.execute(HISTORY)
    connection.execute("ANALYZE")  # whatever statistics somebody makes

    plan = _plan(connection, CLAIMABLE, {"now": 1, "limit": 32})

    assert plan == "SEARCH workflows USING INDEX workflows_claimable (claimable_at<?)"


async def test_listings_use_their_indexes(connection: sqlite3.Connection) -> None:
    connection.execute(HISTORY)
    invoice = {"invoice_id": "i", "workflow_id": "w"}

    for wanted in (HELD, NO_PAYER):
        assert "workflows_unfinished" in _plan(connection, *workflow_query(wanted))
    assert "workflows_by_invoice (invoice_id=?)" in _plan(connection, INVOICE_TAKEN_BY, invoice)
    newest = _plan(connection, *workflow_query(WorkflowFilter(before=(NOW, W1))))
    assert "workflows_by_arrival" in newest
    assert "TEMP B-TREE FOR ORDER BY" not in newest  # but for the few of one millisecond
    customer = WorkflowFilter(customer_id=facts().customer_id, since=NOW - timedelta(days=1))
    assert "workflows_by_customer" in _plan(connection, *workflow_query(customer))
