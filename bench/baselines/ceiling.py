"""An ordinary Starlette endpoint that checks the signature and stores nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from bench.baselines.signed_webhook import signed_app


@asynccontextmanager
async def open_app(_database_url: str) -> AsyncIterator[Starlette]:
    """Give the application."""
    yield signed_app(None)
