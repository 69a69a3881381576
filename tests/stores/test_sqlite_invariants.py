"""What the database itself refuses, whoever asks: also a person with a SQL prompt."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from external_gate.domain.ledger import Incident, IncidentKind
from external_gate.domain.workflow import ENDED, State, Verdict
from external_gate.stores.schema import shipped
from external_gate.stores.store_records import NewNotice
from external_gate.testkit.store_checks.forbidden_rows import FORBIDDEN, NEXT_ATTEMPT
from external_gate.testkit.store_checks.store_samples import (
    NOW,
    W1,
    W2,
    W3,
    begun,
    change,
    charging,
    failed,
    key_of,
    paid,
)
from tests.stores.conftest import opened


@pytest.fixture
async def prompt(path: Path) -> AsyncIterator[sqlite3.Connection]:
    """Give a SQL prompt on a database with a released, a charging and a failed workflow."""
    async with opened(path) as store:
        incident = Incident(IncidentKind.REVERSED, NOW, "")
        released = change(await paid(store, W1), State.RELEASED, incidents=(incident,))
        await store.save(released)
        await charging(store, W2)
        await failed(store, W3)
        await store.record_notices([NewNotice("main", "evt-1", key_of(W2), None, False, NOW)])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection


@pytest.mark.parametrize("forbidden", [*FORBIDDEN, "UPDATE attempts SET body = x'00'"])
async def test_database_refuses(prompt: sqlite3.Connection, forbidden: str) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        prompt.execute(forbidden)


async def test_replacing_a_row_is_deleting_it(prompt: sqlite3.Connection) -> None:
    # SQLite asks the triggers of a deletion only with this setting, which sqlite-utils makes.
    prompt.execute("PRAGMA recursive_triggers = ON")

    with pytest.raises(sqlite3.IntegrityError, match="appended"):
        prompt.execute("REPLACE INTO history SELECT * FROM history")


async def test_closed_attempt_stays_closed(prompt: sqlite3.Connection) -> None:
    prompt.execute("UPDATE attempts SET closed = 1")

    for forbidden in ("UPDATE attempts SET closed = 0", "UPDATE attempts SET sends = 2"):
        with pytest.raises(sqlite3.IntegrityError, match="closed"):
            prompt.execute(forbidden)
    prompt.execute(NEXT_ATTEMPT)


async def test_decided_verdict_changes_only_out_of_refunding(prompt: sqlite3.Connection) -> None:
    prompt.execute("UPDATE workflows SET verdict = 'paid' WHERE state = 'charging'")

    with pytest.raises(sqlite3.IntegrityError, match="verdict"):
        prompt.execute("UPDATE workflows SET verdict = 'failed'")
    with pytest.raises(sqlite3.IntegrityError, match="verdict"):
        prompt.execute("UPDATE workflows SET verdict = NULL")
    prompt.execute("UPDATE workflows SET state = 'refunding' WHERE state = 'charging'")
    prompt.execute("UPDATE workflows SET verdict = 'failed' WHERE state = 'refunding'")


async def test_every_table_is_strict(prompt: sqlite3.Connection) -> None:
    tables = prompt.execute(
        "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        " AND name NOT LIKE 'sqlite%'"
    ).fetchall()

    assert len(tables) > 8
    assert all(strict for _, strict in tables)


def test_states_and_verdicts_are_those_of_the_code() -> None:
    (begin, *_) = shipped("sqlite")
    check = begin.sql.partition("CHECK (state IN (")[2].partition(")")[0]
    ended = begin.sql.partition("WHERE state NOT IN (")[2].partition(")")[0]
    verdicts = begin.sql.partition("CHECK (verdict IN (")[2].partition(")")[0]

    assert _words(check) == {state.value for state in State}
    assert _words(ended) == {state.value for state in ENDED}
    assert _words(verdicts) == {verdict.value for verdict in Verdict}


def _words(listed: str) -> set[str]:
    return {word.strip().strip("'") for word in listed.split(",")}


def test_every_column_that_may_be_null_says_when() -> None:
    for migration in shipped("sqlite"):
        for line in migration.sql.splitlines():
            column, _, comment = line.partition("--")
            kept = "NOT NULL" in column or "PRIMARY KEY" in column or "REFERENCES" in column
            if line.startswith("    ") and (" TEXT" in column or " INTEGER" in column) and not kept:
                assert "null" in comment, line


async def test_money_seen_is_set_by_a_success_alone(path: Path) -> None:
    async with opened(path) as store:
        await paid(store, W1)
        await charging(store, W2)
        await begun(store)
        assert key_of(W1) != key_of(W2)
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT workflow_id, money_seen FROM workflows ORDER BY 1")
        assert rows.fetchall() == [(W1, 1), (W2, 0)]
