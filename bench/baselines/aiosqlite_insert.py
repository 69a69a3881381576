"""INSERT and COMMIT per request through one shared aiosqlite connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiosqlite
from starlette.applications import Starlette

from bench.baselines.signed_webhook import signed_app

_CREATE = "CREATE TABLE notifications (notification_id TEXT PRIMARY KEY, body BLOB NOT NULL)"
_INSERT = "INSERT INTO notifications VALUES (?, ?) ON CONFLICT DO NOTHING"


@asynccontextmanager
async def open_app(database_url: str) -> AsyncIterator[Starlette]:
    """Give the application; the file is fresh."""
    async with aiosqlite.connect(database_url.removeprefix("sqlite:///")) as connection:
        await connection.execute("PRAGMA journal_mode = WAL")
        await connection.execute("PRAGMA synchronous = FULL")
        await connection.execute(_CREATE)

        async def keep(notification_id: str, body: bytes) -> None:
            await connection.execute(_INSERT, (notification_id, body))
            await connection.commit()

        yield signed_app(keep)
