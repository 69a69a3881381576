"""The verbs of `AftermathStore` as statements of `sql_aftermaths`."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial

from external_gate.domain.aftermath import Aftermath, AftermathChange
from external_gate.domain.identifiers import CustomerId, WorkflowId
from external_gate.stores import sql_aftermaths
from external_gate.stores.sql_access import SqlAccess


class AftermathVerbs(SqlAccess):
    """`AftermathStore` on every database that speaks SQL."""

    async def claim_aftermaths(
        self, *, now: datetime, lease: timedelta, limit: int
    ) -> Sequence[Aftermath]:
        """Lease what is due after failed payments."""
        wanted = partial(sql_aftermaths.claim_aftermaths, now=now)
        return await self._write(partial(wanted, lease=lease, limit=limit))

    async def save_aftermath(self, change: AftermathChange) -> Aftermath:
        """Save what was done after a failed payment."""
        wanted = partial(sql_aftermaths.save_aftermath, change=change)
        return await self._write(partial(wanted, subscriptions=self._subscriptions))

    async def aftermaths(self, workflow_ids: Collection[WorkflowId]) -> Sequence[Aftermath]:
        """Read what was done after some workflows."""
        return await self._read(partial(sql_aftermaths.read_aftermaths, workflow_ids=workflow_ids))

    async def note_payer_change(
        self, customer_id: CustomerId, *, at: datetime, told_by: str
    ) -> bool:
        """Note that a customer's payer changed."""
        wanted = partial(sql_aftermaths.note_payer_change, customer_id=customer_id)
        return await self._write(partial(wanted, at=at, told_by=told_by))
