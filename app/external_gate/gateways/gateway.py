"""The contract of a gateway adapter; a stranger can write one from this page alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from external_gate.domain.charge import Capabilities, Charge, ChargeRequest, SentCharge
from external_gate.domain.clock import Clock
from external_gate.domain.identifiers import AttemptKey
from external_gate.domain.outcome import NotFound, Outcome, Undo
from external_gate.outbound.calls import Caller


@dataclass(frozen=True, slots=True)
class GatewayNotice:
    """What a gateway's notification says about one attempt."""

    event_id: str
    """The gateway's id of the event; a repeat carries the same."""
    attempt_key: AttemptKey
    outcome: Outcome | None = None
    """What it claims; None says only: look again."""
    signed_and_final: bool = False
    """Whether the outcome is covered by a verified signature and cannot change any more."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the core hands to every adapter."""

    name: str
    """The gateway's name in the configuration."""
    caller: Caller
    """The only way out: it classifies how every call ended."""
    clock: Clock


class Gateway(Protocol):
    """One payment gateway with its settings.

    Shape it as three pure parts around one call: build → send → parse. The rules:

    - `charge` makes **at most one** mutating call and never repeats it: the core repeats, with the
      same key and the same bytes, when the capabilities allow it.
    - Nothing that the outside does raises. A timeout, a reset, a 5xx, 409, 423, 429, an answer that
      cannot be read or mapped is `Unknown`; never `Declined`. `NotSent` only when the caller said
      so.
    - An authorisation without capture is `Pending`, not `Succeeded`. A success carries what was
      really taken and the reference that the gateway gave back; the core compares both.
    - Secrets come from settings, never from bytes that `build` makes: those are stored.
    """

    @property
    def capabilities(self) -> Capabilities:
        """Give what the gateway promises; constant for the adapter's life."""
        ...

    def build(self, charge: Charge) -> bytes:
        """Make the exact bytes of the charge request, without secrets. Pure.

        The core stores them before the first send and compares them before every re-send. Raises
        `BadInput` when the gateway cannot express this charge (currency, amount, lengths): it is
        held, nothing is sent.
        """
        ...

    async def charge(self, request: ChargeRequest) -> Outcome:
        """Send `request.body` once, not after `request.not_after`, and tell what it came to."""
        ...

    async def lookup(self, sent: SentCharge) -> Outcome | NotFound:
        """Ask what became of a charge; moves no money. Repeatable.

        `NotFound(conclusive=True)` only where the gateway promises read-after-write. Called only
        when `capabilities.lookup` is `QUERY`.
        """
        ...

    async def cancel(self, sent: SentCharge) -> Undo:
        """Stop the charge if no money has moved. Repeatable, with `sent.cancel_key`.

        By key where the gateway can: then the key is dead afterwards, also if it was never seen.
        Called only when `capabilities.cancel` allows it.
        """
        ...

    async def refund(self, sent: SentCharge) -> Undo:
        """Give back the whole charge. Repeatable, with `sent.refund_key`.

        `Undone` only when the gateway confirms that the money is on its way back. Called only when
        `capabilities.refund` is set.
        """
        ...

    def parse_notification(
        self, headers: Mapping[str, str], body: bytes, url: str
    ) -> Sequence[GatewayNotice]:
        """Verify a notification, then give its hints. Pure; header names are lower case.

        Raises `Refused` when the signature is missing or wrong, `BadInput` for an unreadable body.
        Called only when `capabilities.notifies` is set.
        """
        ...
