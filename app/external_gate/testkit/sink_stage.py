"""Everything that one check of a notice sink needs: the receiver, the proxy, the sink."""

from collections.abc import Sequence

from pydantic import ValidationError

from external_gate.domain.errors import Broken
from external_gate.notices.notice_sink import NoticeSink, OutgoingNotice, SinkSurroundings
from external_gate.settings.model import NoticeEndpoint
from external_gate.testkit.plugin_stage import PluginStage, Tried, witness
from external_gate.testkit.proxy_faults import ProxyFault
from external_gate.testkit.sink_rig import SinkRig, TakenNotice
from external_gate.testkit.stage import SharedCaller


class SinkStage(PluginStage):
    """A fresh rig with its proxy; enter it to start both, leave it to end them."""

    def __init__(self, rig: SinkRig, caller: SharedCaller) -> None:
        super().__init__(rig, caller)
        self.rig = rig
        self.addresses: Sequence[str] = ("127.0.0.1",)
        """What every host is looked up as."""

    @property
    def taken(self) -> Sequence[TakenNotice]:
        """Give what the receiver has."""
        return list(self.rig.taken)

    def sink(
        self, *, timeout_seconds: float, url: str = "", allow_private: bool = True
    ) -> NoticeSink:
        """Make the sink as at start. Raises `Broken` when that cannot be done."""
        keys = {
            "sink": "certified",
            "timeout_seconds": timeout_seconds,
            "allow_private": allow_private,
        }
        try:
            settings = {**self.rig.settings(url or self.url), **keys}
            endpoint = NoticeEndpoint.model_validate(settings)
        except ValidationError:
            # Its sentence would repeat the settings, and with them the secrets.
            raise Broken("the rig's settings are no keys of [notices.NAME]; mend them") from None
        surroundings = SinkSurroundings("certified", self._caller, self._clock, self._resolve)
        return self.rig.sink.from_settings(endpoint, surroundings)

    async def deliver(
        self,
        sink: NoticeSink,
        notice: OutgoingNotice,
        *,
        fault: ProxyFault | None = None,
        heartbeat: bool = False,
    ) -> Tried:
        """Try once, and write down everything about it."""
        done = Tried()
        before = await self.script(fault)
        await witness(done, lambda: sink.deliver(notice), heartbeat=heartbeat)
        await self.count_calls(done, before)
        return done

    async def cut(self, sink: NoticeSink, notice: OutgoingNotice) -> bool:
        """Try, cancel once the notice has arrived, and tell whether that ended it at once."""
        return await self.ends_when_cancelled(lambda: sink.deliver(notice))

    async def _resolve(self, _host: str, _port: int) -> Sequence[str]:
        return self.addresses
