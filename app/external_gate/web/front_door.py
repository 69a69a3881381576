"""The way in: the one busy path goes straight to its endpoint, all others through the router."""

from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

METRONOME_PATH = "/webhooks/metronome"


@dataclass(frozen=True, slots=True)
class FrontDoor:
    """Leads Metronome's deliveries past the router and its layers, which cost as much as they do.

    Only an exact match is led past; a wrong method or a slash too many is the router's to answer.
    """

    webhook: ASGIApp
    others: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        is_delivery = (
            scope["type"] == "http"
            and scope["path"] == METRONOME_PATH
            and scope["method"] == "POST"
        )
        await (self.webhook if is_delivery else self.others)(scope, receive, send)
