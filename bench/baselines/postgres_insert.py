"""One INSERT per request, committed by itself, through a pool of psycopg connections."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette

from bench.baselines.signed_webhook import signed_app

CONNECTIONS = 16
"""Enough that PostgreSQL flushes for several at once."""

_CREATE = "CREATE TABLE notifications (notification_id text PRIMARY KEY, body bytea NOT NULL)"
_INSERT = "INSERT INTO notifications VALUES (%s, %s) ON CONFLICT DO NOTHING"


@asynccontextmanager
async def open_app(database_url: str) -> AsyncIterator[Starlette]:
    """Give the application; the database is empty."""
    pool = AsyncConnectionPool(
        database_url,
        min_size=CONNECTIONS,
        max_size=CONNECTIONS,
        kwargs={"autocommit": True},
        open=False,
    )
    async with pool:
        async with pool.connection() as connection:
            await connection.execute(_CREATE)

        async def keep(notification_id: str, body: bytes) -> None:
            async with pool.connection() as connection:
                await connection.execute(_INSERT, (notification_id, body))

        yield signed_app(keep)
