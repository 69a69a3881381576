"""A farewell on every connection while the service drains, before the listener closes."""

from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from external_gate.web.health import Readiness


@dataclass(frozen=True, slots=True)
class Farewell:
    """Says `Connection: close` with every answer while the service drains.

    Otherwise a sender that keeps its connection is surprised by its end, perhaps with the next
    notification already on it. A balancer then gives it a new connection, to a replica that stays.
    """

    app: ASGIApp
    readiness: Readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def say(message: Message) -> None:
            if message["type"] == "http.response.start" and self.readiness.draining:
                headers = [*message.get("headers", ()), (b"connection", b"close")]
                message = {**message, "headers": headers}
            await send(message)

        await self.app(scope, receive, say)
