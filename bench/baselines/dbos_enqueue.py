"""A DBOS workflow per notification, enqueued; nobody works on it, as with a worker elsewhere."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions
from starlette.applications import Starlette

from bench.baselines.signed_webhook import signed_app

CONNECTIONS = 16
"""As with the other pools."""


@asynccontextmanager
async def open_app(database_url: str) -> AsyncIterator[Starlette]:
    """Give the application; the database is empty."""
    _make_tables(database_url)
    client = DBOSClient(system_database_url=database_url, system_database_pool_size=CONNECTIONS)

    async def keep(notification_id: str, body: bytes) -> None:
        options: EnqueueOptions = {
            "workflow_name": "charge",
            "queue_name": "charges",
            "workflow_id": notification_id,
        }
        await client.enqueue_async(options, body.decode())

    try:
        yield signed_app(keep)
    finally:
        client.destroy()


def _make_tables(database_url: str) -> None:
    """Start and end an application: clients make no tables."""
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": database_url,
        "log_level": "WARNING",
    }
    DBOS(config=config)
    DBOS.launch()
    DBOS.destroy()
