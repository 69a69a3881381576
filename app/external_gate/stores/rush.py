"""Whether deliveries gather faster than they can be recorded, and which of them wait."""

import hashlib
from typing import NamedTuple

from external_gate.domain.money import bare_currency
from external_gate.domain.workflow import Facts
from external_gate.stores.store_inbox import MOST_WAITING
from external_gate.stores.store_records import NewNotification

RUSH_AT = 8
"""Deliveries that gathered while one commit ran: from then on they go to the inbox first. Fewer are
recorded within the milliseconds that a commit takes anyway."""


class Met(NamedTuple):
    """What waits already of something that comes."""

    again: bool
    """Whether the same id, type and digest do."""
    agrees: bool | None
    """Whether its workflow does and was told the same; None when nothing of the workflow does."""


class Rush:
    """What one process knows of the inbox. Used in one thread, the one that writes.

    It decides about the words of an answer and about the order of work, never about what is kept:
    whatever comes in a rush is appended, also what is thought to be known.
    """

    def __init__(self, begins_at: int = RUSH_AT, most: int = MOST_WAITING) -> None:
        self._begins_at = begins_at
        self._most = most
        self._notifications: set[bytes] = set()
        self._workflows: dict[bytes, bytes] = {}
        self._waiting = 0
        """Entries, repetitions too; too many when a commit failed, or others took them out."""

    @property
    def is_full(self) -> bool:
        """Tell whether nothing more goes to the inbox, by all that is known here."""
        return self._waiting >= self._most

    def takes(self, gathered: int) -> bool:
        """Tell whether so many go to the inbox; once one did, all do until it is empty again.

        Otherwise a later delivery would be recorded before an earlier one. That is borne when the
        inbox is full: then they are recorded at once.
        """
        return not self.is_full and (self._waiting > 0 or gathered >= self._begins_at)

    def ends(self) -> None:
        """Note that nothing waits any more."""
        self._waiting = 0
        self._notifications.clear()
        self._workflows.clear()

    def take_out(self, notification: NewNotification) -> None:
        """Note that a delivery waits no more: it was recorded."""
        self._waiting = max(0, self._waiting - 1)
        self.forget(notification)

    def forget(self, notification: NewNotification) -> None:
        """Note that a delivery never came to the inbox. From any thread."""
        self._notifications.discard(_short(*notification.identity))
        if notification.workflow is not None:
            self._workflows.pop(_short(notification.workflow.workflow_id), None)

    def meet(self, notification: NewNotification) -> Met:
        """Note a delivery that waits from now on; give what of it has waited already."""
        identity = _short(*notification.identity)
        again = identity in self._notifications
        self._waiting += 1
        self._notifications.add(identity)
        if notification.workflow is None:
            return Met(again, None)
        facts = notification.workflow.facts
        meaning = _meaning(facts)
        known = self._workflows.setdefault(_short(facts.workflow_id), meaning)
        return Met(again, known == meaning if known is not meaning else None)


def _meaning(facts: Facts) -> bytes:
    """Give the same for facts that agree, as `store_rules.differences` compares them."""
    return _short(
        facts.workflow_type,
        facts.customer_id,
        facts.contract_id,
        facts.invoice_id,
        "" if facts.total is None else str(facts.total.as_integer_ratio()),
        bare_currency(facts.currency),
    )


def _short(*texts: str) -> bytes:
    """Give 16 bytes for texts, in which no two different ones run together."""
    joined = "\0".join(texts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(joined, digest_size=16).digest()
