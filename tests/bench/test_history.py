"""A copied history must be what the service would have written, or its cost means nothing."""

from pathlib import Path

import pytest

from bench.servers.books import TABLES, Books, opened_books, size_by_table, size_bytes
from bench.servers.crew import running_crew
from bench.servers.history import INCIDENTS, copy_finished
from bench.servers.kept import prove_all_released
from bench.servers.product import sqlite_url
from bench.working.turn import AT_ONCE
from external_gate.stores.sqlite import SqliteStore
from external_gate.stores.store_records import WorkflowFilter

COPIES = 3_000


@pytest.mark.slow
async def test_copies_are_whole_distinct_and_readable(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path, "history")
    with running_crew("gate", tmp_path, outside_url=AT_ONCE, store_url=url) as crew:
        assert crew.work(most=1).count == 1
    with opened_books(url) as books:
        original = {table: count(books, table) for table in TABLES}

    copy_finished(url, COPIES, tell=lambda _text: None)

    prove_all_released(url, COPIES + 1)
    with opened_books(url) as books:
        for table in TABLES:
            assert count(books, table) == original[table] * (COPIES + 1)
        assert count(books, "incidents") == INCIDENTS
        assert books.execute("PRAGMA foreign_key_check").fetchall() == []
        assert books.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        firsts = books.execute("SELECT min(workflow_id), max(workflow_id) FROM workflows")
        lowest, highest = firsts.fetchone()
    assert lowest < "01"  # from one end of all ids to the other
    assert highest > "fe"
    await demand_readable(tmp_path / "history.db")
    assert size_bytes(url) > COPIES * 1_000
    assert set(TABLES) <= size_by_table(url).keys() or not size_by_table(url)


async def demand_readable(path: Path) -> None:
    """Read the newest copies as the service does, with all that belongs to them."""
    store = SqliteStore(path)
    await store.open()
    try:
        for workflow in await store.workflows(WorkflowFilter(limit=20)):
            dossier = await store.dossier(workflow.workflow_id)
            assert dossier is not None
            assert [attempt.sends for attempt in dossier.attempts] == [1]
            assert await store.history(workflow.workflow_id)
    finally:
        await store.close()


def count(books: Books, table: str) -> int:
    (number,) = books.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - ours
    return int(number)
