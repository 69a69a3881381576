"""The dossier as a save leaves it, without asking the database again: pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from external_gate.domain.changed import changed
from external_gate.domain.clock import from_milliseconds, to_milliseconds
from external_gate.domain.evidence import Attempt, Evidence
from external_gate.domain.identifiers import AttemptKey
from external_gate.domain.ledger import Release
from external_gate.domain.workflow import Workflow
from external_gate.stores.store_records import Change, Dossier

Pieces = Mapping[AttemptKey, Sequence[Evidence]]


def dossier_after(before: Dossier, change: Change, after: Workflow, pieces: Pieces) -> Dossier:
    """Give what a good save leaves; `pieces` are those of the change, with their numbers."""
    attempts = {attempt.number: attempt for attempt in before.attempts}
    for attempt in change.attempts:
        attempts[attempt.number] = _kept_attempt(attempt, attempts.get(attempt.number))
    releases = {(r.verdict, r.generation): r for r in before.releases}
    for release in change.releases:
        known = releases.get((release.verdict, release.generation))
        releases[release.verdict, release.generation] = _kept_release(release, known)
    return Dossier(
        workflow=after,
        attempts=tuple(_with_pieces(attempts[number], pieces) for number in sorted(attempts)),
        releases=tuple(sorted(releases.values(), key=lambda r: (r.first_sent_at, r.generation))),
        newest_evidence=after.evidence_read,
    )


def kept_evidence(piece: Evidence, number: int) -> Evidence:
    """Give a piece as it is read back."""
    return changed(piece, number=number, asked_at=_kept(piece.asked_at), at=_kept(piece.at))


def _kept_attempt(attempt: Attempt, known: Attempt | None) -> Attempt:
    # What is frozen stays as it was kept first.
    return changed(
        attempt,
        charge=attempt.charge if known is None else known.charge,
        created_at=_kept(attempt.created_at) if known is None else known.created_at,
        first_sent_at=_perhaps_kept(attempt.first_sent_at),
        send_deadline=_perhaps_kept(attempt.send_deadline),
        last_possible_send=_perhaps_kept(attempt.last_possible_send),
        look_asked=0 if known is None else known.look_asked,
        evidence=() if known is None else known.evidence,
    )


def _kept_release(release: Release, known: Release | None) -> Release:
    return changed(
        release,
        first_sent_at=_kept(release.first_sent_at if known is None else known.first_sent_at),
        answered_at=_perhaps_kept(release.answered_at),
    )


def _with_pieces(attempt: Attempt, pieces: Pieces) -> Attempt:
    new = pieces.get(attempt.charge.attempt_key)
    return changed(attempt, evidence=(*attempt.evidence, *new)) if new else attempt


def _kept(instant: datetime) -> datetime:
    """Give an instant as it is read back."""
    return from_milliseconds(to_milliseconds(instant))


def _perhaps_kept(instant: datetime | None) -> datetime | None:
    return None if instant is None else _kept(instant)
