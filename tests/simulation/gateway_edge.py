"""The adapter between the engine and a simulated gateway: a network that loses, repeats, delays."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from external_gate.domain.charge import Capabilities, Charge, ChargeRequest, KeyStores, SentCharge
from external_gate.domain.clock import HighWater
from external_gate.domain.outcome import (
    Answer,
    NotFound,
    NotSent,
    Outcome,
    Undo,
    UndoUnknown,
    Unknown,
)
from external_gate.gateways.gateway import GatewayNotice
from tests.simulation.gateway_books import Arrived, GatewayBooks, Reply
from tests.simulation.notice_wire import HEADER, read_notice
from tests.simulation.process import Process
from tests.simulation.truth import Fate
from tests.simulation.world import World

HANGS_SECONDS = 300.0
"""An adapter that forgets its own timeout: longer than any lease."""

STRAGGLES_AT_MOST_SECONDS = 6 * 3600.0
"""How late a request may arrive after all that seemed lost, out of some queue on the way."""


class GatewayEdge:
    """One process's way to one gateway."""

    def __init__(
        self, world: World, process: Process, books: GatewayBooks, high_water: HighWater
    ) -> None:
        self._world = world
        self._process = process
        self._books = books
        self._who = f"{process.name}→{books.name}"
        self._high_water = high_water

    @property
    def capabilities(self) -> Capabilities:
        return self._books.kind.capabilities

    def build(self, charge: Charge) -> bytes:
        body = {
            "key": charge.attempt_key,
            "amount": str(charge.amount),
            "payer": charge.payer.customer,
            "version": self._world.adapter_version,
        }
        return json.dumps(body).encode()

    async def charge(self, request: ChargeRequest) -> Outcome:
        chances, loop = self._world.chances, self._world.loop
        fate = self._world.truth.fates[request.charge.workflow_id]
        self._world.on_the_wire(fate)
        await self._process.edge("before the charge")
        if self._high_water.latest(self._process.clock.now()) >= request.not_after:
            self._tell("did not send {}: its deadline has passed", request.charge.attempt_key)
            return NotSent("send deadline passed")
        if chances.strikes("not_sent"):
            return NotSent("connection refused")
        # Nothing is awaited between the look at the deadline and the send: a request that starts
        # in time is what the promises rest on.
        fate.sends, fate.last_sent = fate.sends + 1, loop.time()
        self._tell("sends {}", request.charge.attempt_key)
        if self._world.truth.was_restored:
            self._world.truth.learnt(self._world.database.attempt_keys())
        finish_by = loop.time() + self._timeout
        proxied = self._may_be_proxied() and chances.strikes("duplicate_request")
        arrived = Arrived(request.charge, request.body, finish_by, loop.time(), proxied)
        if self._may_be_repeated() and chances.strikes("duplicate_request"):
            delay = chances.between(0, self._timeout * 0.9)
            loop.later(delay, self._books.charge, replace(arrived, proxied=False), _to_nobody)
        outcome: Outcome = await self._exchange(
            partial(self._arrive, arrived, fate),
            "charge",
            leaving=fate.leave,
            lost=partial(self._straggle, arrived),
        )
        return outcome

    def _arrive(self, arrived: Arrived, fate: Fate, reply: Reply) -> None:
        """Let a charge arrive, of which something may come until it is answered."""

        def landed(answer: Answer) -> None:
            fate.under_way -= 1
            reply(answer)

        self._books.charge(arrived, landed)

    def _straggle(self, arrived: Arrived) -> None:
        """Let a lost charge arrive hours later, where its key still makes that harmless.

        Absence is not finality: whoever made another key of it has charged twice then.
        """
        world, longest = self._world, self.capabilities.usable_window.total_seconds()
        if longest <= self._timeout or not world.chances.strikes("straggler"):
            return
        delay = world.chances.spread(self._timeout, min(longest, STRAGGLES_AT_MOST_SECONDS))
        self._books.fortunes.undecided += 1

        def arrive() -> None:
            self._books.fortunes.undecided -= 1
            if world.restoring or world.truth.was_restored:
                return  # what is left of a lost life has died with its connections
            self._tell("{} arrives after all", arrived.charge.attempt_key)
            late = replace(arrived, finish_by=world.loop.time() + self._timeout)
            self._books.charge(late, _to_nobody)

        world.loop.later(delay, arrive)

    async def lookup(self, sent: SentCharge) -> Outcome | NotFound:
        await self._process.edge("before a lookup")
        key = str(sent.charge.attempt_key)
        found: Outcome | NotFound = await self._exchange(
            lambda reply: self._books.lookup(key, reply), "lookup"
        )
        return found

    async def cancel(self, sent: SentCharge) -> Undo:
        await self._process.edge("before a cancel")
        answer = await self._exchange(
            lambda reply: self._books.cancel(sent.charge, reply), "cancel"
        )
        return _undo(answer)

    async def refund(self, sent: SentCharge) -> Undo:
        await self._process.edge("before a refund")
        key = str(sent.charge.attempt_key)
        answer = await self._exchange(
            lambda reply: self._books.refund(key, sent.charge_id, reply), "refund"
        )
        return _undo(answer)

    def parse_notification(
        self, headers: Mapping[str, str], body: bytes, url: str
    ) -> Sequence[GatewayNotice]:
        if self._world.chances.strikes("adapter_raises"):
            raise RuntimeError("a bug in the adapter: nothing was read")
        return read_notice(self._books.name, headers.get(HEADER), body)

    @property
    def _timeout(self) -> float:
        return self.capabilities.request_timeout.total_seconds()

    def _may_be_repeated(self) -> bool:
        """Whether a repeat by the network is harmless by the gateway's own promise."""
        stores = self.capabilities.key_stores
        return stores is KeyStores.EVERY_ANSWER and self.capabilities.window > timedelta(minutes=1)

    def _may_be_proxied(self) -> bool:
        late = self.capabilities.failed_is_final_after
        return self.capabilities.key_stores is KeyStores.SUCCESS_ONLY and not late

    async def _exchange(
        self,
        serve: Callable[[Reply], None],
        name: str,
        *,
        leaving: Callable[[], None] = lambda: None,
        lost: Callable[[], None] = lambda: None,
    ) -> Any:  # as the books reply
        chances, loop = self._world.chances, self._world.loop
        if chances.strikes("adapter_raises"):
            raise RuntimeError("a bug in the adapter, before or after the effect: nobody knows")
        replied: asyncio.Future[Answer] = loop.create_future()

        def reply(answer: Answer) -> None:
            self._tell("{} answered {}", name, answer)
            if not replied.done():
                replied.set_result(answer)

        if chances.strikes("lost_request"):
            lost()
        else:
            leaving()
            late = chances.strikes("late_request")
            delay = chances.between(0.5, 0.9) * self._timeout if late else chances.between(0, 0.3)
            loop.later(delay, serve, reply)
        answer = await self._wait_for(replied, name)
        self._high_water.observe(loop.true_time())
        await self._process.edge(f"after the {name}")
        if chances.strikes("adapter_raises"):
            raise RuntimeError("a bug in the adapter, after the effect")
        if chances.strikes("adapter_garbage"):
            return None  # an adapter that forgets to answer
        return answer

    async def _wait_for(self, replied: "asyncio.Future[Answer]", name: str) -> Answer:
        chances = self._world.chances
        hangs = chances.strikes("hang")
        lost = hangs or chances.strikes("lost_answer")
        waited: asyncio.Future[Answer] = self._world.loop.create_future() if lost else replied
        limit = HANGS_SECONDS if hangs else self._timeout
        try:
            async with asyncio.timeout(limit):
                return await waited
        except TimeoutError:
            self._tell("{} timed out", name)
            return Unknown("timeout")

    def _tell(self, what: str, *about: object) -> None:
        self._world.timeline.tell(self._who, what, *about)


def _undo(answer: Any) -> Undo:  # as the books reply: an undo, or a timeout
    undo: Undo = UndoUnknown(answer.cause) if isinstance(answer, Unknown) else answer
    return undo


def _to_nobody(_answer: Answer) -> None:
    """A repeated request is answered to whoever repeated it."""
