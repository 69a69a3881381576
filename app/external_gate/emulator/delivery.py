"""The queue of webhooks: order, backoff and giving up. Pure: time and randomness come from outside.

Source: docs.metronome.com, guides/platform-configuration/setup-webhooks, read 2026-08-28: anything
above 299 is retried with exponential backoff to a 15-minute cadence for two days.
"""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from external_gate.emulator.records import Notification

FIRST_DELAY = timedelta(seconds=5)  # ours: with it two days come to about 200 tries, as documented
CADENCE = timedelta(minutes=15)
GIVE_UP_AFTER = timedelta(hours=48)  # from the first attempt
JITTER = 0.1  # each wait is up to a tenth shorter or longer
# A held-back delivery goes out after this even if nothing followed that it could fall behind.
REORDER_PATIENCE = timedelta(seconds=30)


class DeliveryState(StrEnum):
    """Name where a delivery stands."""

    WAITING = "waiting"
    ON_THE_WIRE = "on_the_wire"
    ACCEPTED = "accepted"
    ABANDONED = "abandoned"


@dataclass(slots=True, eq=False)
class Delivery:
    """One notification on its way; a duplicate is a second delivery of the same notification."""

    sequence: int
    notification: Notification
    due_at: datetime
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    first_attempt_at: datetime | None = None
    held_back: bool = False  # waits until a later delivery has been tried: a reorder fault

    @property
    def is_untried(self) -> bool:
        """Tell whether its first attempt has not ended yet."""
        return self.attempts == 0 or (
            self.attempts == 1 and self.state is DeliveryState.ON_THE_WIRE
        )


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """What one attempt came to."""

    id: str
    type: str
    workflow_id: str | None
    attempt: int
    status: int | None  # None: no answer came, or nothing was sent
    accepted: bool  # False with a 2xx status: the acknowledgement was lost on purpose
    at: datetime


@dataclass(slots=True)
class Outbox:
    """Keep every delivery until it is accepted or two days have passed."""

    rng: random.Random
    attempts: list[AttemptRecord] = field(default_factory=list)
    _open: dict[int, Delivery] = field(default_factory=dict)
    _sequence: Iterator[int] = field(default_factory=itertools.count)

    def add(self, notification: Notification, *, now: datetime) -> Delivery:
        """Queue a notification for delivery at once."""
        delivery = Delivery(next(self._sequence), notification, due_at=now)
        self._open[delivery.sequence] = delivery
        return delivery

    def due(self, now: datetime) -> list[Delivery]:
        """Give the deliveries to try now.

        First attempts of one contract go out one after the other, so that only a fault or a
        failure changes their order. Retries wait for nobody.
        """
        return [each for each in self._unblocked() if self._due_at(each) <= now]

    def next_due_at(self) -> datetime | None:
        """Tell when a delivery is due next; None while nothing waits for time alone."""
        return min(map(self._due_at, self._unblocked()), default=None)

    def _unblocked(self) -> Iterator[Delivery]:
        busy: set[str | None] = set()
        for delivery in self._open.values():
            if delivery.is_untried and not delivery.held_back:
                contract_id = delivery.notification.contract_id
                if contract_id in busy:
                    continue
                busy.add(contract_id)
            if delivery.state is DeliveryState.WAITING:
                yield delivery

    def start(self, delivery: Delivery, *, now: datetime) -> None:
        """Note that an attempt begins."""
        delivery.state = DeliveryState.ON_THE_WIRE
        delivery.attempts += 1
        delivery.held_back = False
        delivery.first_attempt_at = delivery.first_attempt_at or now

    def finish(
        self, delivery: Delivery, *, status: int | None, accepted: bool, now: datetime
    ) -> None:
        """Note how an attempt ended, and plan the next one unless it was accepted."""
        sent = delivery.notification
        self.attempts.append(
            AttemptRecord(
                id=sent.id,
                type=sent.type,
                workflow_id=sent.workflow_id,
                attempt=delivery.attempts,
                status=status,
                accepted=accepted,
                at=now,
            )
        )
        for earlier in self._open.values():
            if earlier.sequence < delivery.sequence:
                earlier.held_back = False
        if accepted:
            self._close(delivery, DeliveryState.ACCEPTED)
        else:
            self._plan_retry(delivery, now=now)

    def hold_back(self, delivery: Delivery) -> None:
        """Let the next delivery overtake this one."""
        delivery.held_back = True

    def postpone(self, delivery: Delivery, step: timedelta) -> None:
        """Make a delivery due later."""
        delivery.due_at += step

    def _plan_retry(self, delivery: Delivery, *, now: datetime) -> None:
        doublings = min(delivery.attempts - 1, 10)  # far past the cadence; keeps the power small
        wait = min(FIRST_DELAY * 2**doublings, CADENCE) * self.rng.uniform(1 - JITTER, 1 + JITTER)
        delivery.due_at = now + wait
        delivery.state = DeliveryState.WAITING
        if delivery.due_at > (delivery.first_attempt_at or now) + GIVE_UP_AFTER:
            self._close(delivery, DeliveryState.ABANDONED)

    def _close(self, delivery: Delivery, state: DeliveryState) -> None:
        delivery.state = state
        del self._open[delivery.sequence]

    @staticmethod
    def _due_at(delivery: Delivery) -> datetime:
        return delivery.due_at + (REORDER_PATIENCE if delivery.held_back else timedelta())
