"""A procrastinate job per notification, deferred; a worker elsewhere would do it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued
from starlette.applications import Starlette

from bench.baselines.signed_webhook import signed_app

CONNECTIONS = 16
"""As with the other pools."""


@asynccontextmanager
async def open_app(database_url: str) -> AsyncIterator[Starlette]:
    """Give the application; the database is empty."""
    connector = PsycopgConnector(conninfo=database_url, min_size=CONNECTIONS, max_size=CONNECTIONS)
    app = App(connector=connector)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()

        async def keep(notification_id: str, body: bytes) -> None:
            job = app.configure_task("charge", queueing_lock=notification_id)
            try:
                await job.defer_async(body=body.decode())
            except AlreadyEnqueued:
                return  # delivered twice

        yield signed_app(keep)
