"""The contract of a store for notices to the host application: kept, claimed, sent again."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from external_gate.domain.host_notice import (
    DeliveryState,
    DueNotice,
    HostNotice,
    KeptHostNotice,
    NoticeFilter,
    Subscriptions,
)


class OutboxStore(Protocol):
    """Keeps what the host application is to be told. `Store` says what all verbs promise."""

    def keep_notices(self, subscriptions: Subscriptions) -> None:
        """Write, from now on and by this handle, what the host application is to be told.

        A notice and its deliveries are written in the transaction of what they tell of, so that
        there are both or neither: by `save` and `begin`, as `host_notice_rules` says, and by
        `record` for a workflow that begins `held` and for an incident. Each workflow's notices are
        numbered from 1 in the order of their commits. A type that nobody wants is not written, and
        without a subscription nothing is: it costs no statement.
        """
        ...

    async def put_notice(self, notice: HostNotice) -> None:
        """Keep a notice that tells of no save, if anybody wants its type.

        Raises `BadInput` when its workflow is unknown.
        """
        ...

    async def claim_notices(
        self, endpoint: str, *, now: datetime, lease: timedelta, limit: int
    ) -> Sequence[DueNotice]:
        """Claim up to `limit` notices that are due for one endpoint, each counted as a try.

        Until the lease ends nobody else claims them; then they are due again.
        """
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
        """Write what a claimed try came to; `due_at` is its next, when it waits.

        False, and nothing is written, when it was claimed again meanwhile or has ended. Delivered
        is written all the same, unless a person has sent it again since that try was claimed.
        """
        ...

    async def resend_notice(self, number: int, *, endpoints: Collection[str], at: datetime) -> bool:
        """Offer a notice anew, from its first rung and for the whole time, the same bytes.

        Also to endpoints that it was never meant for. False when there is none of that number.
        """
        ...

    async def bury_notices(
        self, *, configured: Collection[str], now: datetime
    ) -> Sequence[tuple[int, str]]:
        """Give up what waits for endpoints that are not `configured`, when its time is over.

        Gives number and endpoint of each.
        """
        ...

    async def host_notices(self, wanted: NoticeFilter) -> Sequence[KeptHostNotice]:
        """List notices to the host application, newest first."""
        ...

    async def host_notice(self, number: int) -> KeptHostNotice | None:
        """Read one notice to the host application; None when there is none of that number."""
        ...
