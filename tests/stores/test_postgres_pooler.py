"""Behind PgBouncer that hands connections around by transaction: nothing of ours stays on one."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pytest

from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.workflow import State
from external_gate.stores.postgres import PostgresStore
from external_gate.stores.postgres_address import PostgresAddress, address_of
from external_gate.testkit.store_checks.store_samples import (
    LEASE,
    NOW,
    SUCCESS,
    change,
    charging,
    key_of,
    later,
)
from tests.throwaway_postgres import Cluster, fresh_namespace

POOL_SIZE = 3

CONFIGURATION = """
[databases]
postgres = host={folder} dbname=postgres user=gate
[pgbouncer]
pool_mode = transaction
default_pool_size = {size}
listen_port = 6432
unix_socket_dir = {folder}
auth_type = any
logfile = {folder}/pgbouncer.log
"""


@pytest.fixture
def pooler(postgres: Cluster) -> Iterator[str]:
    """Give the address of a pooler with few connections."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None or postgres.folder is None:
        if os.environ.get("CI") and program is None:
            pytest.fail("PgBouncer is not installed")
        # Somebody else's server may not be reached through a pooler of ours.
        pytest.skip("needs PgBouncer, and a server of our own")
    written = postgres.folder / "pgbouncer.ini"
    written.write_text(CONFIGURATION.format(folder=postgres.folder, size=POOL_SIZE))
    url = f"postgresql://gate@/postgres?host={postgres.folder}&port=6432"
    with subprocess.Popen([program, "-q", written], user=postgres.user, cwd="/") as process:
        try:
            _wait_for(postgres.folder / ".s.PGSQL.6432", process)
            yield url
        finally:
            process.terminate()


def _wait_for(socket: Path, process: "subprocess.Popen[bytes]") -> None:
    while not socket.exists():
        assert process.poll() is None
        time.sleep(0.01)  # asked again: another process sets no event here


async def _live(store: PostgresStore, name: str) -> None:
    """Bring workflows from their notification to what a claim finds."""
    for number in range(5):
        workflow_id = WorkflowId(f"{name}-{number}")
        dossier = await charging(store, workflow_id)
        await store.append_evidence(key_of(workflow_id), [SUCCESS])
        read = await store.dossier(workflow_id)
        assert read is not None
        assert read.workflow.fence == dossier.workflow.fence
        await store.save(change(read, State.PAID, give_back=True))
    await store.heartbeat(NOW)
    await store.counts()


async def test_many_stores_share_few_connections(
    pooler: str, postgres: Cluster, address: PostgresAddress
) -> None:
    with fresh_namespace(postgres) as second:
        namespaces = [address.namespace, second]
        async with AsyncExitStack() as stack:
            stores = []
            for number in range(6):
                behind = address_of(pooler, namespace=namespaces[number % 2])
                store = PostgresStore(behind, listen=False)
                await store.open()
                stack.push_async_callback(store.close)
                stores.append(store)

            await asyncio.gather(*[_live(store, f"s{n}") for n, store in enumerate(stores)])

            for store in stores[:2]:
                due = await store.claim(owner="w", now=later(9999), lease=LEASE, limit=99)
                assert len(due) == 15
                assert all(dossier.workflow.state is State.PAID for dossier in due)
            with postgres.connect() as connection:
                asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'ext%'"
                (in_use,) = connection.execute(asked).fetchone() or (0,)
                assert in_use in range(1, POOL_SIZE + 1)
        with psycopg.connect(pooler, autocommit=True) as anybody:
            assert anybody.execute("SHOW search_path").fetchone() == ('"$user", public',)
