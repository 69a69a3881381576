"""What is asked often costs the same with a long history: counted in steps, not in time."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from external_gate.domain.clock import to_milliseconds
from external_gate.domain.identifiers import CustomerId, InvoiceId, WorkflowId
from external_gate.domain.ledger import (
    MOST_COUNTED,
    MOST_DECLINES_READ,
    NOTHING_MORE,
    Asked,
    Ledger,
)
from external_gate.domain.workflow import HeldReason, State
from external_gate.stores.attempt_rows import customer_mark
from external_gate.stores.charge_documents import charge_to_json
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
    attempt,
    begun,
    charging,
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

CHARGED = """
INSERT INTO attempts (
    workflow_id, number, attempt_key, gateway, amount_minor, currency, charge, body, created_at,
    sends, first_sent_at, send_deadline, last_possible_send, closed, customer_mark
)
SELECT
    workflow_id, 1, 'key-' || workflow_id, 'main', 1500, 'USD', :charge, x'', :at, 1, :at, :at, :at,
    0, :mark
FROM workflows WHERE state = 'released'
"""
CHARGE = charge_to_json(attempt(W3).charge, facts(W3))
HOUR_AGO = NOW - timedelta(hours=1)
LIMITED = Asked(
    spent_since=HOUR_AGO,
    currency="USD",
    charges_since=HOUR_AGO,
    charges=9,
    gateway="main",
    payer=attempt(W3).charge.payer,
    declines=9,
)


def _history(
    connection: sqlite3.Connection, *, customer: str, at: datetime, workflows: int = 20_000
) -> None:
    """Add workflows that are long over, all of them charges with one customer's mark."""
    connection.execute(HISTORY.replace("20000", str(workflows)))
    mark = customer_mark(CustomerId(customer))
    asked = {"charge": CHARGE, "at": to_milliseconds(at), "mark": mark}
    connection.execute(CHARGED, asked)


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


@pytest.fixture
async def charged_once(connection: sqlite3.Connection, path: Path) -> None:
    """Have the customer charged once, within the hour."""
    async with opened(path) as store:
        await charging(store, WorkflowId("charged"))


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


def _ask_for_limits(connection: sqlite3.Connection) -> None:
    (ledger,) = read_ledgers(connection, [(facts(), LIMITED)])
    assert ledger == Ledger(spent_minor=1500, charges=(later(10),))


def _ask_for_invoice(connection: sqlite3.Connection) -> None:
    asking = facts(invoice_id=InvoiceId("i-7 of nobody"))
    (ledger,) = read_ledgers(connection, [(asking, NOTHING_MORE)])
    assert ledger.invoice_taken_by is None


@pytest.mark.parametrize("work", [_claim, _count, _list_held, _ask_for_invoice])
async def test_cost_does_not_grow_with_history(
    connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], object]
) -> None:
    before = _steps(connection, work)
    connection.execute(HISTORY)

    after = _steps(connection, work)

    assert 10 < after <= before * 1.1


async def test_limits_cost_the_same_however_many_other_customers_are_charged(
    connection: sqlite3.Connection, charged_once: None
) -> None:
    before = _steps(connection, _ask_for_limits)
    _history(connection, customer="another", at=NOW)

    after = _steps(connection, _ask_for_limits)

    assert 10 < after <= before * 1.1


async def test_limits_of_a_busy_customer_read_a_bounded_number_of_its_charges(
    connection: sqlite3.Connection, charged_once: None
) -> None:
    """Older charges are not read at all but for the newest few; those within the time, in part."""
    _history(connection, customer="customer-1", at=NOW - timedelta(days=2))
    older = _steps(connection, _ask_for_limits)
    connection.execute("UPDATE attempts SET send_deadline = ?", (to_milliseconds(NOW),))
    newer = _steps(connection, _assert_too_many)

    assert older < 100 * MOST_DECLINES_READ
    assert newer < 60 * MOST_COUNTED


def _assert_too_many(connection: sqlite3.Connection) -> None:
    (ledger,) = read_ledgers(connection, [(facts(), LIMITED)])
    assert ledger.too_many


async def test_customers_who_share_a_mark_are_told_apart(
    connection: sqlite3.Connection, charged_once: None
) -> None:
    _history(connection, customer="customer-1", at=NOW, workflows=3)  # they are another's

    _ask_for_limits(connection)


async def test_nothing_is_read_of_a_customer_that_no_rule_asks_for(
    connection: sqlite3.Connection, charged_once: None
) -> None:
    told: list[str] = []
    connection.set_trace_callback(told.append)

    read_ledgers(connection, [(facts(), NOTHING_MORE)])

    assert told
    assert not [sql for sql in told if "customer_mark" in sql]


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
