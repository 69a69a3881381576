"""What the gauges that are read from the store are set from."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from external_gate.domain.ledger import Deferral, IncidentKind
from external_gate.domain.workflow import HeldReason, State


class WorkflowCounts(Protocol):
    """What the store counts; `stores.store.Counts` is one."""

    @property
    def by_state(self) -> Mapping[State, int]:
        """Give how many workflows are in each unfinished state."""
        ...

    @property
    def oldest_by_state(self) -> Mapping[State, datetime]:
        """Give when the oldest of each was received."""
        ...

    @property
    def held(self) -> Mapping[HeldReason, int]:
        """Give how many are held for each reason."""
        ...

    @property
    def deferred(self) -> Mapping[Deferral, int]:
        """Give how many each guard lets wait."""
        ...

    @property
    def breakers_open(self) -> int:
        """Give for how many payment methods something waits because of declines."""
        ...

    @property
    def incidents(self) -> Mapping[IncidentKind, int]:
        """Give how many incidents of each kind are on record."""
        ...

    @property
    def inbox(self) -> int:
        """Give how many deliveries wait to be recorded."""
        ...

    @property
    def inbox_since(self) -> datetime | None:
        """Give when the oldest of them was received; None when none waits."""
        ...

    @property
    def notices_waiting(self) -> Mapping[str, int]:
        """Give how many notices are on their way to each endpoint."""
        ...

    @property
    def notices_waiting_since(self) -> Mapping[str, datetime]:
        """Give since when the oldest of each has been offered."""
        ...

    @property
    def notices_dead(self) -> Mapping[str, int]:
        """Give how many notices were given up for each endpoint."""
        ...
