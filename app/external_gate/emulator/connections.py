"""Closing a connection without an answer, which ASGI itself cannot do."""

import asyncio
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_CLOSE = "emulator.close_connection"


class DroppableProtocol(H11Protocol):
    """Lend every request of a connection the means to close it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Put the means into the state that uvicorn copies into each request's scope."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, _CLOSE: transport.abort}


class NoAnswer(Response):
    """Send nothing: for a connection that is already closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do nothing at all."""


def can_drop(request: Request) -> bool:
    """Tell whether this server can close a connection without an answer."""
    return _CLOSE in request.scope.get("state", {})


async def drop(request: Request) -> Response:
    """Close the connection at once; returns when it is closed."""
    close: Callable[[], None] = request.scope["state"][_CLOSE]
    close()
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return NoAnswer()
