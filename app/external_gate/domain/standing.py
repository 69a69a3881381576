"""What an attempt's evidence proves: the one place where answers become knowledge (design §4).

`NotSent`, `Misconfigured` and `Declined` speak about one call; unknown never overwrites known;
absence is never finality.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from external_gate.domain.charge import Cancel, Capabilities, Idempotency, KeyStores, Lookup
from external_gate.domain.evidence import Attempt, Evidence, Source
from external_gate.domain.outcome import (
    Answer,
    Declined,
    DeclineKind,
    Misconfigured,
    NotFound,
    NotSent,
    Pending,
    Succeeded,
    Undone,
    Unknown,
)


@dataclass(frozen=True, slots=True)
class Untouched:
    """No send of it ever left this machine."""

    cause: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """Money was taken, and the charge is ours: amount, currency and reference match."""

    proof: Succeeded
    charge_ids: frozenset[str]
    """More than one means that the gateway charged twice under one key."""


@dataclass(frozen=True, slots=True)
class Mismatched:
    """Money was taken, but not what this attempt asked for."""

    found: Succeeded
    why: str


@dataclass(frozen=True, slots=True)
class Contradicted:
    """Both a final decline and a success are on record."""

    why: str


@dataclass(frozen=True, slots=True)
class Dead:
    """No money was taken and none can be any more."""

    decline: Declined


@dataclass(frozen=True, slots=True)
class Waiting:
    """The gateway says: not final yet."""

    pending: Pending
    final_at: datetime | None = None
    """When a decline that may still turn becomes final; None for a charge that is open."""


@dataclass(frozen=True, slots=True)
class WeWereRefused:
    """The gateway refused our request as such; nobody declined."""

    cause: str


@dataclass(frozen=True, slots=True)
class Absent:
    """A conclusive not-found: the same attempt may be sent again. It proves nothing else."""


@dataclass(frozen=True, slots=True)
class Open:
    """Nobody knows what became of the charge."""

    cause: str


Standing = (
    Untouched | Taken | Mismatched | Contradicted | Dead | Waiting | WeWereRefused | Absent | Open
)

CANCELLED = Declined(DeclineKind.HARD, code="cancelled", message="the charge was cancelled")
CUSTOMER_NEEDED = Declined(
    DeclineKind.SOFT,
    code="customer_action_required",
    message="the customer had to act and could not",
)


def standing_of(
    attempt: Attempt,
    capabilities: Capabilities,
    *,
    now: datetime,
    sends_uncertain: bool = False,
) -> Standing:
    """Fold an attempt's evidence into what is known.

    `now` is our own clock. `sends_uncertain` says that sends may be missing from our books
    (a restored database).
    """
    reading = _Reading(attempt, capabilities, sends_uncertain=sends_uncertain)
    dead = reading.final_decline()
    successes = [piece.answer for piece in attempt.evidence if isinstance(piece.answer, Succeeded)]
    if successes:
        final = dead if reading.decline_stands() else None
        return _with_success(attempt, successes, final or reading.taken_back())
    if dead is not None:
        final_at = reading.turns_final_at()
        if final_at is None:
            return Dead(dead)
        return Waiting(Pending(), final_at=final_at)
    if (pending := reading.latest_pending()) is not None:
        return Waiting(pending)
    return reading.without_final_word(now)


def _with_success(attempt: Attempt, successes: list[Succeeded], dead: Declined | None) -> Standing:
    for found in successes:
        if (why := mismatch(attempt, found)) is not None:
            return Mismatched(found, why)
    if dead is not None:
        return Contradicted(
            f"charge {successes[-1].charge_id} succeeded after {dead.code or 'a decline'}"
        )
    return Taken(successes[0], frozenset(found.charge_id for found in successes))


def mismatch(attempt: Attempt, found: Succeeded) -> str | None:
    """Tell in which way a success is not the charge that was asked for; None when it matches."""
    if found.amount != attempt.charge.amount:
        return f"{found.amount} was taken instead of {attempt.charge.amount}"
    if found.reference is not None and found.reference != attempt.charge.attempt_key:
        return f"it carries the reference {found.reference!r} of something else"
    if not found.charge_id:
        return "it carries no charge id"
    return None


_FINAL_WORDS = Succeeded | Declined


class _Reading:
    """One pass over an attempt's evidence, with the questions that need several pieces at once."""

    def __init__(
        self,
        attempt: Attempt,
        capabilities: Capabilities,
        *,
        sends_uncertain: bool,
    ) -> None:
        self._attempt = attempt
        self._capabilities = capabilities
        self._by_send: dict[int, Answer] = {}
        for piece in attempt.evidence:
            if piece.source is Source.CHARGE:
                known = self._by_send.get(piece.send)
                # Unknown never overwrites known.
                if known is None or isinstance(known, Unknown):
                    self._by_send[piece.send] = piece.answer
        self._uncertain = sends_uncertain or self._gateway_knows_more()

    def _gateway_knows_more(self) -> bool:
        """Whether the gateway tells of a charge that no send in our books can have made.

        One send was forgotten, then, and there may be others: nothing can be counted any more.
        """
        told = (p for p in self._attempt.evidence if p.source is not Source.CHARGE)
        return self._effective_sends() == 0 and any(
            isinstance(piece.answer, Succeeded | Declined | Pending) for piece in told
        )

    def _sends(self) -> list[Answer | None]:
        return [self._by_send.get(number) for number in range(1, self._attempt.sends + 1)]

    def _without_effect(self, answer: Answer | None) -> bool:
        return isinstance(answer, NotSent | Misconfigured)

    def _effective_sends(self) -> int:
        return sum(not self._without_effect(answer) for answer in self._sends())

    def _key_settles(self, at: datetime) -> bool:
        """Whether one answer under the key speaks for every send of it."""
        first = self._attempt.first_sent_at
        return (
            self._capabilities.idempotency is not Idempotency.NONE
            and self._capabilities.key_stores is KeyStores.EVERY_ANSWER
            and first is not None
            and max(at, first) < first + self._capabilities.window
        )

    def _settles(self, piece: Evidence) -> bool:
        if self._key_settles(piece.at):
            return True
        if self._uncertain:
            return False
        if piece.source is Source.CHARGE:
            others = self._sends()[: piece.send - 1] + self._sends()[piece.send :]
            return all(self._without_effect(a) or isinstance(a, Declined) for a in others)
        return self._effective_sends() <= 1 and self._has_seen_everything(piece)

    def _has_seen_everything(self, piece: Evidence) -> bool:
        """Whether a word from elsewhere speaks of all that one send can have begun.

        Where a key does not store every answer, a proxy's repeat of one send may have begun a
        second charge: a notice tells of one of them, and a lookup of those visible by then.
        """
        if piece.source is Source.NOTICE:
            return self._capabilities.lookup is not Lookup.QUERY and self._is_of_the_open(piece)
        last = self._attempt.last_possible_send
        return last is None or piece.asked_at >= last + self._capabilities.visibility_lag

    def _is_of_the_open(self, piece: Evidence) -> bool:
        """Whether a notice speaks of the very charge that the send's own answer called open."""
        known = [answer for answer in self._sends() if isinstance(answer, Pending)]
        told = getattr(piece.answer, "charge_id", None)
        return bool(known) and told is not None and told == known[0].charge_id

    def final_decline(self) -> Declined | None:
        for piece in reversed(self._attempt.evidence):
            match piece.answer:
                case Declined() as declined if self._settles(piece):
                    return declined
                case Undone() if piece.source is Source.CANCEL and self._cancel_kills(piece):
                    return self._word_for_cancelled()
                case _:
                    continue
        return None

    def _cancel_kills(self, piece: Evidence) -> bool:
        return self._capabilities.cancel is Cancel.BY_KEY or self._settles(piece)

    def _word_for_cancelled(self) -> Declined:
        pending = self.latest_pending()
        needed = pending is not None and pending.needs_customer and pending.action_url is None
        return CUSTOMER_NEEDED if needed else CANCELLED

    def turns_final_at(self) -> datetime | None:
        """Give when the decline becomes final; None when it already is."""
        after = self._capabilities.failed_is_final_after
        declines = [p for p in self._attempt.evidence if isinstance(p.answer, Declined)]
        if not after or not declines:
            return None
        final_at = max(piece.at for piece in self._fresh_declines(declines)) + after
        # Only a look after that instant proves that the decline has stayed one. A repeat of the
        # charge is none: it replays what was stored, or it is another try.
        looks = (p.asked_at for p in declines if p.source is not Source.CHARGE)
        return None if any(asked_at >= final_at for asked_at in looks) else final_at

    def decline_stands(self) -> bool:
        """Whether a decline contradicts a success; a capture of one that could turn does not."""
        words = [p.answer for p in self._attempt.evidence if isinstance(p.answer, _FINAL_WORDS)]
        # A decline that follows a success takes the money back, however young it is.
        return self.turns_final_at() is None or isinstance(words[-1], Declined)

    def taken_back(self) -> Declined | None:
        """Give the decline of the very charge that had succeeded; it need not settle all sends."""
        taken: set[str] = set()
        for piece in self._attempt.evidence:
            match piece.answer:
                case Succeeded(charge_id=charge_id):
                    taken.add(charge_id)
                case Declined(charge_id=charge_id) as declined if charge_id in taken:
                    return declined
                case _:
                    continue
        return None

    def _fresh_declines(self, declines: list[Evidence]) -> list[Evidence]:
        """Give the first decline, and every later one that was a try of its own."""
        if self._capabilities.key_stores is KeyStores.EVERY_ANSWER:
            return declines[:1]
        return declines[:1] + [p for p in declines[1:] if p.source is Source.CHARGE]

    def latest_pending(self) -> Pending | None:
        """Give what the gateway last called open; None once it has called it declined since."""
        for piece in reversed(self._attempt.evidence):
            if isinstance(piece.answer, Pending):
                # An answer that only repeats that the customer is needed leaves them their address.
                return replace(piece.answer, action_url=self._attempt.action_url)
            if isinstance(piece.answer, Declined) and piece.source is not Source.CHARGE:
                return None
        return None

    def without_final_word(self, now: datetime) -> Standing:
        sends = self._sends()
        unknown = [answer for answer in sends if not self._without_effect(answer)]
        if not unknown and not self._uncertain:
            refusals = [answer for answer in sends if isinstance(answer, Misconfigured)]
            if refusals and isinstance(sends[-1], Misconfigured):
                return WeWereRefused(refusals[-1].cause)
            return Untouched(_cause(sends[-1]) if sends else "")
        if self._is_absent(now):
            return Absent()
        return Open(self._latest_cause())

    def _is_absent(self, now: datetime) -> bool:
        """Whether the gateway has conclusively not seen the key since the last possible send."""
        last = self._attempt.last_possible_send
        # What was declined was seen: sending it again would be another try at the customer's card.
        if last is None or any(isinstance(p.answer, Declined) for p in self._attempt.evidence):
            return False
        for piece in reversed(self._attempt.evidence):
            if isinstance(piece.answer, NotFound) and piece.answer.conclusive:
                # Waiting is judged by our own clock, at the moment the question was asked.
                return min(piece.asked_at, now) >= last + self._capabilities.visibility_lag
        return False

    def _latest_cause(self) -> str:
        for piece in reversed(self._attempt.evidence):
            if cause := _cause(piece.answer):
                return cause
        return "no answer was ever recorded"


def _cause(answer: Answer | None) -> str:
    return answer.cause if isinstance(answer, Unknown | NotSent | Misconfigured) else ""
