"""One kind of what the outbox holds, as commands list, show and send it again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from external_gate.cli.moments import readable
from external_gate.cli.newest_first import read_pages
from external_gate.cli.showing import safe
from external_gate.domain.errors import BadInput, Refused
from external_gate.domain.host_notice import (
    DeliveryState,
    KeptHostNotice,
    NoticeDelivery,
    NoticeFilter,
)
from external_gate.engine.workflow_view import View, instant_view
from external_gate.stores.store import Store

PAGE = 500
"""Rows read at once: enough to make the round trips not matter."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Notices of ours, or Metronome's notifications that are passed on."""

    kind: str
    """What a row is: `notice`."""
    command: str
    is_forwarded: bool
    prefix: str = ""
    """Before the endpoints' names in the outbox; people leave it out."""

    async def listed(
        self, store: Store, wanted: NoticeFilter, *, limit: int, before: int | None = None
    ) -> list[KeptHostNotice]:
        """List what is on the shelf, newest first; the filter names endpoints as people do."""
        endpoint = None if wanted.endpoint is None else self.prefix + wanted.endpoint
        ours = replace(wanted, endpoint=endpoint, forwarded=self.is_forwarded)
        return await read_pages(partial(_page, store, ours), page=PAGE, limit=limit, before=before)

    async def one(self, store: Store, number: int) -> KeptHostNotice | None:
        """Give one row; None when there is none of that number on this shelf."""
        kept = await store.host_notice(number)
        if kept is None or (kept.notification is not None) is not self.is_forwarded:
            return None
        return kept

    async def resend(self, store: Store, number: int, endpoint: str | None, *, at: datetime) -> int:
        """Send one again, to one endpoint or all that it was meant for; give to how many.

        Raises `Refused` for an unknown number, `BadInput` for an endpoint that it was not meant
        for: that would be a misspelled one, which nobody ever serves.
        """
        kept = await self.one(store, number)
        if kept is None:
            raise Refused(self.unknown(number))
        meant = [way.endpoint for way in kept.deliveries]
        ways = meant if endpoint is None else [self.prefix + endpoint]
        if not set(ways) <= set(meant):
            known = ", ".join(sorted(map(self.name_of, meant)))
            told = safe(endpoint or "")
            raise BadInput(f"{self.kind} {number} was not meant for {told}, but for {known}")
        await store.resend_notice(number, endpoints=ways, at=at)
        return len(ways)

    async def resend_dead(self, store: Store, endpoint: str | None, *, at: datetime) -> int:
        """Send everything again that was given up; give how many deliveries that are."""
        wanted = NoticeFilter(endpoint=endpoint, state=DeliveryState.DEAD)
        count = 0
        before: int | None = None
        while found := await self.listed(store, wanted, limit=PAGE, before=before):
            for kept in found:
                ways = [
                    way.endpoint
                    for way in kept.deliveries
                    if way.state is DeliveryState.DEAD
                    and endpoint in (None, self.name_of(way.endpoint))
                ]
                await store.resend_notice(kept.number, endpoints=ways, at=at)
                count += len(ways)
            before = found[-1].number
        return count

    def name_of(self, endpoint: str) -> str:
        """Give an endpoint's name as people write it."""
        return endpoint.removeprefix(self.prefix)

    def unknown(self, number: int) -> str:
        """Say that there is no such row."""
        return f"no {self.kind} {number} is kept here; see: external-gate {self.command} list"

    def delivery_cell(self, kept: KeptHostNotice) -> str:
        """Say in a table where a row is."""
        ways = (f"{self.name_of(way.endpoint)}: {way.state}" for way in kept.deliveries)
        return ", ".join(ways) or "-"

    def delivery_line(self, way: NoticeDelivery) -> str:
        """Say how far a row has come on one way."""
        tries = f"{way.tries} tr{'y' if way.tries == 1 else 'ies'}"
        until = f", next {readable(way.due_at)}" if way.due_at else ""
        came = f": {safe(way.outcome)}" if way.outcome else ""
        return f"{safe(self.name_of(way.endpoint))}  {way.state} after {tries}{came}{until}"

    def delivery_view(self, way: NoticeDelivery) -> View:
        """Give one way of a row for programs."""
        return {
            "endpoint": self.name_of(way.endpoint),
            "state": way.state.value,
            "tries": way.tries,
            "outcome": way.outcome,
            "due_at": _instant(way.due_at),
            "give_up_at": instant_view(way.give_up_at),
            "tried_at": _instant(way.tried_at),
            "ended_at": _instant(way.ended_at),
        }


async def _page(
    store: Store, wanted: NoticeFilter, size: int, before: int | None
) -> Sequence[KeptHostNotice]:
    return await store.host_notices(replace(wanted, limit=size, before=before))


def has_died(kept: KeptHostNotice) -> bool:
    """Whether a row was given up on some way."""
    return any(way.state is DeliveryState.DEAD for way in kept.deliveries)


def deliveries_told(count: int) -> str:
    """Say how many deliveries were begun again."""
    return f"{count} deliver{'y' if count == 1 else 'ies'} will be tried again"


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else instant_view(instant)
