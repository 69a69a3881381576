"""The rig of our own notice sink, and of whatever sink stands in for it."""

from collections.abc import Mapping, Sequence

from standardwebhooks import Webhook, WebhookVerificationError

from external_gate.notices.sink_registry import NoticeSinkClass
from external_gate.notices.webhook_sink import WebhookSink
from external_gate.testkit import FakeServer, TakenNotice, WireAnswer, WireRequest

SECRET = "whsec_c2lua3Mtb2YtdGhlLWtpdC0xMjM0NTY3ODkwMTIzNDU="


class WebhookRig:
    """A host application that takes what the official library verifies."""

    def __init__(self, sink: NoticeSinkClass = WebhookSink) -> None:
        self.sink = sink
        self.secrets: Sequence[str] = [SECRET]
        self.taken: list[TakenNotice] = []
        self._server = FakeServer(self._respond)

    def settings(self, base_url: str) -> Mapping[str, object]:
        return {"url": f"{base_url}/notices", "secrets": [SECRET]}

    async def start(self) -> str:
        return await self._server.start()

    async def stop(self) -> None:
        await self._server.stop()

    async def _respond(self, request: WireRequest) -> WireAnswer:
        try:
            Webhook(SECRET).verify(request.body, dict(request.headers))
        except WebhookVerificationError:
            return WireAnswer(401)
        self.taken.append(TakenNotice(request.headers["webhook-id"], request.body))
        return WireAnswer(204)
