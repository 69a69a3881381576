"""What PostgreSQL itself refuses, whoever asks: also a person with a SQL prompt."""

from collections.abc import AsyncIterator

import psycopg
import pytest

from external_gate.domain.ledger import Incident, IncidentKind
from external_gate.domain.workflow import State
from external_gate.stores.postgres_address import PostgresAddress
from external_gate.stores.store_records import NewNotice
from external_gate.testkit.store_checks.forbidden_rows import FORBIDDEN, NEXT_ATTEMPT
from external_gate.testkit.store_checks.store_samples import (
    NOW,
    W1,
    W2,
    W3,
    change,
    charging,
    failed,
    key_of,
    paid,
)
from tests.stores.conftest import opened_postgres
from tests.throwaway_postgres import Cluster

Prompt = psycopg.Connection[tuple[object, ...]]

OF_OURS = "EG001"


@pytest.fixture
async def prompt(postgres: Cluster, address: PostgresAddress) -> AsyncIterator[Prompt]:
    """Give a SQL prompt on a database with a released, a charging and a failed workflow."""
    async with opened_postgres(address) as store:
        incident = Incident(IncidentKind.REVERSED, NOW, "")
        released = change(await paid(store, W1), State.RELEASED, incidents=(incident,))
        await store.save(released)
        await charging(store, W2)
        await failed(store, W3)
        await store.record_notices([NewNotice("main", "evt-1", key_of(W2), None, False, NOW)])
    with postgres.connect() as connection:
        connection.execute(f"SET search_path TO {address.namespace}".encode())
        yield connection


@pytest.mark.parametrize("forbidden", [*FORBIDDEN, "UPDATE attempts SET body = '\\x00'"])
async def test_database_refuses(prompt: Prompt, forbidden: str) -> None:
    with pytest.raises(psycopg.DatabaseError) as refused:
        prompt.execute(forbidden.encode())

    code = refused.value.sqlstate or ""
    assert code == OF_OURS or code[:2] == "23" or "'soon'" in forbidden


@pytest.mark.parametrize("table", ["workflows", "attempts", "evidence", "history", "incidents"])
async def test_nothing_is_emptied(prompt: Prompt, table: str) -> None:
    with pytest.raises(psycopg.DatabaseError) as refused:
        prompt.execute(f"TRUNCATE {table} CASCADE".encode())

    assert refused.value.sqlstate == OF_OURS


async def test_closed_attempt_stays_closed(prompt: Prompt) -> None:
    prompt.execute("UPDATE attempts SET closed = 1")

    for forbidden in ("UPDATE attempts SET closed = 0", "UPDATE attempts SET sends = 2"):
        with pytest.raises(psycopg.DatabaseError, match="closed"):
            prompt.execute(forbidden.encode())
    prompt.execute(NEXT_ATTEMPT.encode())


async def test_decided_verdict_changes_only_out_of_refunding(prompt: Prompt) -> None:
    prompt.execute("UPDATE workflows SET verdict = 'paid' WHERE state = 'charging'")

    for forbidden in ("SET verdict = 'failed'", "SET verdict = NULL"):
        with pytest.raises(psycopg.DatabaseError, match="verdict"):
            prompt.execute(f"UPDATE workflows {forbidden}".encode())
    prompt.execute("UPDATE workflows SET state = 'refunding' WHERE state = 'charging'")
    prompt.execute("UPDATE workflows SET verdict = 'failed' WHERE state = 'refunding'")
