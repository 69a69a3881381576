"""Saving moves under their fence."""

from datetime import datetime

from external_gate.domain.clock import to_milliseconds
from external_gate.domain.errors import BadInput, Broken, LeaseLost, Refused
from external_gate.domain.evidence import Attempt, Evidence
from external_gate.domain.host_notice import Subscriptions
from external_gate.domain.identifiers import AttemptKey, WorkflowId
from external_gate.domain.ledger import Allow, HistoryEntry, Release
from external_gate.domain.workflow import HeldReason, Workflow
from external_gate.stores.attempt_rows import attempt_values
from external_gate.stores.host_notice_rules import notices_of_save
from external_gate.stores.ledger_rows import release_values
from external_gate.stores.rows import Row, milliseconds, workflow_from, workflow_values
from external_gate.stores.sql_dossiers import dossiers_of, lock_row
from external_gate.stores.sql_evidence import append_evidence, newest_evidence, whose
from external_gate.stores.sql_ledger import add_history, add_incident, read_ledger
from external_gate.stores.sql_notices import match
from external_gate.stores.sql_outbox import NOBODY, write_notices
from external_gate.stores.sql_transaction import Transaction
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
WHERE attempts.attempt_key = excluded.attempt_key AND attempts.gateway = excluded.gateway
    AND attempts.amount_minor = excluded.amount_minor AND attempts.currency = excluded.currency
    AND attempts.body = excluded.body
"""

_KEEP_RELEASE = """
INSERT INTO releases (
    workflow_id, verdict, generation, release_key, first_sent_at, sends, answered_at, answer
) VALUES (
    :workflow_id, :verdict, :generation, :release_key, :first_sent_at, :sends, :answered_at, :answer
)
ON CONFLICT (workflow_id, verdict, generation) DO UPDATE SET
    sends = excluded.sends, answered_at = excluded.answered_at, answer = excluded.answer
WHERE releases.release_key = excluded.release_key
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

    def __init__(self, change: Change, subscriptions: Subscriptions = NOBODY) -> None:
        self._change = change
        self._subscriptions = subscriptions
        self._workflow_id = change.after.workflow_id
        self._newest_before = 0
        self._of_new_attempts: list[tuple[AttemptKey, Evidence]] = []

    def keep(self, transaction: Transaction) -> None:
        """Append the evidence, but for that of attempts which this very change begins."""
        # From here on no evidence can arrive unseen: whoever appends some locks the row as well.
        lock_row(transaction, self._workflow_id)
        self._of_new_attempts.clear()  # after a deadlock all of this is undone and run again
        self._newest_before = newest_evidence(transaction, self._workflow_id)
        begun = {attempt.charge.attempt_key for attempt in self._change.attempts}
        for key, piece in self._change.evidence:
            if key in begun and whose(transaction, key) is None:
                self._of_new_attempts.append((key, piece))
            else:
                self._append(transaction, key, piece)

    def move(self, transaction: Transaction) -> Dossier:
        """Check what the decision rested on, then write everything else."""
        row = lock_row(transaction, self._workflow_id)
        if row is None:
            raise Broken(f"there is no workflow {self._workflow_id} to save")
        now = workflow_from(row)
        self._check(transaction, now)
        self._write_beside(transaction)
        newest = newest_evidence(transaction, self._workflow_id)
        after = standing_after(
            now,
            self._change,
            newest_evidence=newest,
            look_wanted=self._is_look_wanted(transaction, now),
        )
        self._write(transaction, row, after, claimable_after(now, self._change, after.look_at))
        dossier = dossiers_of(transaction, [after])[0]
        if self._subscriptions:
            told = notices_of_save(self._change, dossier)
            write_notices(transaction, told, self._subscriptions)
        return dossier

    def _is_look_wanted(self, transaction: Transaction, now: Workflow) -> bool:
        # Only notices ask for looks, never a save: where none was wanted before, none is now.
        if now.look_at is None:
            return False
        return transaction.execute(_LOOK_WANTED, (self._workflow_id,)).fetchone() is not None

    def _check(self, transaction: Transaction, now: Workflow) -> None:
        if now.fence != self._change.fence:
            raise LeaseLost(f"{self._workflow_id} was claimed by another worker meanwhile: drop it")
        if self._newest_before > self._change.newest_evidence:
            raise UnreadEvidence(
                f"{self._workflow_id} has evidence that this decision did not read"
            )
        check_hold(now.hold_wanted, self._change)
        check_path(now.state, self._change)
        if self._change.judge is not None:
            verdict = self._change.judge(read_ledger(transaction, now.facts))
            if not isinstance(verdict, Allow):
                raise GuardSpoke(verdict)

    def _write_beside(self, transaction: Transaction) -> None:
        # The old attempt is closed before the next one opens: only one may be open.
        for attempt in sorted(self._change.attempts, key=lambda attempt: not attempt.closed):
            self._keep_attempt(transaction, attempt)
        for key, piece in self._of_new_attempts:
            self._append(transaction, key, piece)
        for attempt in self._change.attempts:
            if attempt.sends == 1:  # later ones were matched before
                match(transaction, attempt)
        for release in self._change.releases:
            self._keep_release(transaction, release)
        for incident in self._change.incidents:
            add_incident(transaction, self._workflow_id, incident)
        add_history(transaction, [(self._workflow_id, entry) for entry in self._change.history])

    def _append(self, transaction: Transaction, key: AttemptKey, piece: Evidence) -> None:
        if append_evidence(transaction, key, [piece]) != self._workflow_id:
            raise Broken(f"{key} is the key of no attempt of {self._workflow_id}")

    def _keep_attempt(self, transaction: Transaction, attempt: Attempt) -> None:
        if attempt.charge.workflow_id != self._workflow_id:
            raise Broken(
                f"the attempt of {attempt.charge.workflow_id} is none of {self._workflow_id}"
            )
        if transaction.execute(_KEEP_ATTEMPT, attempt_values(attempt)).rowcount != 1:
            raise Broken(
                f"attempt {attempt.number} of {self._workflow_id} is frozen: begin another"
            )

    def _keep_release(self, transaction: Transaction, release: Release) -> None:
        row = {"workflow_id": self._workflow_id, **release_values(release)}
        if transaction.execute(_KEEP_RELEASE, row).rowcount != 1:
            raise Broken(
                f"release {release.key} of {self._workflow_id} has another key: it is fixed"
            )

    def _write(
        self,
        transaction: Transaction,
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
        transaction.execute(_SAVE, {**workflow_values(after), **lease})


def want_hold(
    transaction: Transaction,
    workflow_id: WorkflowId,
    *,
    reason: HeldReason,
    detail: str,
    entry: HistoryEntry,
) -> None:
    """Ask for a hold, and make the workflow due unless somebody has it claimed."""
    row = lock_row(transaction, workflow_id)
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
    transaction.execute(_WANT_HOLD, wanted)
    add_history(transaction, [(workflow_id, entry)])
