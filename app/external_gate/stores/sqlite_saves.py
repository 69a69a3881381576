"""Saving moves under their fence."""

import sqlite3
from datetime import datetime

from external_gate.domain.clock import to_milliseconds
from external_gate.domain.errors import BadInput, Broken, LeaseLost, Refused
from external_gate.domain.evidence import Attempt, Evidence
from external_gate.domain.identifiers import AttemptKey, WorkflowId
from external_gate.domain.ledger import Allow, HistoryEntry, Release
from external_gate.domain.workflow import HeldReason, Workflow
from external_gate.stores.attempt_rows import attempt_values
from external_gate.stores.ledger_rows import release_values
from external_gate.stores.rows import Row, milliseconds, workflow_from, workflow_values
from external_gate.stores.sqlite_dossiers import dossiers_of, read_row
from external_gate.stores.sqlite_evidence import append_evidence, newest_evidence, whose
from external_gate.stores.sqlite_ledger import add_history, add_incident, read_ledger
from external_gate.stores.store_records import Change, Dossier, GuardSpoke, UnreadEvidence
from external_gate.stores.store_rules import (
    check_hold,
    check_path,
    claimable_after,
    standing_after,
)

_SAVE = """
UPDATE workflows SET
    state = :state, updated_at = :updated_at, due_at = :due_at, held_reason = :held_reason,
    held_detail = :held_detail, verdict = :verdict, amount_minor = :amount_minor,
    currency = :currency, rounding = :rounding, tries = :tries, trying_since = :trying_since,
    pending_deadline = :pending_deadline, undo_asked_at = :undo_asked_at,
    hold_wanted = :hold_wanted, hold_wanted_detail = :hold_wanted_detail, approvals = :approvals,
    restored_at = :restored_at, void_seen_at = :void_seen_at,
    release_generation = :release_generation, look_at = :look_at, looked_at = :looked_at,
    evidence_read = :evidence_read,
    claimable_at = :claimable_at, lease_until = :lease_until, lease_owner = :lease_owner
WHERE workflow_id = :workflow_id AND fence = :fence
"""

# What is frozen must be the same: where it is not, no row is written.
_KEEP_ATTEMPT = """
INSERT INTO attempts (
    workflow_id, number, attempt_key, gateway, amount_minor, currency, charge, body, created_at,
    sends, first_sent_at, send_deadline, last_possible_send, closed, look_made
) VALUES (
    :workflow_id, :number, :attempt_key, :gateway, :amount_minor, :currency, :charge, :body,
    :created_at, :sends, :first_sent_at, :send_deadline, :last_possible_send, :closed, :look_made
)
ON CONFLICT (workflow_id, number) DO UPDATE SET
    sends = excluded.sends, first_sent_at = excluded.first_sent_at,
    send_deadline = excluded.send_deadline, last_possible_send = excluded.last_possible_send,
    closed = excluded.closed, look_made = excluded.look_made
WHERE attempt_key = excluded.attempt_key AND gateway = excluded.gateway
    AND amount_minor = excluded.amount_minor AND currency = excluded.currency
    AND body = excluded.body
"""

_KEEP_RELEASE = """
INSERT INTO releases (
    workflow_id, verdict, generation, release_key, first_sent_at, sends, answered_at, answer
) VALUES (
    :workflow_id, :verdict, :generation, :release_key, :first_sent_at, :sends, :answered_at, :answer
)
ON CONFLICT (workflow_id, verdict, generation) DO UPDATE SET
    sends = excluded.sends, answered_at = excluded.answered_at, answer = excluded.answer
WHERE release_key = excluded.release_key
"""

_LOOK_WANTED = """
SELECT 1 FROM attempts WHERE workflow_id = ? AND look_asked > look_made LIMIT 1
"""

_WANT_HOLD = """
UPDATE workflows SET
    hold_wanted = :reason,
    hold_wanted_detail = :detail,
    claimable_at = CASE WHEN lease_until IS NULL THEN :at ELSE claimable_at END
WHERE workflow_id = :workflow_id
"""


class Save:
    """One change, in two stages: what `keep` appended stands also when `move` fails."""

    def __init__(self, change: Change) -> None:
        self._change = change
        self._workflow_id = change.after.workflow_id
        self._newest_before = 0
        self._of_new_attempts: list[tuple[AttemptKey, Evidence]] = []

    def keep(self, connection: sqlite3.Connection) -> None:
        """Append the evidence, but for that of attempts which this very change begins."""
        self._newest_before = newest_evidence(connection, self._workflow_id)
        begun = {attempt.charge.attempt_key for attempt in self._change.attempts}
        for key, piece in self._change.evidence:
            if key in begun and whose(connection, key) is None:
                self._of_new_attempts.append((key, piece))
            else:
                self._append(connection, key, piece)

    def move(self, connection: sqlite3.Connection) -> Dossier:
        """Check what the decision rested on, then write everything else."""
        row = read_row(connection, self._workflow_id)
        if row is None:
            raise Broken(f"there is no workflow {self._workflow_id} to save")
        now = workflow_from(row)
        self._check(connection, now)
        self._write_beside(connection)
        newest = newest_evidence(connection, self._workflow_id)
        after = standing_after(
            now,
            self._change,
            newest_evidence=newest,
            look_wanted=self._is_look_wanted(connection, now),
        )
        self._write(connection, row, after, claimable_after(now, self._change, after.look_at))
        return dossiers_of(connection, [after])[0]

    def _is_look_wanted(self, connection: sqlite3.Connection, now: Workflow) -> bool:
        # Only notices ask for looks, never a save: where none was wanted before, none is now.
        if now.look_at is None:
            return False
        return connection.execute(_LOOK_WANTED, (self._workflow_id,)).fetchone() is not None

    def _check(self, connection: sqlite3.Connection, now: Workflow) -> None:
        if now.fence != self._change.fence:
            raise LeaseLost(f"{self._workflow_id} was claimed by another worker meanwhile: drop it")
        if self._newest_before > self._change.newest_evidence:
            raise UnreadEvidence(
                f"{self._workflow_id} has evidence that this decision did not read"
            )
        check_hold(now.hold_wanted, self._change)
        check_path(now.state, self._change)
        if self._change.judge is not None:
            verdict = self._change.judge(read_ledger(connection, now.facts))
            if not isinstance(verdict, Allow):
                raise GuardSpoke(verdict)

    def _write_beside(self, connection: sqlite3.Connection) -> None:
        # The old attempt is closed before the next one opens: only one may be open.
        for attempt in sorted(self._change.attempts, key=lambda attempt: not attempt.closed):
            self._keep_attempt(connection, attempt)
        for key, piece in self._of_new_attempts:
            self._append(connection, key, piece)
        for release in self._change.releases:
            self._keep_release(connection, release)
        for incident in self._change.incidents:
            add_incident(connection, self._workflow_id, incident)
        for entry in self._change.history:
            add_history(connection, self._workflow_id, entry)

    def _append(self, connection: sqlite3.Connection, key: AttemptKey, piece: Evidence) -> None:
        if append_evidence(connection, key, [piece]) != self._workflow_id:
            raise Broken(f"{key} is the key of no attempt of {self._workflow_id}")

    def _keep_attempt(self, connection: sqlite3.Connection, attempt: Attempt) -> None:
        if attempt.charge.workflow_id != self._workflow_id:
            raise Broken(
                f"the attempt of {attempt.charge.workflow_id} is none of {self._workflow_id}"
            )
        if connection.execute(_KEEP_ATTEMPT, attempt_values(attempt)).rowcount != 1:
            raise Broken(
                f"attempt {attempt.number} of {self._workflow_id} is frozen: begin another"
            )

    def _keep_release(self, connection: sqlite3.Connection, release: Release) -> None:
        row = {"workflow_id": self._workflow_id, **release_values(release)}
        if connection.execute(_KEEP_RELEASE, row).rowcount != 1:
            raise Broken(
                f"release {release.key} of {self._workflow_id} has another key: it is fixed"
            )

    def _write(
        self,
        connection: sqlite3.Connection,
        row: Row,
        after: Workflow,
        claimable_at: datetime | None,
    ) -> None:
        keeps_lease = not self._change.give_back and row["lease_until"] is not None
        lease = {
            "claimable_at": row["lease_until"] if keeps_lease else milliseconds(claimable_at),
            "lease_until": row["lease_until"] if keeps_lease else None,
            "lease_owner": row["lease_owner"] if keeps_lease else None,
            "fence": self._change.fence,
        }
        connection.execute(_SAVE, {**workflow_values(after), **lease})


def want_hold(
    connection: sqlite3.Connection,
    workflow_id: WorkflowId,
    *,
    reason: HeldReason,
    detail: str,
    entry: HistoryEntry,
) -> None:
    """Ask for a hold, and make the workflow due unless somebody has it claimed."""
    row = read_row(connection, workflow_id)
    if row is None:
        raise BadInput(f"there is no workflow {workflow_id}")
    if workflow_from(row).has_ended:
        raise Refused(f"{workflow_id} has ended ({row['state']}): nothing is left to hold")
    wanted = {
        "workflow_id": workflow_id,
        "reason": reason.value,
        "detail": detail,
        "at": to_milliseconds(entry.at),
    }
    connection.execute(_WANT_HOLD, wanted)
    add_history(connection, workflow_id, entry)
