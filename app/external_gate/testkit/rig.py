"""What an author provides to certify an adapter: a rig around a stateful fake of their gateway."""

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol, runtime_checkable

from external_gate.domain.charge import Payer
from external_gate.domain.money import Money
from external_gate.gateways.adapter_loading import Adapter


class Situation(StrEnum):
    """What the fake does with a charge of a payer.

    `succeeds` and one of the two declines are required. Each other one opens scenarios that are
    reported as "not exercised" without it, never as passed.
    """

    SUCCEEDS = "succeeds"  # takes the whole amount at once
    DECLINED_SOFT = "declined_soft"  # insufficient funds and the like
    DECLINED_HARD = "declined_hard"  # card lost, account closed
    PENDING_THEN_SUCCEEDS = "pending_then_succeeds"  # final once time has passed or after looks
    PENDING_THEN_DECLINED = "pending_then_declined"
    NEEDS_CUSTOMER = "needs_customer"  # 3-D Secure and the like; no money unless somebody acts
    AUTHORISED_ONLY = "authorised_only"  # approved, and nothing captured: no money is taken
    TAKES_LESS = "takes_less"  # a partial approval: less is taken than was asked
    SEEN_LATE = "seen_late"  # takes the money; a lookup finds it only after the visibility lag
    DECLINED_ONCE = "declined_once"  # declines the first try, and would take a second one
    DECLINED_THEN_TAKEN = "declined_then_taken"  # late authorisation: the decline turns with time
    REFUND_ONLY_ACCEPTED = "refund_only_accepted"  # takes; a refund is acknowledged, not yet done
    REJECTS_US = "rejects_us"  # refuses the request itself: unknown customer, bad field
    ANSWER_LOST = "answer_lost"  # takes the money, the first answer never comes (without a proxy)
    REQUEST_LOST = "request_lost"  # nothing happens, the first answer never comes


@dataclass(frozen=True, slots=True)
class Taking:
    """One movement of money in the fake's books."""

    attempt_key: str
    """The attempt that it belongs to: what the adapter sent as reference or key."""
    charge_id: str
    amount: Money
    """What was really moved, in ISO 4217 minor units, whatever unit the gateway's wire has."""
    refunds: int = 0
    """How often it was given back, confirmed; an accepted refund is not yet one."""

    @property
    def refunded(self) -> bool:
        """Whether it was given back."""
        return self.refunds > 0


@dataclass(frozen=True, slots=True)
class Notification:
    """A genuine notification, as the fake would send it."""

    headers: Mapping[str, str]
    body: bytes
    url: str = "https://gate.example/webhooks/gateways/main"
    """Where it would be sent; some gateways sign it."""
    signed: bool = True
    """Whether a signature covers the body. An unsigned notification may be no more than a hint."""
    dated: bool = False
    """Whether the signature covers a time, so that an old copy must be refused."""


@runtime_checkable
class Rig(Protocol):
    """A stateful fake of one gateway, and how the adapter is pointed at it.

    This page is the whole specification. A fresh rig is made for every scenario, so it needs no
    reset; making one opens nothing, and `start` and `stop` are called once each. The kit runs the
    rig in an event loop and a thread of its own, so that an adapter that blocks cannot stop its own
    fake; the `async` methods are called in that loop.

    The fake must behave as the gateway does, keys and all: it stores its idempotency keys before it
    takes money, keeps books of every movement, and answers a lookup from the books. It need not
    misbehave: the kit puts a proxy in front of it that loses, delays, doubles and garbles. It must
    answer within a few milliseconds and listen on 127.0.0.1.

    A rig that can do more says so by also having the methods of `SendsNotifications`, `MovesTime`
    or `SortsCalls` below; what it lacks is reported as "not exercised". One that speaks https can
    say by `TrustsAuthorities` whom the kit is to trust.
    """

    @property
    def adapter(self) -> Adapter:
        """Give the adapter's class, the one that its entry point names."""
        ...

    @property
    def payers(self) -> Mapping[Situation, Payer]:
        """Give a payer for every situation that the fake can play."""
        ...

    @property
    def secrets(self) -> Sequence[str]:
        """Give the secrets in `settings`: they must never show up in logs, errors or outcomes."""
        ...

    @property
    def key_header(self) -> str | None:
        """Give the header that carries the idempotency key; None when body or path does.

        A gateway without keys gives None.
        """
        ...

    def settings(self, base_url: str) -> Mapping[str, object]:
        """Give the adapter's settings with every address replaced by `base_url`.

        `base_url` is the proxy's (`http://127.0.0.1:PORT`, with the path that `start` gave). It is
        empty when `start` gave None. An adapter that has clients of its own, instead of using the
        caller that it is handed, should be given a timeout of one or two seconds here.
        """
        ...

    async def start(self) -> str | None:
        """Start the fake on a real socket (port 0) and give its base address.

        None says that the adapter speaks no HTTP to an address. No proxy can stand in between then:
        every scenario that needs one is "not exercised", and lost answers are tried by the payers
        `answer_lost` and `request_lost` alone.
        """
        ...

    async def stop(self) -> None:
        """Stop the fake and close every socket."""
        ...

    async def takings(self) -> Sequence[Taking] | None:
        """Give the ground truth: every movement of money in the books, refunded ones too.

        Two takings of one attempt are two entries: books that cannot show a double charge prove
        nothing. None when the books cannot be read (a host certified from outside); then nothing
        about money is proven, and the report says so.
        """
        ...


@runtime_checkable
class SendsNotifications(Protocol):
    """A rig whose fake can show a genuine notification."""

    async def notification(self, attempt_key: str) -> Notification | None:
        """Give what the gateway would send about an attempt now; None when it would send nothing.

        Time-dependent signatures use the real time (plus what `MovesTime` was told).
        """
        ...


@runtime_checkable
class MovesTime(Protocol):
    """A rig whose fake has a clock that can be moved: settling, visibility lags, late changes."""

    async def advance(self, duration: timedelta) -> None:
        """Let time pass in the fake; what falls due happens before this returns."""
        ...


@runtime_checkable
class SortsCalls(Protocol):
    """A rig whose gateway needs harmless calls before the one that charges."""

    def is_preparation(self, method: str, path: str) -> bool:
        """Tell whether such a call can never move money: a token, a quote, an order.

        Preparations are not counted as charges, and no fault strikes them.
        """
        ...


@runtime_checkable
class TrustsAuthorities(Protocol):
    """A rig whose `start` gives an https address with a certificate that not everybody trusts."""

    @property
    def tls(self) -> ssl.SSLContext | None:
        """Give what the kit's proxy connects with; None for the system's authorities.

        The adapter itself speaks plain http to the proxy.
        """
        ...
