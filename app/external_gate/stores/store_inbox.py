"""The contract of a store for its inbox: what was acknowledged in a rush, and is recorded later."""

from collections.abc import Sequence
from typing import Protocol

from external_gate.stores.store_records import NewNotification, Recorded, SignedDelivery

MOST_WAITING = 20_000
"""Deliveries of one process. With so many in the inbox it takes in no faster than it records, so
that neither disk nor memory fills however long a rush lasts."""


class InboxStore(Protocol):
    """Keeps deliveries that `Store.record` had no time for. `Store` says what all verbs promise."""

    async def inbox(self, *, after: int, limit: int) -> Sequence[SignedDelivery]:
        """Read up to `limit` deliveries that wait behind the number `after`, oldest first."""
        ...

    async def record_from_inbox(
        self, number: int, notification: NewNotification
    ) -> Recorded | None:
        """Record what an entry says, as `Store.record`, and take it out, in one transaction.

        Never into the inbox again. Gives None, and writes nothing, when another process has
        recorded it meanwhile. One that fails stays, and spoils no other.
        """
        ...
