"""Takes notices out of the outbox to their endpoints, each at its own pace."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Protocol, assert_never

from external_gate.domain.clock import EPOCH, Clock
from external_gate.domain.host_notice import DeliveryState, DueNotice
from external_gate.notices.notice_sink import (
    Delivery,
    Gone,
    NoticeSink,
    NotTaken,
    OutgoingNotice,
    Taken,
)
from external_gate.notices.schedule import RESTS, next_try, rest

TOGETHER = 8
"""Tries of one endpoint at once; more would only hit a host that has just come back."""

GRACE = timedelta(seconds=30)
"""By which a lease outlasts the timeout of its try: time to write down what it came to."""

LONGEST_OUTCOME = 300
"""Characters of what a try came to: a sentence for an operator."""

BURY_EVERY = timedelta(hours=1)
"""How often we look for what waits for endpoints that are gone from the configuration."""


class Outbox(Protocol):
    """What the courier needs of a store; `stores.store.Store` says what each promises."""

    async def claim_notices(
        self, endpoint: str, *, now: datetime, lease: timedelta, limit: int
    ) -> Sequence[DueNotice]:
        """Claim what is due for one endpoint."""
        ...

    async def settle_notice(
        self,
        due: DueNotice,
        *,
        state: DeliveryState,
        outcome: str,
        at: datetime,
        due_at: datetime | None = None,
    ) -> bool:
        """Write what a try came to."""
        ...

    async def bury_notices(
        self, *, configured: Collection[str], now: datetime
    ) -> Sequence[tuple[int, str]]:
        """Give up what waits for endpoints that are gone."""
        ...


class CourierObserver(Protocol):
    """Hears what became of tries; must neither raise nor block."""

    def notice_tried(self, due: DueNotice, delivery: Delivery, next_at: datetime | None) -> None:
        """A try ended; without `next_at` and not taken, the notice is dead."""
        ...

    def notice_buried(self, number: int, endpoint: str) -> None:
        """A notice was given up because nobody configures its endpoint any more."""
        ...

    def endpoint_gone(self, endpoint: str) -> None:
        """An endpoint wants nothing any more: this process sends it nothing."""
        ...

    def courier_failed(self, error: Exception) -> None:
        """The outbox could not be read or written; it is tried again at every poll."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint as the configuration has it."""

    sink: NoticeSink
    timeout: timedelta


@dataclass(slots=True)
class _Lane:
    """One endpoint's own pace: nobody else waits for it."""

    name: str
    route: Route
    failures: int = 0
    rests_until: datetime = EPOCH
    is_gone: bool = False


class Courier:
    """Works in one process; several share an outbox. Belongs to one event loop."""

    def __init__(
        self,
        outbox: Outbox,
        routes: Mapping[str, Route],
        *,
        clock: Clock,
        random: Random,
        observer: CourierObserver,
        poll: timedelta,
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._random = random
        self._observer = observer
        self._poll = poll
        self._lanes = [_Lane(name, route) for name, route in routes.items()]
        self._buried_at: datetime | None = None
        self._draining = asyncio.Event()

    async def run(self) -> None:
        """Work until `drain`, then finish the tries under way."""
        await asyncio.gather(self._keep_burying(), *map(self._keep_serving, self._lanes))

    async def run_once(self) -> int:
        """Try once what is due, every endpoint beside the others; give how many tries were made."""
        await self._bury()
        return sum(await asyncio.gather(*map(self._serve, self._lanes)))

    def drain(self) -> None:
        """Claim nothing more."""
        self._draining.set()

    async def _keep_serving(self, lane: _Lane) -> None:
        while not self._draining.is_set():
            if not await self._serve(lane):
                await self._pause(self._poll)

    async def _keep_burying(self) -> None:
        while not self._draining.is_set():
            await self._bury()
            await self._pause(BURY_EVERY)

    async def _pause(self, duration: timedelta) -> None:
        sleeping = asyncio.ensure_future(self._clock.sleep(duration))
        ending = asyncio.ensure_future(self._draining.wait())
        _, left = await asyncio.wait({sleeping, ending}, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _serve(self, lane: _Lane) -> int:
        """Make one round of tries for an endpoint; gives how many."""
        now = self._clock.now()
        # An end further away than any rest was set by a clock that was wrong.
        if lane.is_gone or now < lane.rests_until <= now + 2 * RESTS[-1]:
            return 0
        # One that is down is tried with one notice, not with all that wait.
        limit = 1 if lane.failures else TOGETHER
        lease = lane.route.timeout + GRACE
        try:
            claimed = await self._outbox.claim_notices(lane.name, now=now, lease=lease, limit=limit)
        except Exception as error:  # noqa: BLE001 - the courier's outermost loop: it must go on
            self._observer.courier_failed(error)
            return 0
        ends = await asyncio.gather(*(self._try(lane, due) for due in claimed))
        if any(isinstance(end, Taken) for end in ends):
            lane.failures = 0
        elif ends:
            lane.failures += 1
            lane.rests_until = self._clock.now() + rest(lane.failures, self._random)
        return len(ends)

    async def _try(self, lane: _Lane, due: DueNotice) -> Delivery:
        delivery = await self._delivered(lane, due)
        now = self._clock.now()
        next_at = None
        match delivery:
            case Taken(outcome):
                state = DeliveryState.DELIVERED
            case Gone(outcome):
                state = DeliveryState.DEAD
                self._close(lane)
            case NotTaken(outcome, retry_after):
                next_at = next_try(due, now=now, random=self._random, retry_after=retry_after)
                state = DeliveryState.DEAD if next_at is None else DeliveryState.WAITING
            case _:
                assert_never(delivery)
        try:
            settled = await self._outbox.settle_notice(
                due, state=state, outcome=outcome, at=now, due_at=next_at
            )
        except Exception as error:  # noqa: BLE001 - as above; it is tried again when its lease ends
            self._observer.courier_failed(error)
            return delivery
        if settled:
            self._observer.notice_tried(due, delivery, next_at)
        return delivery

    async def _delivered(self, lane: _Lane, due: DueNotice) -> Delivery:
        """Let the sink try; what escapes it, or outlasts its timeout, is not taken."""
        notice = OutgoingNotice(due.message_id, due.type, due.at, due.body, due.headers)
        try:
            async with asyncio.timeout((lane.route.timeout + GRACE / 3).total_seconds()):
                found: object = await lane.route.sink.deliver(notice)
        except TimeoutError:
            return NotTaken("the sink did not come back in time")
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything; its words may hold a secret
            return NotTaken(f"the sink raised {type(error).__name__}")
        return _believable(found)

    def _close(self, lane: _Lane) -> None:
        """Send nothing more until the configuration is read anew; what waits, waits."""
        if not lane.is_gone:
            self._observer.endpoint_gone(lane.name)
        lane.is_gone = True

    async def _bury(self) -> None:
        now = self._clock.now()
        if self._buried_at is not None and now < self._buried_at + BURY_EVERY:
            return
        # A disabled endpoint's notices are given up in their time as well.
        configured = [lane.name for lane in self._lanes if not lane.is_gone]
        try:
            for number, endpoint in await self._outbox.bury_notices(configured=configured, now=now):
                self._observer.notice_buried(number, endpoint)
            self._buried_at = now
        except Exception as error:  # noqa: BLE001 - as above
            self._observer.courier_failed(error)


def _believable(found: object) -> Delivery:
    """Give a plugin's answer as it can be written down."""
    match found:
        case Taken(str() as detail):
            return Taken(_short(detail))
        case Gone(str() as cause):
            return Gone(_short(cause))
        case NotTaken(str() as cause, None | timedelta() as retry_after):
            return NotTaken(_short(cause), retry_after)
        case _:
            return NotTaken(f"the sink answered with a strange {type(found).__name__}")


def _short(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:LONGEST_OUTCOME]
