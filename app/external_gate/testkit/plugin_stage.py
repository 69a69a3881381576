"""Where a payer source or a notice sink is tried: its rig behind the proxy, and what is watched."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

from external_gate.testkit.backstage import Backstage
from external_gate.testkit.call_trace import TracedCall
from external_gate.testkit.fault_proxy import FaultProxy
from external_gate.testkit.kit_clock import KitClock
from external_gate.testkit.proxy_faults import ProxyFault
from external_gate.testkit.stage import SharedCaller, heartbeat_gap

LONGEST_SECONDS = 10.0
"""After that a try is given up; the proxy holds nothing for longer than four seconds."""

RETRIES = 8
"""How often a fault strikes in a row, so that trying again by itself does not hide it."""


@dataclass(slots=True)
class Tried:
    """What came of one try."""

    answer: object = None
    error: BaseException | None = None
    """What escaped the plugin."""
    seconds: float = 0.0
    gap_seconds: float = 0.0
    calls: list[TracedCall] = field(default_factory=list)
    caller_calls: int = 0

    def told(self) -> str:
        """Give the answer, or what escaped, for a sentence."""
        return type(self.error).__name__ if self.error else repr(self.answer)


@dataclass(frozen=True, slots=True)
class CallsBefore:
    """How many calls there were before a try: at the proxy, and through the caller."""

    seen: int
    called: int


class StartedRig(Protocol):
    """What the stage needs of every rig."""

    async def start(self) -> str | None:
        """Start the other side and give its address; None when it has none."""
        ...

    async def stop(self) -> None:
        """Stop it and close every socket."""
        ...


class PluginStage:
    """A fresh rig with its proxy; enter it to start both, leave it to end them."""

    def __init__(self, rig: StartedRig, caller: SharedCaller) -> None:
        self.proxy: FaultProxy | None = None
        self.url = ""
        self._started = rig
        self._backstage = Backstage()
        self._caller = caller
        self._clock = KitClock(waits=True)
        caller.clock, caller.patience = self._clock, None

    async def __aenter__(self) -> Self:
        await self._backstage.__aenter__()
        upstream = await self._backstage.call(self._started.start())
        if upstream is not None:
            self.proxy = FaultProxy(upstream)
            self.url = await self._backstage.call(self.proxy.start())
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.proxy is not None:
            await self._backstage.call(self.proxy.stop())
        await self._backstage.call(self._started.stop())
        await self._backstage.__aexit__(None, None, None)

    async def script(self, fault: ProxyFault | None) -> CallsBefore:
        """Let the fault strike whatever comes, and count the calls until now."""
        if self.proxy is not None:
            script: Sequence[ProxyFault] = [fault] * RETRIES if fault else ()
            await self._backstage.call(self.proxy.script(script))
        return CallsBefore(len(self.proxy.trace) if self.proxy else 0, self._caller.calls)

    async def count_calls(self, done: Tried, before: CallsBefore) -> None:
        """Write down the calls since `before`, once the proxy has no more in hand."""
        if self.proxy is not None:
            await self._backstage.call(self.proxy.idle())
            done.calls = self.proxy.trace[before.seen :]
        done.caller_calls = self._caller.calls - before.called

    async def ends_when_cancelled(self, act: Callable[[], Awaitable[Any]]) -> bool:
        """Act, cancel once the call has arrived, and tell whether that ended it at once."""
        if self.proxy is None:
            return True
        await self.script(ProxyFault.HOLD_BEFORE_EFFECT)
        task: asyncio.Future[Any] = asyncio.ensure_future(act())  # whatever it gives
        arriving = asyncio.ensure_future(self._backstage.call(self.proxy.arrived()))
        await asyncio.wait({task, arriving}, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        arriving.cancel()
        task.cancel()
        _, running = await asyncio.wait({task}, timeout=1)
        await asyncio.gather(task, arriving, return_exceptions=True)
        return not running and task.cancelled()


async def witness(done: Tried, act: Callable[[], Awaitable[object]], *, heartbeat: bool) -> None:
    """Act once, and write down what came of it and how long it took."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            task = asyncio.ensure_future(act())
            if heartbeat:
                done.gap_seconds = await heartbeat_gap(task)
            done.answer = await task
    except Exception as error:  # noqa: BLE001 - what escapes is what is examined
        done.error = error
    done.seconds = time.monotonic() - began
