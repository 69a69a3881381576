"""Starlette that reads a body and answers: the least that a service can be."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bench.baselines.signed_webhook import app_with


@asynccontextmanager
async def open_app(_database_url: str) -> AsyncIterator[Starlette]:
    """Give the application."""

    async def webhook(request: Request) -> Response:
        await request.body()
        return JSONResponse({"result": "recorded"})

    yield app_with(webhook)
