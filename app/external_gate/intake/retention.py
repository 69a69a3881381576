"""Removes notifications after their time: those that ask for nothing and belong to nothing."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from external_gate.domain.clock import Clock
from external_gate.stores.store import Store

AT_ONCE = 200
"""In one transaction: it ends within milliseconds, so that no delivery waits for it."""


class RetentionObserver(Protocol):
    """Hears of what was removed; must neither raise nor block."""

    def pruned(self, count: int) -> None:
        """So many notifications were looked at after their time; few of them stay."""
        ...


@dataclass(frozen=True, slots=True)
class Retention:
    """One replica's broom; several may sweep one store."""

    store: Store
    clock: Clock
    keep: timedelta
    observer: RetentionObserver

    async def run_once(self) -> int:
        """Remove everything whose time is over, some at a time; give how many were looked at."""
        before = self.clock.now() - self.keep
        total = 0
        while count := await self.store.prune_notifications(before=before, limit=AT_ONCE):
            total += count
        if total:
            self.observer.pruned(total)
        return total
