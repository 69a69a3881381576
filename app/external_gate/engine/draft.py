"""A change in the making: moves by the table, with everything that is saved beside them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from external_gate.domain.changed import changed
from external_gate.domain.evidence import Attempt, Evidence
from external_gate.domain.identifiers import AttemptKey, release_key
from external_gate.domain.ledger import (
    NOTHING_MORE,
    Asked,
    GuardVerdict,
    HistoryEntry,
    Incident,
    IncidentKind,
    Ledger,
    Release,
)
from external_gate.domain.workflow import Actor, HeldReason, State, Verdict, Workflow, check_move
from external_gate.stores.store_records import Change, Dossier


class Draft:
    """Collects what one save shall contain; nothing is written before `Case.save`."""

    def __init__(
        self, dossier: Dossier, now: datetime, *, actor: Actor = Actor.ENGINE, who: str = ""
    ) -> None:
        self.now = now
        self.after: Workflow = changed(dossier.workflow, updated_at=now)
        self.judge: Callable[[Ledger], GuardVerdict] | None = None
        self.asked: Asked = NOTHING_MORE
        self.incidents: list[Incident] = []
        self._dossier = dossier
        self._actor = actor
        self._who = who
        self._history: list[HistoryEntry] = []
        self._evidence: list[tuple[AttemptKey, Evidence]] = []
        self._attempts: dict[int, Attempt] = {a.number: a for a in dossier.attempts}
        self._touched: set[int] = set()
        self._releases = {(r.verdict, r.generation): r for r in dossier.releases}
        self._touched_releases: set[tuple[Verdict, int]] = set()

    @property
    def attempts(self) -> Sequence[Attempt]:
        """Give every attempt as it will stand, with the evidence of this draft."""
        return [self._attempts[number] for number in sorted(self._attempts)]

    @property
    def attempt(self) -> Attempt | None:
        """Give the attempt that is not closed."""
        return next((a for a in reversed(self.attempts) if not a.closed), None)

    @property
    def fresh(self) -> Sequence[tuple[Attempt, Evidence]]:
        """Give the evidence that no decision has read yet, this draft's own included."""
        read = self._dossier.workflow.evidence_read
        return [
            (attempt, piece)
            for attempt in self.attempts
            for piece in attempt.evidence
            if piece.number == 0 or piece.number > read
        ]

    @property
    def releases(self) -> Sequence[Release]:
        """Give every release as it will stand."""
        return list(self._releases.values())

    def set(self, **changes: Any) -> None:
        """Change fields of the workflow that are no move."""
        self.after = changed(self.after, **changes)

    def move(self, to: State, reason: str, **changes: Any) -> None:
        """Move the workflow by the table. Raises as `check_move`."""
        verdict = changes.get("verdict")
        check_move(self.after, to, self._actor, verdict)
        before = self.after.state
        leaving: dict[str, Any] = {"deferred_by": ""}
        if before is State.HELD:
            leaving |= {"held_reason": None, "held_detail": ""}
        self.after = changed(self.after, state=to, **(leaving | changes))
        self.note("moved", reason, from_state=before, to_state=to)

    def hold(self, reason: HeldReason, detail: str) -> None:
        """Hold the workflow for a person; a wanted hold is thereby fulfilled."""
        self.move(
            State.HELD,
            f"{reason}: {detail}" if detail else str(reason),
            held_reason=reason,
            held_detail=detail,
            hold_wanted=None,
            hold_wanted_detail="",
            due_at=None,
        )

    def decide(self, verdict: Verdict, reason: str) -> None:
        """Move to `paid` or `declined` and begin the release: from here on the outcome is fixed."""
        to = State.PAID if verdict is Verdict.PAID else State.DECLINED
        # From here on `undo_asked_at` means a refund, not a cancel that came to nothing.
        over = {"undo_asked_at": None} if verdict is Verdict.PAID else {}
        fresh = {"tries": 0, "trying_since": None, "void_seen_at": None}
        self.move(to, reason, verdict=verdict, due_at=self.now, **fresh, **over)
        known = [r.generation for r in self.releases if r.verdict is verdict]
        self.begin_release(max(known, default=0) + 1)

    def begin_release(self, generation: int) -> None:
        """Fix the key of the next release call; with this save it may be on its way."""
        verdict = self.after.verdict
        if verdict is None:
            return
        key = release_key(self.after.workflow_id, verdict, generation)
        self.after = changed(self.after, release_generation=generation)
        self.put_release(Release(verdict, generation, key, first_sent_at=self.now))

    def put_release(self, release: Release) -> None:
        """Insert or update a release."""
        number = (release.verdict, release.generation)
        self._releases[number] = release
        self._touched_releases.add(number)

    def note(
        self,
        event: str,
        reason: str = "",
        *,
        from_state: State | None = None,
        to_state: State | None = None,
        **facts: str,
    ) -> None:
        """Add a line to the history."""
        self._history.append(
            HistoryEntry(
                self.now, self._actor, event, reason, self._who, from_state, to_state, facts
            )
        )

    def incident(self, kind: IncidentKind, detail: str) -> None:
        """Record contradicting evidence for a person."""
        self.incidents.append(Incident(kind, self.now, detail))
        self.note("incident_raised", detail, kind=kind)

    def append(self, attempt: Attempt, piece: Evidence) -> None:
        """Append evidence; it is kept even if the change itself fails."""
        key = attempt.charge.attempt_key
        self._evidence.append((key, piece))
        known = self._attempts[attempt.number]
        self._attempts[attempt.number] = changed(known, evidence=(*known.evidence, piece))

    def looked(self, attempt: Attempt) -> None:
        """Note that a look has answered every asking that had been read when it began."""
        known = self._attempts[attempt.number]
        if known.look_made < attempt.look_asked:
            self.put(changed(known, look_made=attempt.look_asked))

    def keep_schedule(self) -> None:
        """Leave the next ordinary look where it was, after one that was brought forward.

        While nothing has moved no rung is climbed, so that a flood of notices cannot put the
        ordinary looks off; only a gateway's own wish to be asked earlier is heeded. And no re-send
        comes sooner than the ordinary look that would have led to it.
        """
        before = self._dossier.workflow
        if any(entry.to_state is not None for entry in self._history):
            is_resend = self.after.state is State.READY and self.attempt is not None
            if is_resend and before.due_at is not None and self.after.due_at is not None:
                self.set(due_at=max(before.due_at, self.after.due_at))
            return
        due_at = before.due_at
        if due_at is not None and self.after.due_at is not None:
            has_climbed = self.after.tries != before.tries
            due_at = due_at if has_climbed else min(due_at, self.after.due_at)
        self.set(due_at=due_at, tries=before.tries, trying_since=before.trying_since)

    def put(self, attempt: Attempt) -> None:
        """Insert or update an attempt."""
        self._attempts[attempt.number] = attempt
        self._touched.add(attempt.number)

    def change(self, *, fence: int, give_back: bool) -> Change:
        """Give the finished change."""
        return Change(
            fence=fence,
            after=self.after,
            newest_evidence=self._dossier.newest_evidence,
            history=tuple(self._history),
            evidence=tuple(self._evidence),
            attempts=tuple(self._attempts[number] for number in sorted(self._touched)),
            releases=tuple(self._releases[number] for number in sorted(self._touched_releases)),
            incidents=tuple(self.incidents),
            give_back=give_back,
            judge=self.judge,
            dossier=self._dossier,
            asked=self.asked,
        )
