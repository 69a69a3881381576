"""A world in which nobody says anything unless an event makes them: every answer is asked for.

Charges stay on the wire, lookups and cancels tell nothing, releases get no answer. So each run
shows what one event does, and not what would follow it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from external_gate.domain.charge import Capabilities, Charge, ChargeRequest, SentCharge
from external_gate.domain.errors import Broken
from external_gate.domain.evidence import Attempt
from external_gate.domain.identifiers import CustomerId, InvoiceId, WorkflowId
from external_gate.domain.ledger import HistoryEntry
from external_gate.domain.outcome import Answer, NotFound, Outcome, Undo, UndoUnknown, Unknown
from external_gate.domain.workflow import State, Verdict, Workflow
from external_gate.engine.context import Policy
from external_gate.engine.operations import Operations
from external_gate.gateways.gateway import Gateway
from external_gate.guards.rules import GuardRules
from external_gate.metronome.billing import Customer, Invoice, ReleaseAnswer, ReleaseResult
from external_gate.stores.sql_store import SqlStore
from tests.engine.world import (
    EVERY_ANSWER,
    BookkeepingBilling,
    BookkeepingGateway,
    Heard,
    World,
)

WF = WorkflowId("wf")
Say = Callable[[Charge], Answer]
"""What a gateway says about a charge: some answers repeat its amount and its key."""


class Impossible(Exception):
    """The event cannot happen in this state: the run showed that nobody asks."""


class RunsHot(Exception):
    """A worker saves again and again without ever giving the workflow back."""


class Line:
    """A call on the wire: it waits until an event answers it."""

    def __init__(self, charge: Charge | None = None) -> None:
        self.charge = charge
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        # Any: the answer of a charge or of a release
        self.task: asyncio.Task[int] | None = None


@dataclass
class QuietGateway(BookkeepingGateway):
    """A gateway that answers what it was told to, in order, and nothing else."""

    says: deque[Say] = field(default_factory=deque)
    """Answers of the next charges; afterwards they stay on the wire."""
    always_says: Say | None = None
    finds: deque[Say] = field(default_factory=deque)
    """Answers of the next lookups; afterwards nobody knows."""
    always_finds: Say | None = None
    lines: deque[Line] = field(default_factory=deque)
    on_the_wire: asyncio.Event = field(default_factory=asyncio.Event)

    async def charge(self, request: ChargeRequest) -> Outcome:
        self.calls.append(("charge", str(request.charge.attempt_key)))
        say = self.says.popleft() if self.says else self.always_says
        if say is not None:
            return say(request.charge)  # type: ignore[return-value]  # events say anything
        self.lines.append(line := Line(request.charge))
        self.on_the_wire.set()
        outcome: Outcome = await line.answer
        return outcome

    async def lookup(self, sent: SentCharge) -> Outcome | NotFound:
        self.calls.append(("lookup", str(sent.charge.attempt_key)))
        say = self.finds.popleft() if self.finds else self.always_finds
        if say is None:
            return Unknown("the search is down")
        return say(sent.charge)  # type: ignore[return-value]  # events say anything

    async def cancel(self, sent: SentCharge) -> Undo:
        self.calls.append(("cancel", str(sent.charge.attempt_key)))
        return self.undos.popleft() if self.undos else UndoUnknown("timeout")

    async def refund(self, sent: SentCharge) -> Undo:
        self.calls.append(("refund", str(sent.charge.attempt_key)))
        return self.undos.popleft() if self.undos else UndoUnknown("timeout")


@dataclass
class QuietBilling(BookkeepingBilling):
    """A Metronome that answers what it was told to, in order; reads are answered from its books."""

    says: deque[ReleaseAnswer] = field(default_factory=deque)
    stays_on_the_wire: bool = False
    refuses_us: bool = False
    knows_customers: bool = True
    reads: int = 0
    lines: deque[Line] = field(default_factory=deque)
    on_the_wire: asyncio.Event = field(default_factory=asyncio.Event)

    async def release(
        self, workflow_id: WorkflowId, verdict: Verdict, *, key: str, not_after: datetime
    ) -> ReleaseAnswer:
        self.releases.append((workflow_id, verdict, key))
        if self.says:
            return self.says.popleft()
        if not self.stays_on_the_wire:
            return ReleaseAnswer(ReleaseResult.UNANSWERED, "timeout")
        self.lines.append(line := Line())
        self.on_the_wire.set()
        answer: ReleaseAnswer = await line.answer
        return answer

    async def invoice(self, customer_id: CustomerId, invoice_id: InvoiceId) -> Invoice | None:
        self.reads += 1
        if self.refuses_us:
            raise Broken("the token is not accepted")
        return await super().invoice(customer_id, invoice_id)

    async def customer(self, customer_id: CustomerId) -> Customer | None:
        return await super().customer(customer_id) if self.knows_customers else None


@dataclass
class Watchman(Heard):
    """An observer that calls out when a worker runs hot."""

    call_out: asyncio.Event = field(default_factory=asyncio.Event)
    saves: int = 0

    def saved(self, before: Workflow, after: Workflow, history: tuple[HistoryEntry, ...]) -> None:
        self.saves += 1
        if self.saves > TOO_MANY_SAVES:
            self.call_out.set()


TOO_MANY_SAVES = 300
"""In one run; the longest, ten re-sends without an answer, takes some 50."""


class Bench(World):
    """A world with quiet parties, and one workflow on it."""

    def __init__(self, store: SqlStore, capabilities: Capabilities, policy: Policy) -> None:
        super().__init__(store, capabilities, policy)
        self.gateway: QuietGateway = QuietGateway(self.clock, capabilities)
        self.billing: QuietBilling = QuietBilling(on_the_wire=self.gateway.on_the_wire)
        self.heard: Watchman = Watchman(call_out=self.gateway.on_the_wire)
        self._equip({"main": self.gateway})

    def _equip(self, gateways: Mapping[str, Gateway]) -> None:
        self.engine = replace(
            self.engine, billing=self.billing, gateways=gateways, observer=self.heard
        )
        self.operations = Operations(self.engine)

    def lose_gateway(self) -> None:
        """Go on without the gateway in the configuration."""
        self._equip({})

    def can(self, **capabilities: object) -> None:
        """Change what the gateway declares."""
        self.gateway.capabilities = replace(self.gateway.capabilities, **capabilities)  # type: ignore[arg-type]  # names and values of the record

    def configure(self, **policy: object) -> None:
        """Change the configuration, also for workers that are at it: it was always so."""
        for name, value in policy.items():
            object.__setattr__(self.engine.policy, name, value)

    def rule(self, rules: GuardRules) -> None:
        """Change the guards' rules."""
        self.engine = self.ruled(rules)
        self.operations = Operations(self.engine)

    async def workflow(self) -> Workflow:
        return (await self.dossier()).workflow

    async def newest_attempt(self) -> Attempt:
        attempts = (await self.dossier()).attempts
        if not attempts:
            raise Impossible("there is no attempt yet")
        return attempts[-1]

    async def settle_down(self, owner: str = "w") -> None:
        """Let a worker claim until nothing is due now; a call that stays on the wire is left."""
        worker = self.worker(owner)
        for _ in range(50):
            self.gateway.on_the_wire.clear()
            task = asyncio.create_task(worker.run_once())
            waiting = asyncio.create_task(self.gateway.on_the_wire.wait())
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if self.heard.saves > TOO_MANY_SAVES:
                task.cancel()
                await asyncio.wait({task})
                raise RunsHot("due again and again, in one and the same claim")
            if not task.done():
                (self.billing.lines or self.gateway.lines)[-1].task = task
                return
            waiting.cancel()
            if not task.result():
                return
        raise RunsHot("due again and again, claim after claim")

    async def until_due(self) -> None:
        """Move the clock to when somebody looks at the workflow again, and no further."""
        workflow = await self.workflow()
        if workflow.state is State.CHARGING or self.billing.lines:
            self.clock.advance(seconds=61)  # then the lease of whoever is at it has ended
        elif workflow.due_at is not None:
            self.clock.instant = max(self.clock.instant, workflow.due_at)

    async def go_on(self, **later: float) -> None:
        """Let time pass until the workflow is due, and then some; let a worker work."""
        await self.until_due()
        self.clock.advance(**later)
        await self.settle_down("next")

    async def hang_up(self) -> None:
        """End what is still on the wire, and close."""
        for line in (*self.gateway.lines, *self.billing.lines):
            if line.task is not None and not line.task.done():
                line.task.cancel()
                with suppress(asyncio.CancelledError):
                    await line.task
        await self.store.close()


async def answer_line(line: Line, answer: object) -> None:
    """Answer a call on the wire and let its worker finish."""
    line.answer.set_result(answer)
    if line.task is not None:
        await line.task


async def open_bench(
    store: SqlStore,
    capabilities: Capabilities = EVERY_ANSWER,
    **policy: Any,  # whatever a situation wants different
) -> Bench:
    """Give a bench over a store that is not open yet; `hang_up` closes it."""
    await store.open()
    return Bench(store, capabilities, Policy(default_gateway="main", **policy))
