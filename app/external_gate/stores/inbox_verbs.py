"""The verbs of `InboxStore`, and `record` itself, as statements of `sql_intake` and `sql_inbox`."""

from collections.abc import Sequence
from functools import cached_property, partial

from external_gate.stores import sql_inbox, sql_intake
from external_gate.stores.rush import RUSH_AT, Rush
from external_gate.stores.sql_access import SqlAccess
from external_gate.stores.sql_inbox import Understood
from external_gate.stores.sql_transaction import Transaction
from external_gate.stores.store_inbox import MOST_WAITING
from external_gate.stores.store_records import NewNotification, Recorded, SignedDelivery


class InboxVerbs(SqlAccess):
    """`InboxStore` on every database that speaks SQL."""

    rush_at: int = RUSH_AT
    """From how many that gathered on deliveries go to the inbox first."""
    most_waiting: int = MOST_WAITING

    async def record(self, notification: NewNotification) -> Recorded:
        """Make a notification durable: recorded, or in a rush in the inbox."""
        try:
            return await self._take_in_together(self._record_together, notification)
        except Exception:
            self._rush.forget(notification)  # or the next delivery of it would be a repetition
            raise

    async def inbox(self, *, after: int, limit: int) -> Sequence[SignedDelivery]:
        """Read what waits."""
        return await self._read(partial(sql_inbox.read_inbox, after=after, limit=limit))

    async def record_from_inbox(
        self, number: int, notification: NewNotification
    ) -> Recorded | None:
        """Record what waited, and take it out."""
        understood = Understood(number, notification)
        return await self._take_in_together(self._record_from_inbox_together, understood)

    @cached_property
    def _rush(self) -> Rush:
        return Rush(self.rush_at, self.most_waiting)

    def _record_together(
        self, transaction: Transaction, notifications: Sequence[NewNotification]
    ) -> Sequence[Recorded]:
        sql_inbox.note_whether_empty(transaction, self._rush)
        if self._rush.takes(len(notifications)):
            return sql_inbox.keep(transaction, notifications, self._subscriptions, self._rush)
        return sql_intake.record(transaction, notifications, self._subscriptions)

    def _record_from_inbox_together(
        self, transaction: Transaction, understood: Sequence[Understood]
    ) -> Sequence[Recorded | None]:
        return sql_inbox.record_understood(transaction, understood, self._subscriptions, self._rush)
