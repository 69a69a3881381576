"""What goes wrong below us on PostgreSQL: nothing acknowledged is lost, and it goes on."""

import asyncio
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from random import Random

import pytest

from external_gate.domain.errors import BadInput, Broken, Unavailable
from external_gate.domain.identifiers import WorkflowId
from external_gate.stores.postgres import PostgresStore
from external_gate.stores.postgres_address import PostgresAddress, address_of
from external_gate.stores.postgres_session import PostgresSession
from external_gate.stores.store_records import NewNotification
from external_gate.testkit.store_checks.store_samples import (
    W1,
    begun,
    caught_up,
    claimed,
    initiate,
    later,
    received,
    told,
)
from tests.stores.conftest import SHORT, opened_postgres
from tests.tallies import count
from tests.throwaway_postgres import Cluster

OUR_CONNECTIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'external-gate' AND pid <> pg_backend_pid()
"""


def _end_connections(postgres: Cluster) -> int:
    with postgres.connect() as connection:
        return len(connection.execute(OUR_CONNECTIONS).fetchall())


async def _goes_on(store: PostgresStore) -> None:
    """Wait until the store writes again; the pause between two tries to connect is short."""
    async with asyncio.timeout(20):
        while True:
            try:
                await begun(store, WorkflowId("afterwards"))
            except Unavailable:
                await asyncio.sleep(0.05)  # as a sender pauses while the server is down
            else:
                return


async def _keep_recording(
    store: PostgresStore,
    sent: list[NewNotification],
    acknowledged: set[WorkflowId],
    stopping: asyncio.Event,
    name: str,
) -> int:
    """Record until told to stop; gives how often the database was away."""
    number = away = 0
    while not stopping.is_set():
        number += 1
        workflow_id = WorkflowId(f"{name}-{number}")
        try:
            sent.append(told(received(workflow_id), notification_id=workflow_id))
            assert (await store.record(sent[-1])).workflow_id == workflow_id
            acknowledged.add(workflow_id)
        except Unavailable:
            away += 1
            await asyncio.sleep(0.01)  # as a sender pauses while the server is down
    return away


async def _until_larger(found: Sized, *, than: int) -> None:
    while len(found) <= than:  # noqa: ASYNC110 - other tasks fill it
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("trouble", ["server killed", "connections ended"])
async def test_nothing_acknowledged_is_lost(
    address: PostgresAddress, postgres: Cluster, trouble: str
) -> None:
    acknowledged: set[WorkflowId] = set()
    sent = [initiate(WorkflowId("afterwards"))]
    stopping = asyncio.Event()
    strike = postgres.restart if trouble == "server killed" else _end_connections
    arguments = () if trouble == "server killed" else (postgres,)
    async with opened_postgres(address) as store, asyncio.timeout(60):
        recording = [
            asyncio.create_task(_keep_recording(store, sent, acknowledged, stopping, f"sender-{n}"))
            for n in range(8)
        ]
        for _ in range(3):
            await _until_larger(acknowledged, than=len(acknowledged) + 50)
            await asyncio.to_thread(strike, *arguments)
        await _goes_on(store)
        stopping.set()
        away = sum(await asyncio.gather(*recording))
        left = len(await store.inbox(after=0, limit=99_999))
        await caught_up(store, sent)

        kept = {note.workflow_id for note in await store.notifications(limit=99_999)}

    assert acknowledged <= kept
    count(f"acknowledgements checked, {trouble}", len(acknowledged))
    count(f"calls refused meanwhile, {trouble}", away)
    count(f"of them left in the inbox at the end, {trouble}", left)


async def test_connections_that_broke_while_idle_are_made_anew_unnoticed(
    address: PostgresAddress, postgres: Cluster
) -> None:
    async with opened_postgres(address) as store:
        await begun(store)
        await store.heartbeat(later(1))
        await store.counts()

        assert _end_connections(postgres) == 3

        await begun(store, WorkflowId("w-2"))
        await store.heartbeat(later(2))
        assert len(await store.notifications(limit=9)) == 2


async def test_server_that_is_down_is_unavailable_until_it_is_back(
    address: PostgresAddress, postgres: Cluster
) -> None:
    async with opened_postgres(address) as store:
        await begun(store)
        await asyncio.to_thread(postgres.stop)
        try:
            with pytest.raises(Unavailable):
                await begun(store, WorkflowId("w-2"))
            with pytest.raises(Unavailable, match="cannot be reached"):
                await store.dossier(W1)
            with pytest.raises(Unavailable, match="cannot be reached"):
                await PostgresStore(address).open()
        finally:
            await asyncio.to_thread(postgres.start)

        await _goes_on(store)
        assert await store.dossier(W1) is not None


@contextmanager
def _read_only(postgres: Cluster) -> Iterator[None]:
    """Let the server write nothing, as a standby."""
    with postgres.connect() as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        connection.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
            connection.execute("SELECT pg_reload_conf()")


async def _refusal(store: PostgresStore) -> str:
    async with asyncio.timeout(10):  # the server reads its configuration a moment later
        while True:
            try:
                await begun(store, WorkflowId("w-refused"))
            except Unavailable as error:
                return str(error)
            await asyncio.sleep(0.01)  # asked again: another process sets no event here


async def test_read_only_server_can_be_read_but_not_written(
    address: PostgresAddress, postgres: Cluster
) -> None:
    async with opened_postgres(address) as store:
        await begun(store)
        with _read_only(postgres):
            assert "read-only" in await _refusal(store)
            assert await store.dossier(W1) is not None
            async with opened_postgres(address) as other:  # up to date: nothing is to be migrated
                assert await other.dossier(W1) is not None
        await _goes_on(store)


async def test_read_only_server_is_left_for_another_connection(
    address: PostgresAddress, postgres: Cluster
) -> None:
    """After a failover the old connection leads to a standby for ever; a new one need not."""
    session = PostgresSession(address, begin=address.begin_to_write)
    async with opened_postgres(address):
        pass
    with _read_only(postgres):
        session.begin()
        connection = session.transaction.connection
        connection.execute("SET LOCAL transaction_read_only = on")
        with pytest.raises(Exception, match="read-only"):
            session.transaction.execute("UPDATE meta SET value = value")
        session.rollback()
        session.begin()
        assert session.transaction.connection is not connection
        session.close()


async def test_row_that_others_keep_locked_is_unavailable(
    postgres: Cluster, namespace: str
) -> None:
    impatient = address_of(postgres.url, namespace=namespace, lock_timeout=SHORT)
    async with opened_postgres(impatient) as store:
        await begun(store)
        lock = f"UPDATE {namespace}.workflows SET tries = tries"  # noqa: S608 - our own name
        with postgres.connect() as other, other.transaction():
            other.execute(lock.encode())
            with pytest.raises(Unavailable, match="keeps a row locked"):
                await claimed(store, W1)
            assert await store.dossier(W1) is not None  # reading goes on


async def test_transaction_that_was_aborted_is_not_taken_for_committed(
    address: PostgresAddress,
) -> None:
    async with opened_postgres(address):
        pass
    session = PostgresSession(address, begin=address.begin_to_write)
    session.begin()
    with pytest.raises(Exception, match="zero"):
        session.transaction.execute("SELECT 1 / 0")

    with pytest.raises(Exception, match="rolled the transaction back"):
        session.commit()

    session.close()


async def test_commits_are_durable_and_leave_nothing_on_the_connection(
    address: PostgresAddress,
) -> None:
    session = PostgresSession(address, begin=address.begin_to_write)
    session.begin()
    connection = session.transaction.connection
    inside = connection.execute("SHOW synchronous_commit").fetchone()
    path = connection.execute("SHOW search_path").fetchone()
    session.commit()

    assert inside == ("on",)
    assert path == (f'"{address.namespace}", pg_temp',)
    assert connection.execute("SHOW search_path").fetchone() == ('"$user", public',)
    assert connection.execute("SHOW lock_timeout").fetchone() == ("0",)
    assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
    session.close()


async def test_stricter_durability_of_the_server_stays(postgres: Cluster, namespace: str) -> None:
    url = f"{postgres.url}&options=-csynchronous_commit%3Dremote_apply"
    address = address_of(url, namespace=namespace)
    session = PostgresSession(address, begin=address.begin_to_write)
    session.begin()
    told = session.transaction.connection.execute("SHOW synchronous_commit").fetchone()
    session.close()

    assert told == ("remote_apply",)


TOO_LONG = Random(1).randbytes(5000).hex()  # noqa: S311 - it only has to stay long in an index


@pytest.mark.parametrize("name", ["\ud800", "a\0b", TOO_LONG])
async def test_text_that_cannot_be_kept_is_the_callers_fault(
    address: PostgresAddress, name: str
) -> None:
    async with opened_postgres(address) as store:
        unkept = told(received(WorkflowId("w")), notification_id=name)
        with pytest.raises(BadInput):
            await store.record(unkept)
        await begun(store)

        assert len(await store.notifications(limit=9)) == 1


async def test_number_that_cannot_be_kept_is_the_callers_fault(address: PostgresAddress) -> None:
    async with opened_postgres(address) as store:
        with pytest.raises(BadInput):
            await store.notification(10**30)


def test_password_is_not_shown(namespace: str) -> None:
    address = address_of("postgresql://gate:c4n4ry@db.example/gate", namespace=namespace)

    assert "c4n4ry" not in address.shown
    assert "gate at db.example" in address.shown


@pytest.mark.parametrize("url", ["postgresql://u:c4n4ry@[db/x", "postgresql://x?c4n4ry=1"])
def test_address_that_is_none_is_broken_without_repeating_it(url: str) -> None:
    with pytest.raises(Broken, match="no address") as told_:
        address_of(url, namespace="gate")

    assert "c4n4ry" not in str(told_.value)
    assert told_.value.__suppress_context__


@pytest.mark.parametrize("namespace", ["", "Gate", "a-b", 'x"; DROP', "1a", "x" * 41])
def test_namespace_must_be_a_plain_name(namespace: str) -> None:
    with pytest.raises(Broken, match=r"store\.namespace"):
        address_of("postgresql://db/gate", namespace=namespace)
