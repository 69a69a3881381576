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
    """The gateway's id of the event, up to 255 printable characters; a repeated delivery carries
    the same. Where the gateway has none, a digest of what was said (key and status, no time)."""
    attempt_key: AttemptKey
    """Which attempt it speaks of, as the gateway gives our key or reference back. One of nobody's
    is no fault: it is recorded and does nothing."""
    outcome: Outcome | None = None
    """What it claims, by the same mapping as an answer to `charge`; None says only: look again."""
    signed_and_final: bool = False
    """Whether the outcome is covered by a verified signature and cannot change any more. Only then
    does it count without a lookup, so in doubt: False. Nothing but `Succeeded` and `Declined` is
    ever final."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the core hands to every adapter."""

    name: str
    """The gateway's name in the configuration: `main` for `[gateways.main]`. For messages."""
    caller: Caller
    """The only way out: it classifies how every call ended, and repeats none."""
    clock: Clock
    """The only time: never ask the system's, tests move this one."""


class Gateway(Protocol):
    """One payment gateway with its settings.

    A plugin is a class with these methods, named by an entry point in the group
    `external_gate.gateways`: `acme = "acme_gateway:AcmeGateway"` answers to `adapter = "acme"`.
    Beside them it has

    - `settings_model`, a class attribute: a pydantic model of the keys under `[gateways.NAME]`
      other than `adapter`, with `extra="forbid"`, `hide_input_in_errors=True`, and `SecretStr` for
      every secret;
    - `__init__(self, settings, surroundings)`: called once per gateway at start, with an instance
      of that model and a `Surroundings`; calls nobody. Raises `Broken`, naming the key and the
      cure, for settings that only it can judge (a certificate that is not there).

    Inherit from nothing, so that a method that is missing is noticed at start. Shape the class as
    three pure parts around one call: build → send → parse. The rules:

    - `charge` makes **at most one** mutating call and never repeats it: the core repeats, with the
      same key and the same bytes, when the capabilities allow it. No retries of a library either,
      no thread, task or hook that goes on after the answer.
    - All HTTP goes through `surroundings.caller`, with a `Timeouts` inside
      `capabilities.request_timeout`. A method that is not back 2 s after that is cancelled, and its
      answer is `Unknown`. `CancelledError` is never swallowed.
    - Nothing that the outside does raises. A timeout, a reset, a 5xx, 408, 409, 423, 429, a
      redirect, an answer that cannot be read or mapped is `Unknown`; never `Declined`. `NotSent`
      only when the caller said `NeverSent`. `Misconfigured` only for answers by which the gateway
      promises that it refused the request as such, and charged nothing.
    - `Declined` is said only of the payer's payment, finally, by a code that is known to be a
      decline. An error code that nobody has mapped is `Unknown`.
    - An authorisation without capture is `Pending`, not `Succeeded`. A success carries what was
      really taken and the reference that the gateway gave back; the core compares both.
    - Money arrives in minor units of ISO 4217 (1500 USD is $15.00, 1500 JPY is ¥1500, 1500 KWD is
      1.500). A gateway with exponents of its own is served by a table in the adapter; no `float`.
    - Secrets come from settings, never from bytes that `build` makes: those are stored. Causes and
      messages are shown to people and logged: they repeat no secret and no card number, and of the
      gateway's texts only what is meant for a merchant, on one line of at most 200 characters.
    - Methods run concurrently, for many charges and for one: nothing may block the event loop, and
      nothing about a charge may be kept in the instance. A restarted process knows only what it is
      handed.
    """

    @property
    def capabilities(self) -> Capabilities:
        """Give what the gateway promises; constant for the adapter's life.

        Read once, at start: contradictions (a window without idempotency) stop the service.
        """
        ...

    def build(self, charge: Charge) -> bytes:
        """Make the exact bytes of the charge request, without secrets. Pure.

        The same charge gives the same bytes, in every process and whatever the order of its
        `metadata`: no time, no random number. The core stores them before the first send and
        compares them before every re-send: bytes that have changed are held for a person, so a new
        release of the adapter must not change them without need. The attempt key goes in unchanged
        as idempotency key, reference or both. Raises `BadInput` when the gateway cannot express
        this charge (currency, amount, lengths): it is held, nothing is sent. Never cut or round.
        """
        ...

    async def charge(self, request: ChargeRequest) -> Outcome:
        """Send `request.body` once, not after `request.not_after`, and tell what it came to.

        Give the deadline to the caller (`Call.not_after`): it stops a call that waited too long.
        The bytes are sent as they are; only headers with secrets and signatures are added here.
        """
        ...

    async def lookup(self, sent: SentCharge) -> Outcome | NotFound:
        """Ask what became of a charge; moves no money. Repeatable, at any time.

        By the attempt key where the gateway can: `sent.charge_id` is often None. The answers are
        those of `charge`, about the charge and not about this question: a question that failed, or
        was refused, is `Unknown`, never `NotSent` or `Misconfigured`. A charge that was refunded
        since is `Succeeded` all the same. `NotFound(conclusive=True)` only where the gateway
        promises to find every charge that it accepted `visibility_lag` ago; then the core may send
        the charge again. An empty list of a search index is `NotFound(conclusive=False)`, and a 404
        that a proxy could have said is `Unknown`. Several charges under one key: tell of one that
        took money. Called only when `capabilities.lookup` is `QUERY`.
        """
        ...

    async def cancel(self, sent: SentCharge) -> Undo:
        """Stop the charge if no money has moved. Repeatable, with `sent.cancel_key`.

        By key where the gateway can: then the key is dead afterwards, also if it was never seen.
        `Undone` promises that no money moved and none can any more under this key (`BY_KEY`) or by
        this charge (`BY_CHARGE`): Metronome is told `failed` on it. A charge that is already
        declined or cancelled is `Undone` too, one that took money is `TooLate`; in doubt
        `UndoUnknown`, and the core asks again. Never refunds. `UndoPending` when the result comes
        later. Called only when `capabilities.cancel` allows it; with `BY_CHARGE` that may be
        without a `charge_id`, which is `UndoUnknown` where the gateway needs one.
        """
        ...

    async def refund(self, sent: SentCharge) -> Undo:
        """Give back the whole charge. Repeatable, with `sent.refund_key`.

        `Undone` only when the gateway confirms that the money is on its way back, by this call or
        an earlier one: "already refunded" is `Undone`. `UndoPending` while the gateway decides: the
        core asks again, by this method. `TooLate` when it can never be refunded this way. Called
        only when `capabilities.refund` is set, for a charge that took money.
        """
        ...

    def parse_notification(
        self, headers: Mapping[str, str], body: bytes, url: str
    ) -> Sequence[GatewayNotice]:
        """Verify a notification, then give what it says. Pure and quick: it must not wait.

        Header names are lower case, `body` is as it came, `url` is the address that was called, for
        gateways that sign it. Called only when `capabilities.notifies` is set. Give:

        - one notice for every charge of ours that it speaks of, up to 1,000: they are kept in one
          transaction. None for events about anything else; the gateway gets its 200 all the same.
        - `signed_and_final` only for what the signature covers and the gateway calls final. That is
          evidence, weighed like an answer: amount, currency and reference are compared, and where a
          key may hide a second charge a lookup must confirm it.
        - in doubt a notice without an outcome. It brings a lookup forward, at most one in five
          seconds per workflow, and nothing else: it moves nothing and sends nothing. Where lookup
          is not `QUERY` even the schedule stays as it is.
        - another `event_id` for every charge that one event speaks of: of two notices with one id
          only the first can be evidence, the second only makes us look again.

        A notice that names another gateway's attempt is nobody's. Raises `Refused` when the
        signature is missing or wrong (401), `BadInput` for an unreadable body (400); both sentences
        go back to the sender and repeat no secret. Whatever else it raises is a bug: 503, and the
        gateway tries again.
        """
        ...
