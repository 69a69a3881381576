"""Everything that one scenario plays on: the fake, the proxy before it, the adapter, the clocks."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

from external_gate.domain.charge import Charge, ChargeRequest, Payer, SentCharge
from external_gate.domain.errors import Broken
from external_gate.domain.identifiers import (
    ContractId,
    CustomerId,
    InvoiceId,
    WorkflowId,
    attempt_key,
    undo_key,
)
from external_gate.domain.money import Money
from external_gate.gateways.gateway import Gateway, Surroundings
from external_gate.outbound.calls import Call, CallEnd, Timeouts
from external_gate.outbound.transport import CallerMaker
from external_gate.testkit.backstage import Backstage
from external_gate.testkit.call_trace import TracedCall
from external_gate.testkit.fault_proxy import FaultProxy
from external_gate.testkit.kit_clock import KitClock
from external_gate.testkit.proxy_faults import SILENT, ProxyFault
from external_gate.testkit.rig import (
    MovesTime,
    Rig,
    Situation,
    SortsCalls,
    Taking,
    TrustsAuthorities,
)

PATIENCE = timedelta(seconds=0.25)
"""How long the caller waits in a step in which silence is scripted; nothing else is shortened."""

SEND_WITHIN = timedelta(seconds=20)


class SharedCaller:
    """The service's own caller for all stages of a run, one after the other.

    Reading the world's certificate authorities takes longer than a whole scenario. It tells the
    time by the clock of the stage that plays. For one event loop; close it at the end.
    """

    def __init__(self) -> None:
        self.clock = KitClock(waits=True)
        self.calls = 0
        self.patience: timedelta | None = None
        """Replaces every call's own limits in a step in which silence is scripted."""
        self._caller = CallerMaker().make(
            self,
            high_water=None,
            timeouts=Timeouts.within(timedelta(seconds=10)),
            max_connections=32,
        )

    def now(self) -> datetime:
        """Give the time of the stage that plays."""
        return self.clock.now()

    async def sleep(self, duration: timedelta) -> None:
        """Wait by the clock of the stage that plays."""
        await self.clock.sleep(duration)

    async def call(self, call: Call) -> CallEnd:
        """Send the call as the service would, and count it."""
        self.calls += 1
        if self.patience is not None:
            call = replace(call, timeout=Timeouts.within(self.patience))
        return await self._caller.call(call)

    async def aclose(self) -> None:
        """Wait for the calls in flight."""
        await self._caller.aclose()


class Stage:
    """One fresh fake with its adapter; enter it to start both, leave it to end them.

    `name` makes workflow ids, and so attempt keys, that no other stage has. Raises `Broken` when
    the rig or the adapter cannot be made, with the cure.
    """

    def __init__(self, rig: Rig, name: str, caller: SharedCaller) -> None:
        self.rig = rig
        self.name = name
        self.backstage = Backstage()
        self.proxy: FaultProxy | None = None
        self.engine_clock = KitClock(waits=False)
        self.adapter_clock = KitClock(waits=True)
        self.caller = caller
        caller.clock, caller.patience = self.adapter_clock, None
        self._url = ""
        self._gateway: Gateway | None = None

    async def __aenter__(self) -> Self:
        await self.backstage.__aenter__()
        try:
            await self._open()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.proxy is not None:
            await self.backstage.call(self.proxy.stop())
        await self.backstage.call(self.rig.stop())
        await self.backstage.__aexit__(None, None, None)

    @property
    def gateway(self) -> Gateway:
        """Give the adapter."""
        if self._gateway is None:
            raise Broken("the stage is not open")
        return self._gateway

    def renew_adapter(self, settings: Mapping[str, object] | None = None) -> Gateway:
        """Make the adapter anew, as a restart of the service does; with other settings if given."""
        adapter = self.rig.adapter
        values = self.settings if settings is None else settings
        model = adapter.settings_model.model_validate(dict(values))
        surroundings = Surroundings("certified", self.caller, self.adapter_clock)
        self._gateway = adapter(model, surroundings)
        return self._gateway

    @property
    def settings(self) -> Mapping[str, object]:
        """Give the adapter's settings, with the proxy's address."""
        return self.rig.settings(self._url)

    async def script(self, faults: Sequence[ProxyFault]) -> None:
        """Lay down the faults of the next calls."""
        self.caller.patience = PATIENCE if SILENT & set(faults) else None
        if self.proxy is not None:
            await self.backstage.call(self.proxy.script(faults))

    async def calls_since(self, number: int) -> list[TracedCall]:
        """Wait until nothing is under way, and give the calls after the first `number`."""
        if self.proxy is None:
            return []
        await self.backstage.call(self.proxy.idle())
        return self.proxy.trace[number:]

    @property
    def trace(self) -> list[TracedCall]:
        """Give every call so far."""
        return self.proxy.trace if self.proxy else []

    async def takings(self, attempt_key: str | None = None) -> list[Taking] | None:
        """Give the fake's books, of one attempt or whole; None when they cannot be read."""
        found = await self.backstage.call(self.rig.takings())
        if found is None:
            return None
        return [one for one in found if attempt_key in (None, one.attempt_key)]

    async def advance(self, duration: timedelta) -> None:
        """Let time pass: for the engine, and where the rig can, for fake and adapter too."""
        self.engine_clock.advance(duration)
        if isinstance(self.rig, MovesTime):
            self.adapter_clock.advance(duration)
            await self.backstage.call(self.rig.advance(duration))

    def charge(self, payer: Payer, amount: Money, *, number: int = 1, **changes: Any) -> Charge:
        """Give the charge of an attempt; `changes` replace fields of the charge, whichever."""
        workflow_id = WorkflowId(self.name)
        charge = Charge(
            attempt_key=attempt_key(workflow_id, number),
            workflow_id=workflow_id,
            workflow_type="spend",
            customer_id=CustomerId("customer-1"),
            contract_id=ContractId("contract-1"),
            invoice_id=InvoiceId(f"invoice-of-{self.name}"),
            amount=amount,
            payer=payer,
            description="Usage in November",
            metadata={"invoice_id": f"invoice-of-{self.name}"},
        )
        return replace(charge, **changes)

    def payer(self, situation: Situation) -> Payer:
        """Give the payer of a situation that the rig offers."""
        return self.rig.payers[situation]

    def request(self, charge: Charge, body: bytes, *, late: bool = False) -> ChargeRequest:
        """Give the request that sends a charge now."""
        now = self.adapter_clock.now()
        return ChargeRequest(
            charge, body, not_after=now - SEND_WITHIN if late else now + SEND_WITHIN
        )

    def sent(self, charge: Charge, charge_id: str | None) -> SentCharge:
        """Give what lookup, cancel and refund may rely on."""
        return SentCharge(
            charge=charge,
            charge_id=charge_id,
            first_sent_at=self.adapter_clock.now(),
            cancel_key=undo_key(charge.attempt_key, "cancel"),
            refund_key=undo_key(charge.attempt_key, "refund"),
        )

    async def _open(self) -> None:
        upstream = await self.backstage.call(self.rig.start())
        if upstream is not None:
            sorter = self.rig.is_preparation if isinstance(self.rig, SortsCalls) else None
            self.proxy = FaultProxy(
                upstream,
                key_header=self.rig.key_header,
                tls=self.rig.tls if isinstance(self.rig, TrustsAuthorities) else None,
                **({"is_preparation": sorter} if sorter else {}),
            )
            self._url = await self.backstage.call(self.proxy.start())
        try:
            self.renew_adapter()
        except (ValueError, TypeError) as error:
            # Pydantic's sentence would repeat the settings, and with them the secrets.
            raise Broken(
                "the adapter does not take the settings of its rig "
                f"({type(error).__name__}); mend `settings` of the rig"
            ) from None


async def heartbeat_gap(work: asyncio.Task[Any]) -> float:  # any answer
    """Give the longest time for which the event loop stood still while `work` ran, in seconds."""
    loop = asyncio.get_running_loop()
    longest, last = 0.0, loop.time()
    while not work.done():
        await asyncio.sleep(0.01)
        now = loop.time()
        longest, last = max(longest, now - last), now
    return longest
