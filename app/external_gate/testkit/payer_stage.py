"""Everything that one check of a payer source needs: whoever is asked, the proxy, the source."""

import asyncio
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from pydantic import ValidationError

from external_gate.domain.charge import Payer
from external_gate.domain.errors import Broken, Unavailable
from external_gate.domain.identifiers import CustomerId
from external_gate.payers.payer_source import PayerQuestion, PayerSource, PayerSurroundings
from external_gate.settings.model import PayersSettings
from external_gate.testkit.backstage import Backstage
from external_gate.testkit.call_trace import TracedCall
from external_gate.testkit.fault_proxy import FaultProxy
from external_gate.testkit.kit_clock import KitClock
from external_gate.testkit.payer_rig import FillsTable, PayerRig
from external_gate.testkit.proxy_faults import ProxyFault
from external_gate.testkit.stage import SharedCaller, heartbeat_gap

LONGEST_SECONDS = 10.0
"""After that a question is given up; the proxy holds nothing for longer than four seconds."""

RETRIES = 8
"""How often a fault strikes in a row: a source may ask again, a question moves no money."""


@dataclass(slots=True)
class Asked:
    """What came of one question."""

    answer: object = None
    error: BaseException | None = None
    """What escaped the source."""
    seconds: float = 0.0
    gap_seconds: float = 0.0
    calls: list[TracedCall] = field(default_factory=list)
    caller_calls: int = 0
    was_changed: bool = False


class PayerStage:
    """A fresh rig with its proxy; enter it to start both, leave it to end them."""

    def __init__(self, rig: PayerRig, caller: SharedCaller) -> None:
        self.rig = rig
        self.proxy: FaultProxy | None = None
        self.table_asked = 0
        self.table_is_down = False
        self._backstage = Backstage()
        self._caller = caller
        self._clock = KitClock(waits=True)
        caller.clock, caller.patience = self._clock, None
        self._url = ""

    async def __aenter__(self) -> Self:
        await self._backstage.__aenter__()
        upstream = await self._backstage.call(self.rig.start())
        if upstream is not None:
            self.proxy = FaultProxy(upstream)
            self._url = await self._backstage.call(self.proxy.start())
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.proxy is not None:
            await self._backstage.call(self.proxy.stop())
        await self._backstage.call(self.rig.stop())
        await self._backstage.__aexit__(None, None, None)

    def source(self, *, timeout_seconds: float) -> PayerSource:
        """Make the source as at start. Raises `Broken` when that cannot be done."""
        keys = {"source": "certified", "timeout_seconds": timeout_seconds}
        try:
            settings = PayersSettings.model_validate({**self.rig.settings(self._url), **keys})
        except ValidationError:
            # Its sentence would repeat the settings, and with them the secrets.
            raise Broken("the rig's settings are no keys of [payers]; mend `settings`") from None
        surroundings = PayerSurroundings(self._caller, self._clock, self._table)
        return self.rig.source.from_settings(settings, surroundings)

    async def ask(
        self,
        source: PayerSource,
        question: PayerQuestion,
        *,
        fault: ProxyFault | None = None,
        heartbeat: bool = False,
    ) -> Asked:
        """Ask once, and write down everything about it."""
        done, before = Asked(), deepcopy(question)
        await self._script(fault)
        seen, called = len(self.proxy.trace) if self.proxy else 0, self._caller.calls
        began = time.monotonic()
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                task = asyncio.ensure_future(source.find(question))
                if heartbeat:
                    done.gap_seconds = await heartbeat_gap(task)
                done.answer = await task
        except Exception as error:  # noqa: BLE001 - what escapes is what is examined
            done.error = error
        done.seconds = time.monotonic() - began
        done.was_changed = before != question
        done.calls = await self._calls_since(seen)
        done.caller_calls = self._caller.calls - called
        return done

    async def cut(self, source: PayerSource, question: PayerQuestion) -> bool:
        """Ask, cancel once the question has arrived, and tell whether that ended it at once."""
        if self.proxy is None:
            return True
        await self._script(ProxyFault.HOLD_BEFORE_EFFECT)
        task: asyncio.Task[Any] = asyncio.ensure_future(source.find(question))  # whatever it gives
        arriving = asyncio.ensure_future(self._backstage.call(self.proxy.arrived()))
        await asyncio.wait({task, arriving}, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        arriving.cancel()
        task.cancel()
        _, running = await asyncio.wait({task}, timeout=1)
        await asyncio.gather(task, arriving, return_exceptions=True)
        return not running and task.cancelled()

    async def backstage(self, work: Any) -> None:  # a coroutine, whatever it gives
        """Do something to whoever is asked."""
        await self._backstage.call(work)

    async def _script(self, fault: ProxyFault | None) -> None:
        if self.proxy is not None:
            script: Sequence[ProxyFault] = [fault] * RETRIES if fault else ()
            await self._backstage.call(self.proxy.script(script))

    async def _calls_since(self, number: int) -> list[TracedCall]:
        if self.proxy is None:
            return []
        await self._backstage.call(self.proxy.idle())
        return self.proxy.trace[number:]

    async def _table(self, customer_id: CustomerId) -> Payer | None:
        self.table_asked += 1
        if self.table_is_down:
            raise Unavailable("the table of payers cannot be read now")
        return self.rig.table.get(customer_id) if isinstance(self.rig, FillsTable) else None
