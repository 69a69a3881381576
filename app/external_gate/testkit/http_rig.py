"""The rig of the `http` adapter: the example to look at, and what our own CI certifies with."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from external_gate.domain.charge import Payer
from external_gate.gateways.adapter_loading import Adapter
from external_gate.gateways.http_gateway import HttpGateway
from external_gate.testkit.fake_server import FakeServer
from external_gate.testkit.http_host import PATH, HttpHost
from external_gate.testkit.rig import Notification, Situation, Taking

SECRET = "whsec_Y2VydGlmaWVkLWJ5LXRoZS1raXQtMTIzNDU2Nzg5MA=="  # noqa: S105 # of a fake
PLAYED = (
    Situation.SUCCEEDS,
    Situation.DECLINED_SOFT,
    Situation.DECLINED_HARD,
    Situation.PENDING_THEN_SUCCEEDS,
    Situation.PENDING_THEN_DECLINED,
    Situation.NEEDS_CUSTOMER,
    Situation.AUTHORISED_ONLY,
    Situation.TAKES_LESS,
    Situation.DECLINED_ONCE,
    Situation.REFUND_ONLY_ACCEPTED,
    Situation.REJECTS_US,
)


class HttpRig:
    """A host application of the kit's own, behind the `http` adapter."""

    adapter: Adapter = HttpGateway
    secrets: Sequence[str] = (SECRET,)
    key_header: str | None = "idempotency-key"

    def __init__(self) -> None:
        self.host = HttpHost(SECRET)
        self._server = FakeServer(self.host.respond)

    @property
    def payers(self) -> Mapping[Situation, Payer]:
        """Give one payer per situation: the payment method is its name."""
        return {situation: Payer("cus_1", situation) for situation in PLAYED}

    def settings(self, base_url: str) -> Mapping[str, object]:
        """Give the settings of a host that settles pending charges within an hour."""
        return {
            "url": base_url,
            "secret": SECRET,
            "timeout_seconds": 5,
            "settles_typically_hours": 0.5,
            "settles_at_most_hours": 1,
        }

    async def start(self) -> str | None:
        """Start the host."""
        return f"{await self._server.start()}{PATH}"

    async def stop(self) -> None:
        """Stop the host."""
        await self._server.stop()

    async def takings(self) -> Sequence[Taking] | None:
        """Give the host's books."""
        return list(self.host.takings)

    async def notification(self, attempt_key: str) -> Notification | None:
        """Give the host's signed "look again"."""
        return self.host.notification(attempt_key)

    async def advance(self, duration: timedelta) -> None:
        """Move the host's time."""
        self.host.ahead += duration
        self.host.settle()
