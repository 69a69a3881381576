"""Moving a lived history to PostgreSQL: it arrives as it was, or the move is refused."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from external_gate.domain.charge import Payer
from external_gate.domain.errors import BadInput, Broken, Refused
from external_gate.domain.host_notice import DeliveryState, NoticeFilter, NoticeType
from external_gate.domain.identifiers import CustomerId
from external_gate.domain.workflow import State
from external_gate.stores.copied_tables import TABLES
from external_gate.stores.copying import BYTES, Progress, move, verify
from external_gate.stores.postgres_address import PostgresAddress
from external_gate.stores.postgres_schema import applied
from external_gate.stores.sqlite import SqliteStore
from external_gate.stores.store import Store
from external_gate.stores.store_records import Dossier, WorkflowFilter
from external_gate.testkit.store_checks.store_samples import (
    LEASE,
    NOW,
    W1,
    W2,
    begun,
    change,
    charging,
    later,
    paid,
    told,
)
from tests.stores.conftest import another_process, by_hand, line_of, opened, opened_postgres
from tests.stores.lived_histories import lived_histories
from tests.tallies import count

LOTS = 1000


async def _everything(store: Store) -> dict[str, Any]:
    """Read whatever the store can be asked for."""
    workflows = await store.workflows(WorkflowFilter(limit=LOTS))
    ids = [workflow.workflow_id for workflow in workflows]
    return {
        "dossiers": [await store.dossier(each) for each in ids],
        "facts": [await store.facts(each) for each in ids],
        "history": [await store.history(each) for each in ids],
        "incidents": [await store.incidents(each) for each in ids],
        "notices": await store.notices(limit=LOTS),
        "host notices": await store.host_notices(NoticeFilter(limit=LOTS)),
        "notifications": await store.notifications(limit=LOTS),
        "payers": await store.payers(limit=LOTS),
        "counts": await store.counts(),
    }


@pytest.fixture
def histories() -> Sequence[bytes]:
    """Give lived databases; made outside of the test's event loop, because they need their own."""
    return lived_histories()


async def test_every_state_arrives_as_it_was(
    path: Path, address: PostgresAddress, histories: Sequence[bytes]
) -> None:
    seen: set[State] = set()
    for number, image in enumerate(histories):
        file = path.with_name(f"{number}.db")
        file.write_bytes(image)
        there = PostgresAddress(
            address.parameters, f"{address.namespace}_{number}", address.lock_timeout
        )
        async with opened(file) as store:
            before = await _everything(store)
        try:
            move(file, there)
            async with opened_postgres(there) as store:
                after = await _everything(store)
        finally:
            with there.connect() as connection:
                connection.execute(f"DROP SCHEMA {there.namespace} CASCADE".encode())

        assert after == before
        seen |= {dossier.workflow.state for dossier in before["dossiers"]}

    assert seen == set(State)
    count("histories moved to PostgreSQL, together in every state", len(histories))


@asynccontextmanager
async def _moved(path: Path, address: PostgresAddress) -> AsyncIterator[Store]:
    move(path, address)
    async with opened_postgres(address) as store:
        yield store


async def test_notices_arrive_as_they_were_and_are_numbered_on(
    path: Path, address: PostgresAddress
) -> None:
    everything = dict.fromkeys(NoticeType, ("erp", "pager"))
    async with opened(path) as store:
        store.keep_notices(everything)
        await store.save(change(await paid(store), State.RELEASED))
        (due,) = await store.claim_notices("erp", now=NOW, lease=LEASE, limit=9)
        await store.settle_notice(due, state=DeliveryState.DEAD, outcome="410", at=later(1))
        before = await store.host_notices(NoticeFilter())

    async with _moved(path, address) as store:
        store.keep_notices(everything)
        assert await store.host_notices(NoticeFilter()) == before
        (waiting,) = await store.claim_notices("pager", now=NOW, lease=LEASE, limit=9)
        await store.save(change(await paid(store, W2), State.RELEASED))
        (newest, _) = await store.host_notices(NoticeFilter())

    assert waiting.body == before[0].body.encode()
    assert newest.number == before[0].number + 1


async def test_charge_on_the_wire_is_found_as_such(path: Path, address: PostgresAddress) -> None:
    async with opened(path) as store:
        fence = (await charging(store)).workflow.fence

    async with _moved(path, address) as store:
        early = await store.claim(owner="w", now=later(59), lease=LEASE, limit=9)
        (found,) = await store.claim(owner="w", now=later(61), lease=LEASE, limit=9)

    assert early == []
    assert (found.workflow.state, found.workflow.fence) == (State.CHARGING, fence + 1)
    assert _only_attempt(found).sends == 1


def _only_attempt(dossier: Dossier) -> Any:
    (attempt,) = dossier.attempts
    return attempt


async def test_marks_payers_and_numbers_are_carried(path: Path, address: PostgresAddress) -> None:
    async with opened(path) as store:
        await begun(store, W1)
        await store.put_payers({CustomerId("c"): Payer("cus", "pm", None)})
        await store.mark_restored(later(5))
        mark = await store.heartbeat(later(3600))
        await store.record(told(None, notification_id="n-2"))

    async with _moved(path, address) as store:
        await begun(store, W2)  # signed before the mark of the restore
        marked = await store.dossier(W2)
        newest = await store.notifications(limit=1)
        beat = await store.heartbeat(NOW)
        payers = await store.payers(limit=9)

    assert marked is not None
    assert marked.workflow.restored_at == later(5)
    assert newest[0].number == 3
    assert beat > mark
    assert payers == [("c", Payer("cus", "pm", None))]


async def test_large_bodies_are_copied_a_few_at_a_time(
    path: Path, address: PostgresAddress
) -> None:
    bodies = [bytes([letter]) * (BYTES * 2 // 3) for letter in b"abc"]
    async with opened(path) as store:
        for body in bodies:
            await store.record(told(None, body=body))
    told_so_far: list[Progress] = []

    move(path, address, tell=told_so_far.append)

    copied = [each.done for each in told_so_far if each.doing == "copied"]
    assert copied == [2, 3]


async def test_file_in_service_is_refused(path: Path, address: PostgresAddress) -> None:
    async with opened(path, exclusive=True):
        with pytest.raises(Broken, match="already serves or works on this database"):
            move(path, address)

    with address.connect() as connection:
        assert applied(connection, address) == []


def test_file_that_is_not_there_is_refused_and_not_made(
    path: Path, address: PostgresAddress
) -> None:
    with pytest.raises(BadInput, match=r"there is no database .*gate\.db"):
        move(path, address)

    assert not path.exists()


async def test_moved_file_is_not_served_and_says_where_to_go(
    path: Path, address: PostgresAddress
) -> None:
    await _made(path)
    move(path, address)

    for exclusive in (True, False):
        with pytest.raises(Broken, match=f"was moved to .*{address.namespace}.*--take-back"):
            await SqliteStore(path, exclusive=exclusive).open()


async def _made(path: Path) -> None:
    async with opened(path) as store:
        await charging(store)
        await store.heartbeat(NOW)


COMMAND = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("SELECT * FROM workflows").fetchall()
print("opened", flush=True)
input()
try:
    connection.execute("UPDATE workflows SET updated_at = 0")
except sqlite3.IntegrityError as error:
    print(error, flush=True)
"""


async def test_command_that_opened_the_file_before_writes_nothing(
    path: Path, address: PostgresAddress
) -> None:
    await _made(path)
    with another_process(COMMAND, path) as command:
        line_of(command)
        move(path, address)
        assert command.stdin is not None
        command.stdin.write("\n")
        command.stdin.flush()

        assert line_of(command) == "this database moves to another one"


async def test_schema_in_use_is_refused_and_the_file_stays_as_it_was(
    path: Path, address: PostgresAddress
) -> None:
    await _made(path)
    async with opened_postgres(address) as store:
        await store.heartbeat(NOW)

    with pytest.raises(Refused, match=r"is in use already \(meta have rows\)"):
        move(path, address)

    async with opened(path) as still:
        assert await still.dossier(W1) is not None


async def test_somebody_who_serves_the_schema_meanwhile_is_noticed(
    path: Path, address: PostgresAddress
) -> None:
    await _made(path)
    async with opened_postgres(address) as there:

        def beat(progress: Progress) -> None:
            with address.connect() as connection:
                connection.execute(f"SET search_path TO {address.namespace}".encode())
                connection.execute(
                    "INSERT INTO meta VALUES ('high_water', 1) ON CONFLICT DO NOTHING"
                )

        with pytest.raises(Refused, match="somebody works on"):
            move(path, address, tell=beat)
        assert await there.dossier(W1) is not None
    with pytest.raises(Broken, match="has only a part"):
        async with opened_postgres(address):
            pass


async def test_row_that_differs_is_named_and_nothing_is_handed_over(
    path: Path, address: PostgresAddress
) -> None:
    await _made(path)

    def meddle(progress: Progress) -> None:
        if progress.doing == "copied" and progress.table == "workflows":
            with address.connect() as connection:
                connection.execute(f"SET search_path TO {address.namespace}".encode())
                connection.execute("UPDATE workflows SET tries = 7")

    with pytest.raises(Refused, match=r"workflows: row \('workflow-1',\) differs in tries"):
        move(path, address, tell=meddle)

    with pytest.raises(Broken, match="has only a part"):
        async with opened_postgres(address):
            pass


async def test_verify_compares_until_the_schema_is_served(
    path: Path, address: PostgresAddress
) -> None:
    await _made(path)
    copied = move(path, address)

    assert verify(path, address).tables == copied.tables
    async with opened_postgres(address) as store:
        await store.heartbeat(later(9))
    with pytest.raises(Refused, match="has been in service"):
        verify(path, address)


async def test_text_that_postgres_cannot_keep_is_named(
    path: Path, address: PostgresAddress
) -> None:
    await _made(path)
    with by_hand(path) as connection:
        connection.execute("UPDATE workflows SET held_detail = ?", ("a\0b",))

    with pytest.raises(BadInput, match=r"table workflows, in the rows from \('workflow-1',\) on"):
        move(path, address)


async def test_restored_file_moves_with_its_marks(path: Path, address: PostgresAddress) -> None:
    """An older copy that nobody has opened yet: the move is the first to find it out."""
    await _made(path)
    path.with_name(f"{path.name}.heartbeat").write_text("2026-11-22T13:00:00.000+00:00\n")

    async with _moved(path, address) as store:
        dossier = await store.dossier(W1)

    assert dossier is not None
    assert dossier.workflow.restored_at == NOW + timedelta(hours=1)


def test_every_table_is_copied_and_none_before_what_it_refers_to() -> None:
    connection = sqlite3.connect(":memory:")
    connection.deserialize(lived_histories()[0])
    made = {
        name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
    }
    names = [table.name for table in TABLES]
    for number, name in enumerate(names):
        referred = {row[2] for row in connection.execute(f"PRAGMA foreign_key_list({name})")}
        # What is deferred may come later; all that is not comes before.
        assert referred <= set(names[:number]), name
    connection.close()

    assert {*names, "meta", "migrations", "sqlite_sequence"} == made
