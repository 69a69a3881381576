"""What is asked often is found by index on PostgreSQL too, however long the history is."""

from collections.abc import Iterator

import psycopg
import pytest

from external_gate.domain.workflow import HeldReason, State
from external_gate.stores import (
    sql_customers,
    sql_dossiers,
    sql_evidence,
    sql_lists,
    sql_standing,
)
from external_gate.stores.postgres_address import PostgresAddress
from external_gate.stores.postgres_schema import migrate
from external_gate.stores.postgres_session import in_postgres
from external_gate.stores.schema import shipped
from external_gate.stores.sql_leases import CLAIMABLE
from external_gate.stores.sql_ledger import INVOICE_TAKEN_BY
from external_gate.stores.store_records import WorkflowFilter
from tests.throwaway_postgres import Cluster

Prompt = psycopg.Connection[tuple[object, ...]]

HISTORY = """
INSERT INTO workflows (
    workflow_id, workflow_type, customer_id, contract_id, invoice_id, invoice_currency,
    state, received_at, updated_at
)
SELECT 'ended-' || n, 'spend', 'c-' || n, 'c', 'i-' || n, 'USD', 'released', n, n
FROM generate_series(1, 20000) AS n;
INSERT INTO attempts
SELECT
    workflow_id, 1, 'key-' || workflow_id, 'main', 1, 'USD', '{}', '', 1, 1, 1, 1, 1, 1, 0, 0,
    row_number() OVER () % 500 -- customers
FROM workflows;
INSERT INTO evidence (workflow_id, attempt_key, source, answer, asked_at, at, send)
SELECT workflow_id, attempt_key, 'charge', '{}', 1, 1, 1 FROM attempts;
ANALYZE;
"""


@pytest.fixture
def prompt(postgres: Cluster, address: PostgresAddress) -> Iterator[Prompt]:
    """Give a SQL prompt on a database with a long history and nothing to do."""
    migrate(address, shipped("postgres"))
    with postgres.connect() as connection:
        connection.execute(f"SET search_path TO {address.namespace}".encode())
        connection.execute(HISTORY)
        yield connection


HELD = sql_lists.workflow_query(WorkflowFilter(states=frozenset({State.HELD})))[0]
NO_PAYER = sql_lists.workflow_query(WorkflowFilter(held_reasons=frozenset({HeldReason.NO_PAYER})))


@pytest.mark.parametrize(
    "sql",
    [
        CLAIMABLE,
        INVOICE_TAKEN_BY,
        HELD,
        NO_PAYER[0],
        sql_dossiers._LOCKED,
        sql_dossiers._ATTEMPTS,
        sql_dossiers._EVIDENCE,
        sql_dossiers._RELEASES,
        sql_evidence._NEWEST,
        sql_standing._LOCK,
        sql_standing.NEWEST,
        sql_lists._COUNTS,
        sql_lists._DEFERRED,
        sql_customers.CHARGES,
        sql_customers.NEWEST,
    ],
)
def test_nothing_reads_the_whole_history(prompt: Prompt, sql: str) -> None:
    named = {
        "now": 5,
        "limit": 9,
        "invoice_id": "i-7",
        "workflow_id": "ended-7",
        "states": '["held"]',
        "reasons": '["no_payer"]',
        "mark": 7,
        "since": 0,
    }
    counted = ('["ended-7"]',) if "json_each(?)" in sql else ("ended-7",) if "?" in sql else ()

    explained = b"EXPLAIN " + in_postgres(sql)
    plan = prompt.execute(explained, counted or named).fetchall()

    text = "\n".join(str(line) for (line,) in plan)
    assert "Seq Scan on workflows" not in text, text
    assert "Seq Scan on attempts" not in text, text
    assert "Seq Scan on evidence" not in text, text
