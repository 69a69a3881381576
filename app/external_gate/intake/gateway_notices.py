"""From a gateway's notification to durable rows: verified by its adapter, recorded at once.

What a notice proves is weighed by the engine; one that proves nothing only makes it look again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import Enum
from typing import Protocol, get_args

from external_gate.domain.clock import Clock
from external_gate.domain.errors import BadInput, Refused, Unavailable
from external_gate.domain.identifiers import AttemptKey
from external_gate.domain.outcome import Outcome
from external_gate.gateways.gateway import Gateway, GatewayNotice
from external_gate.stores.documents import answer_from_json, answer_to_json
from external_gate.stores.store import Store
from external_gate.stores.store_records import NewNotice, NoticeTaken

LONGEST_ID = 255
"""Characters of an event id or an attempt key; no gateway's are longer."""

MOST_NOTICES = 1000
"""In one body. Gateways that batch send dozens; a transaction of this many takes some 50 ms."""


class UnknownGateway(BadInput):
    """No gateway of this name is configured; answer 404."""


class AdapterFailed(Unavailable):
    """The adapter did not keep its contract; nothing was stored, and the gateway tries again."""


class NoticeObserver(Protocol):
    """Hears of every notification of a gateway; must neither raise nor block."""

    def notice_taken(self, notice: NewNotice, taken: NoticeTaken) -> None:
        """A notice is durable."""
        ...

    def notices_ignored(self, gateway: str) -> None:
        """A good notification held nothing about a charge."""
        ...

    def notices_refused(self, gateway: str | None, reason: str) -> None:
        """A notification was turned away; `gateway` is None for a name that nobody configured."""
        ...

    def adapter_failed(self, gateway: str, error: Exception) -> None:
        """An adapter raised what it may not, or gave what is no notice."""
        ...


@dataclass(frozen=True, slots=True)
class NoticeReceiver:
    """Receives the notifications of every configured gateway."""

    store: Store
    gateways: Mapping[str, Gateway]
    clock: Clock
    observer: NoticeObserver

    async def receive(
        self, name: str, headers: Mapping[str, str], body: bytes, *, url: str
    ) -> Sequence[NoticeTaken]:
        """Make everything that one notification says durable; header names are lower case.

        Returns after commit. Raises, with nothing stored: `UnknownGateway`, `Refused` (no good
        signature, or a gateway that takes none), `BadInput` (unreadable), `Unavailable` (the
        gateway should try again: no room on the disk, or `AdapterFailed`).
        """
        try:
            notices = self._read(name, headers, body, url)
        except (BadInput, Refused) as error:
            self.turned_away(name, _reason(error))
            raise
        if not notices:
            self.observer.notices_ignored(name)
            return []
        try:
            taken = await self.store.record_notices(notices)
        except Unavailable:
            self.turned_away(name, "not_durable")
            raise
        for notice, result in zip(notices, taken, strict=True):
            self.observer.notice_taken(notice, result)
        return taken

    def turned_away(self, name: str, reason: str) -> None:
        """Count a notification of which nothing was stored, and say why."""
        self.observer.notices_refused(name if name in self.gateways else None, reason)

    def _read(
        self, name: str, headers: Mapping[str, str], body: bytes, url: str
    ) -> Sequence[NewNotice]:
        gateway = self.gateways.get(name)
        if gateway is None:
            raise UnknownGateway("no gateway of this name is configured; compare the address")
        if not gateway.capabilities.notifies:
            raise Refused(
                f"gateway {name} takes no notifications: set gateways.{name}.secret if its adapter "
                "knows one, else switch them off at the gateway; it is asked on a schedule"
            )
        now = self.clock.now()
        try:
            told = gateway.parse_notification(headers, body, url)
            return [_understood(name, notice, now) for notice in _few(told)]
        except (BadInput, Refused):
            raise
        except Exception as error:
            self.observer.adapter_failed(name, error)
            raise AdapterFailed(f"the adapter of gateway {name} failed; try again") from error


def _few(told: Sequence[GatewayNotice]) -> Sequence[GatewayNotice]:
    if len(told) > MOST_NOTICES:
        raise BadInput(f"more than {MOST_NOTICES} notices in one notification; send fewer at once")
    return told


def _understood(name: str, notice: GatewayNotice, now: datetime) -> NewNotice:
    """Give a notice as it is kept. Raises whatever shows that the adapter is wrong."""
    return NewNotice(
        gateway=name,
        event_id=_usable(notice.event_id),
        attempt_key=AttemptKey(_usable(notice.attempt_key)),
        outcome=None if notice.outcome is None else _storable(notice.outcome),
        signed_and_final=bool(notice.signed_and_final),
        received_at=now,
    )


def _usable(text: str) -> str:
    """Give an id that any database takes. Raises `ValueError`."""
    given: object = text  # an adapter is a stranger's
    if not isinstance(given, str) or not 0 < len(text) <= LONGEST_ID or not text.isprintable():
        raise ValueError("an adapter gave an id that is no printable text of a sensible length")
    return text


def _storable(outcome: Outcome) -> Outcome:
    """Give an outcome that can be kept and read back. Raises whatever is in the way."""
    if not isinstance(outcome, get_args(Outcome)):
        raise TypeError("an adapter claims what is no outcome of a charge")
    words = {
        field.name: value.encode(errors="replace").decode().replace("\0", "?")
        for field in fields(outcome)
        if isinstance(value := getattr(outcome, field.name), str) and not isinstance(value, Enum)
    }
    clean: Outcome = replace(outcome, **words)
    if answer_from_json(answer_to_json(clean)) != clean:
        raise ValueError("an adapter gave an outcome that cannot be read back")
    return clean


def _reason(error: Exception) -> str:
    match error:
        case UnknownGateway():
            return "unknown_gateway"
        case Refused():
            return "not_verified"
        case _:
            return "unreadable"
