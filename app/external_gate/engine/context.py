"""What the engine is made of: contracts, policy, time and randomness, all handed in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Protocol

from external_gate.domain.charge import Capabilities
from external_gate.domain.clock import Clock, HighWater
from external_gate.domain.ledger import HistoryEntry, Incident
from external_gate.domain.money import Unit
from external_gate.domain.outcome import Answer
from external_gate.domain.workflow import Workflow
from external_gate.gateways.gateway import Gateway
from external_gate.guards.rules import GuardRules
from external_gate.metronome.billing import Billing, ReleaseAnswer
from external_gate.payers.payer_source import PayerSource
from external_gate.stores.store import Store


@dataclass(frozen=True, slots=True)
class Policy:
    """What the configuration decides about the engine."""

    default_gateway: str
    verify_invoice: bool = True
    unverified_unit: Unit | None = None
    """The unit of totals where the invoice is not read; required then."""
    unit_overrides: Mapping[str, Unit] = field(default_factory=dict)
    soft_decline_schedule: tuple[timedelta, ...] = ()
    """The wait before each further attempt after a soft decline; empty: one attempt."""
    pending_deadline: timedelta = timedelta(hours=72)
    refund_when_unreleasable: bool = False
    second_person: bool = False
    """Whether settling in spite of an unknown attempt needs two people."""


class Observer(Protocol):
    """Hears what was durably saved; must neither raise nor block."""

    def saved(self, before: Workflow, after: Workflow, history: tuple[HistoryEntry, ...]) -> None:
        """A change was committed."""
        ...

    def incident(self, workflow: Workflow, incident: Incident) -> None:
        """An incident was recorded."""
        ...

    def gateway_called(
        self, gateway: str, operation: str, answer: Answer, duration: timedelta
    ) -> None:
        """A call to a gateway ended."""
        ...

    def release_called(self, answer: ReleaseAnswer, duration: timedelta) -> None:
        """A release call ended."""
        ...

    def lease_lost(self, workflow: Workflow) -> None:
        """Another worker holds the workflow; this one dropped it."""
        ...

    def claim_failed(self, error: Exception) -> None:
        """Nothing could be claimed; it is tried again at every poll. Told once per outage."""
        ...

    def step_failed(self, workflow: Workflow, error: Exception) -> None:
        """A step ended with an error of ours; the workflow stays leased until its lease ends."""
        ...


@dataclass(frozen=True, slots=True)
class Engine:
    """Everything that a step may use."""

    store: Store
    billing: Billing
    gateways: Mapping[str, Gateway]
    payers: PayerSource
    rules: GuardRules
    policy: Policy
    clock: Clock
    random: Random
    observer: Observer
    high_water: HighWater = field(default_factory=HighWater)

    def latest_now(self) -> datetime:
        """Give the latest plausible present: what this process' own deadlines are counted by.

        A clock that is set back while a worker is stopped must not give its send more time.
        """
        return self.high_water.latest(self.clock.now())

    def capabilities(self, gateway: str) -> Capabilities:
        """Give what a gateway declares; the careful defaults for one that is no longer there."""
        known = self.gateways.get(gateway)
        return known.capabilities if known is not None else Capabilities()
