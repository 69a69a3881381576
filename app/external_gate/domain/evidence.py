"""An attempt, the evidence appended to it, and what the two together prove."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from external_gate.domain.charge import Charge
from external_gate.domain.outcome import Answer, Pending, Succeeded


class Source(StrEnum):
    """Where a piece of evidence came from."""

    CHARGE = "charge"
    LOOKUP = "lookup"
    CANCEL = "cancel"
    REFUND = "refund"
    NOTICE = "notice"  # a verified notification of the gateway


@dataclass(frozen=True, slots=True)
class Evidence:
    """One answer or notice about an attempt; appended without a fence, never changed."""

    source: Source
    answer: Answer
    asked_at: datetime
    """When the call began, by our clock; for a notice, when it arrived."""
    at: datetime
    """The latest plausible instant of the answer: never before our clock's, nor before the
    high-water mark of time."""
    send: int = 0
    """Which send of the attempt this answers, from 1; 0 for everything but charges."""
    number: int = 0
    """The store's running number; 0 while not stored."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to charge a workflow, sent once or re-sent, always the same bytes."""

    number: int
    gateway: str
    charge: Charge
    body: bytes
    created_at: datetime
    sends: int = 0
    """How often an intent to send was saved."""
    first_sent_at: datetime | None = None
    send_deadline: datetime | None = None
    """The last instant at which the latest send may have begun."""
    last_possible_send: datetime | None = None
    """`send_deadline` plus the request timeout: after it no send of ours is under way."""
    closed: bool = False
    """Whether it is dead; a closed attempt is never sent again."""
    look_asked: int = 0
    """How often its gateway has asked us to look again; counted by the store alone."""
    look_made: int = 0
    """How many of those askings a later lookup has answered."""
    evidence: tuple[Evidence, ...] = field(default=())

    @property
    def charge_id(self) -> str | None:
        """Give the provider's id of the charge: of the one that took money, else the latest."""
        # A declined repeat may carry an id of its own; refunding that one gives nothing back.
        took = [piece for piece in self.evidence if isinstance(piece.answer, Succeeded)]
        for piece in reversed(took or self.evidence):
            found = getattr(piece.answer, "charge_id", None)
            if isinstance(found, str) and found:
                return found
        return None

    @property
    def wants_look(self) -> bool:
        """Whether its gateway has asked us to look again since the latest lookup began."""
        return self.look_asked > self.look_made

    @property
    def action_url(self) -> str | None:
        """Give where the customer can finish the charge; None when nothing is asked of them.

        A later answer that brings another address replaces it; one that brings none keeps it.
        """
        told = [piece.answer for piece in self.evidence if isinstance(piece.answer, Pending)]
        if not told or not (told[-1].needs_customer or told[-1].action_url):
            return None
        return next((answer.action_url for answer in reversed(told) if answer.action_url), None)
