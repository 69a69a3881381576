"""The rig of Piggy Pay, for the good adapter and for naive ones."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from external_gate.domain.charge import Payer
from external_gate.gateways.adapter_loading import Adapter
from external_gate.testkit import FakeServer, Notification, Situation, Taking
from tests.testkit.piggy_adapter import PiggyGateway
from tests.testkit.piggy_fake import SIGNING, TOKEN, PiggyFake

PLAYED = [
    situation
    for situation in Situation
    if situation not in {Situation.ANSWER_LOST, Situation.REQUEST_LOST}
]


class PiggyRig:
    """Piggy Pay with one adapter."""

    secrets: Sequence[str] = (TOKEN, SIGNING)
    key_header: str | None = "piggy-key"

    def __init__(
        self,
        adapter: Adapter = PiggyGateway,
        *,
        key_header: str | None = "piggy-key",
        signs: bool = True,
        **fake: bool,
    ) -> None:
        self.adapter = adapter
        self.key_header = key_header
        self._signs = signs
        self.fake = PiggyFake(**fake)  # type: ignore[arg-type]  # its switches are all booleans
        self._server = FakeServer(self.fake.respond)

    @property
    def payers(self) -> Mapping[Situation, Payer]:
        return {situation: Payer("cus_1", situation) for situation in PLAYED}

    def settings(self, base_url: str) -> Mapping[str, object]:
        return {"url": base_url, "token": TOKEN, "signing_secret": SIGNING}

    async def start(self) -> str | None:
        return await self._server.start()

    async def stop(self) -> None:
        await self._server.stop()

    async def takings(self) -> Sequence[Taking] | None:
        self.fake.settle()
        return self.fake.takings()

    async def notification(self, attempt_key: str) -> Notification | None:
        return self.fake.notification(attempt_key, signed=self._signs)

    async def advance(self, duration: timedelta) -> None:
        self.fake.ahead += duration
        self.fake.settle()


def rig_of(adapter: Adapter, **options: bool | str | None) -> Callable[[], PiggyRig]:
    """Give a maker of rigs for an adapter."""
    return lambda: PiggyRig(adapter, **options)  # type: ignore[arg-type]  # as PiggyRig takes them
