"""The verbs of `OutboxStore` as statements of `sql_outbox`."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial

from external_gate.domain.host_notice import (
    DeliveryState,
    DueNotice,
    HostNotice,
    KeptHostNotice,
    NoticeFilter,
)
from external_gate.stores import sql_outbox
from external_gate.stores.sql_access import SqlAccess


class OutboxVerbs(SqlAccess):
    """`OutboxStore` but for `keep_notices`, which other verbs are about, too."""

    async def put_notice(self, notice: HostNotice) -> None:
        """Keep a notice that tells of no save."""
        wanted = partial(sql_outbox.put_notice, notice=notice)
        await self._write(partial(wanted, subscriptions=self._subscriptions))

    async def claim_notices(
        self, endpoint: str, *, now: datetime, lease: timedelta, limit: int
    ) -> Sequence[DueNotice]:
        """Claim what is due for one endpoint."""
        wanted = partial(sql_outbox.claim_notices, endpoint=endpoint, now=now)
        return await self._write(partial(wanted, lease=lease, limit=limit))

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
        wanted = partial(sql_outbox.settle_notice, due=due, state=state, outcome=outcome)
        return await self._write(partial(wanted, at=at, due_at=due_at))

    async def resend_notice(self, number: int, *, endpoints: Collection[str], at: datetime) -> bool:
        """Offer a notice to endpoints anew."""
        wanted = partial(sql_outbox.resend_notice, number=number)
        return await self._write(partial(wanted, endpoints=endpoints, at=at))

    async def bury_notices(
        self, *, configured: Collection[str], now: datetime
    ) -> Sequence[tuple[int, str]]:
        """Give up what waits for endpoints that are gone from the configuration."""
        wanted = partial(sql_outbox.bury_notices, configured=configured)
        return await self._write(partial(wanted, now=now))

    async def host_notices(self, wanted: NoticeFilter) -> Sequence[KeptHostNotice]:
        """List notices to the host application."""
        return await self._read(partial(sql_outbox.list_host_notices, wanted=wanted))

    async def host_notice(self, number: int) -> KeptHostNotice | None:
        """Read one notice to the host application."""
        return await self._read(partial(sql_outbox.read_host_notice, number=number))
