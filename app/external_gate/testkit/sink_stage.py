"""Everything that one check of a notice sink needs: the receiver, the proxy, the sink."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from pydantic import ValidationError

from external_gate.domain.errors import Broken
from external_gate.notices.notice_sink import NoticeSink, OutgoingNotice, SinkSurroundings
from external_gate.settings.model import NoticeEndpoint
from external_gate.testkit.backstage import Backstage
from external_gate.testkit.call_trace import TracedCall
from external_gate.testkit.fault_proxy import FaultProxy
from external_gate.testkit.kit_clock import KitClock
from external_gate.testkit.proxy_faults import ProxyFault
from external_gate.testkit.sink_rig import SinkRig, TakenNotice
from external_gate.testkit.stage import SharedCaller, heartbeat_gap

LONGEST_SECONDS = 10.0
"""After that a try is given up; the proxy holds nothing for longer than four seconds."""

RETRIES = 8
"""How often a fault strikes in a row, so that a hidden retry does not hide it."""


@dataclass(slots=True)
class Tried:
    """What came of one try."""

    answer: object = None
    error: BaseException | None = None
    """What escaped the sink."""
    seconds: float = 0.0
    gap_seconds: float = 0.0
    calls: list[TracedCall] = field(default_factory=list)
    caller_calls: int = 0


class SinkStage:
    """A fresh rig with its proxy; enter it to start both, leave it to end them."""

    def __init__(self, rig: SinkRig, caller: SharedCaller) -> None:
        self.rig = rig
        self.addresses: Sequence[str] = ("127.0.0.1",)
        """What every host is looked up as."""
        self._backstage = Backstage()
        self._caller = caller
        self._clock = KitClock(waits=True)
        caller.clock, caller.patience = self._clock, None

    async def __aenter__(self) -> Self:
        await self._backstage.__aenter__()
        self._proxy = FaultProxy(await self._backstage.call(self.rig.start()))
        self.url = await self._backstage.call(self._proxy.start())
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._backstage.call(self._proxy.stop())
        await self._backstage.call(self.rig.stop())
        await self._backstage.__aexit__(None, None, None)

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
        await self._script(fault)
        seen, called = len(self._proxy.trace), self._caller.calls
        began = time.monotonic()
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                task = asyncio.ensure_future(sink.deliver(notice))
                if heartbeat:
                    done.gap_seconds = await heartbeat_gap(task)
                done.answer = await task
        except Exception as error:  # noqa: BLE001 - what escapes is what is examined
            done.error = error
        done.seconds = time.monotonic() - began
        await self._backstage.call(self._proxy.idle())
        done.calls = self._proxy.trace[seen:]
        done.caller_calls = self._caller.calls - called
        return done

    async def cut(self, sink: NoticeSink, notice: OutgoingNotice) -> bool:
        """Try, cancel once the notice has arrived, and tell whether that ended it at once."""
        await self._script(ProxyFault.HOLD_BEFORE_EFFECT)
        task: asyncio.Task[Any] = asyncio.ensure_future(sink.deliver(notice))  # whatever it gives
        arriving = asyncio.ensure_future(self._backstage.call(self._proxy.arrived()))
        await asyncio.wait({task, arriving}, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        arriving.cancel()
        task.cancel()
        _, running = await asyncio.wait({task}, timeout=1)
        await asyncio.gather(task, arriving, return_exceptions=True)
        return not running and task.cancelled()

    async def _script(self, fault: ProxyFault | None) -> None:
        script: Sequence[ProxyFault] = [fault] * RETRIES if fault else ()
        await self._backstage.call(self._proxy.script(script))

    async def _resolve(self, _host: str, _port: int) -> Sequence[str]:
        return self.addresses
