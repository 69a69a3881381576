"""Idempotency keys as Metronome documents them: the first result is replayed, errors included.

Source: docs.metronome.com/api-reference/idempotency, read 2026-08-28.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from external_gate.emulator.call import Reply
from external_gate.emulator.refusals import Refusal

# "At least 24 hours": the shortest promise, so that nobody comes to rely on more.
KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A key's request and its result; `reply` is None while the request still runs."""

    fingerprint: bytes
    reply: Reply | None
    bound_at: datetime


@dataclass(slots=True)
class Replays:
    """Remember results by key. A key is bound only once its request begins to execute."""

    results: dict[str, StoredResult] = field(default_factory=dict)

    def recall(self, key: str, *, fingerprint: bytes, now: datetime) -> Reply | None:
        """Give the stored result; None for a free key.

        Raises `Refusal` 409 for other parameters, and while the first request still runs.
        """
        known = self.results.get(key)
        if known is None or known.bound_at + KEPT_FOR < now:
            return None
        if known.fingerprint != fingerprint:
            raise Refusal(409, "Idempotency-Key was already used with different parameters")
        if known.reply is None:
            raise Refusal(409, "A request with this Idempotency-Key is still being processed")
        return known.reply

    def begin(self, key: str, *, fingerprint: bytes, now: datetime) -> None:
        """Note that a request with this key runs."""
        self.results[key] = StoredResult(fingerprint, None, now)

    def store(self, key: str, reply: Reply) -> None:
        """Keep the result that every repeat will get."""
        running = self.results[key]
        self.results[key] = StoredResult(running.fingerprint, reply, running.bound_at)

    def forget(self, key: str) -> None:
        """Free a key whose request never began to execute."""
        self.results.pop(key, None)
