"""Saving moves under their fences: one by itself, or all that have gathered in one commit."""

from collections.abc import Iterator, Sequence

from external_gate.domain.errors import Broken, LeaseLost
from external_gate.domain.evidence import Evidence
from external_gate.domain.host_notice import Subscriptions
from external_gate.domain.identifiers import AttemptKey
from external_gate.domain.ledger import Allow
from external_gate.domain.workflow import Workflow
from external_gate.stores import sql_aftermaths
from external_gate.stores.dossier_after import dossier_after
from external_gate.stores.host_notice_rules import notices_of_save
from external_gate.stores.rows import Value, milliseconds, workflow_values
from external_gate.stores.sql_attempts import keep_attempts, keep_releases
from external_gate.stores.sql_dossiers import dossiers_of
from external_gate.stores.sql_evidence import (
    add_evidence,
    newest_evidence,
    see_money,
    took_money,
    wake,
)
from external_gate.stores.sql_ledger import add_history, add_incident, read_ledgers
from external_gate.stores.sql_notices import match
from external_gate.stores.sql_outbox import NOBODY, write_notices
from external_gate.stores.sql_standing import Standing, lock_all
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
    evidence_read = :evidence_read, deferred_by = :deferred_by,
    money_seen = CASE WHEN :took_money = 1 THEN 1 ELSE money_seen END,
    claimable_at = :claimable_at, lease_until = :lease_until, lease_owner = :lease_owner
WHERE workflow_id = :workflow_id AND fence = :fence
"""

_LOOK_WANTED = """
SELECT 1 FROM attempts WHERE workflow_id = ? AND look_asked > look_made LIMIT 1
"""


class Save:
    """One change, in two stages: what `keep` appended stands also when `move` fails."""

    def __init__(self, change: Change, subscriptions: Subscriptions = NOBODY) -> None:
        self.change = change
        self.subscriptions = subscriptions
        self.workflow_id = change.after.workflow_id
        self.pieces: dict[AttemptKey, list[Evidence]] = {}
        """What was appended of the change, by attempt."""
        self.of_new_attempts: list[tuple[AttemptKey, Evidence]] = []
        self.has_news = False
        """Whether what a gateway had told before became evidence with this save."""
        self._standing: Standing | None = None

    @property
    def standing(self) -> Standing:
        """Give what stood when the save began."""
        if self._standing is None:
            raise Broken(f"nothing was locked for the save of {self.workflow_id}")
        return self._standing

    def keep(self, transaction: Transaction) -> None:
        """Append the evidence, but for that of attempts which this very change begins."""
        _keep(transaction, [self])
        if any(map(took_money, self.kept)):
            see_money(transaction, self.workflow_id)
        if self.kept and self.standing.row["lease_until"] is None:
            wake(transaction, self.workflow_id, self.kept)

    def move(self, transaction: Transaction) -> Dossier:
        """Check what the decision rested on, then write everything else; after `keep`."""
        (dossier,) = _move(transaction, [self])
        return dossier

    @property
    def kept(self) -> list[Evidence]:
        """Give all that was appended so far."""
        return [piece for pieces in self.pieces.values() for piece in pieces]

    def begin(self, standing: Standing) -> list[tuple[AttemptKey, Evidence]]:
        """Note what stands, and give what is to be appended whatever becomes of the move."""
        self._standing = standing
        self.pieces, self.of_new_attempts = {}, []  # after a deadlock all of it is run again
        known = {attempt.charge.attempt_key for attempt in standing.dossier.attempts}
        begun = {attempt.charge.attempt_key for attempt in self.change.attempts} - known
        self.of_new_attempts = [each for each in self.change.evidence if each[0] in begun]
        kept = [each for each in self.change.evidence if each[0] not in begun]
        for key, _ in kept:
            if key not in known:
                raise Broken(f"{key} is the key of no attempt of {self.workflow_id}")
        return kept


def save_together(transaction: Transaction, saves: Sequence[Save]) -> list[Dossier]:
    """Save many changes with a few statements for all. Raises when any of them cannot be saved."""
    saved: dict[int, Dossier] = {}
    for crowd in _apart(saves):
        _keep(transaction, crowd)
        dossiers = _move(transaction, crowd)
        saved |= {id(save): dossier for save, dossier in zip(crowd, dossiers, strict=True)}
    return [saved[id(save)] for save in saves]


def _apart(saves: Sequence[Save]) -> Iterator[list[Save]]:
    """Divide saves so that none rests on what another one of its crowd writes.

    Guards ask for one customer and one invoice after another; nobody is saved twice at once.
    """
    left = list(saves)
    while left:
        taken: set[tuple[str, str]] = set()
        crowd: list[Save] = []
        later: list[Save] = []
        for save in left:
            needs = _needs(save)
            (later if needs & taken else crowd).append(save)
            taken |= needs
        yield crowd
        left = later


def _needs(save: Save) -> set[tuple[str, str]]:
    facts = save.change.after.facts
    needs = {("workflow", save.workflow_id), ("invoice", facts.invoice_id)}
    return needs if save.change.judge is None else needs | {("customer", facts.customer_id)}


def _keep(transaction: Transaction, saves: Sequence[Save]) -> None:
    standings = lock_all(transaction, [save.change for save in saves])
    _append(
        transaction,
        [
            (save, *each)
            for save, standing in zip(saves, standings, strict=True)
            for each in save.begin(standing)
        ],
    )


def _append(transaction: Transaction, pieces: Sequence[tuple[Save, AttemptKey, Evidence]]) -> None:
    rows = [(save.workflow_id, key, piece) for save, key, piece in pieces]
    for (save, key, _), kept in zip(pieces, add_evidence(transaction, rows), strict=True):
        save.pieces.setdefault(key, []).append(kept)


def _move(transaction: Transaction, saves: Sequence[Save]) -> list[Dossier]:
    for save in saves:
        _check(save)
    _judge(transaction, [save for save in saves if save.change.judge is not None])
    _write_beside(transaction, saves)
    afters = [_after(transaction, save) for save in saves]
    rows = [_row(save, after) for save, after in zip(saves, afters, strict=True)]
    if transaction.executemany(_SAVE, rows).rowcount != len(rows):
        raise Broken("a workflow under our lock was written by somebody else")
    befores = [save.standing.dossier.workflow for save in saves]
    sql_aftermaths.begin(transaction, zip(befores, afters, strict=True))
    dossiers = [
        _standing_now(transaction, save, after) for save, after in zip(saves, afters, strict=True)
    ]
    for save, dossier in zip(saves, dossiers, strict=True):
        if save.subscriptions:
            told = notices_of_save(save.change, dossier)
            write_notices(transaction, told, save.subscriptions)
    return dossiers


def _check(save: Save) -> None:
    now, change = save.standing.dossier.workflow, save.change
    if now.fence != change.fence:
        raise LeaseLost(f"{save.workflow_id} was claimed by another worker meanwhile: drop it")
    if save.standing.dossier.newest_evidence > change.newest_evidence:
        raise UnreadEvidence(f"{save.workflow_id} has evidence that this decision did not read")
    check_hold(now.hold_wanted, change)
    check_path(now.state, change)


def _judge(transaction: Transaction, saves: Sequence[Save]) -> None:
    asking = [(save.standing.dossier.workflow.facts, save.change.asked) for save in saves]
    ledgers = read_ledgers(transaction, asking)
    for save, ledger in zip(saves, ledgers, strict=True):
        verdict = Allow() if save.change.judge is None else save.change.judge(ledger)
        if not isinstance(verdict, Allow):
            raise GuardSpoke(verdict)


def _write_beside(transaction: Transaction, saves: Sequence[Save]) -> None:
    for save in saves:
        _see_that_all_are_its_own(save)
    attempts = [
        (attempt, save.standing.dossier.workflow.facts)
        for save in saves
        for attempt in save.change.attempts
    ]
    keep_attempts(transaction, attempts)
    _append(transaction, [(save, *each) for save in saves for each in save.of_new_attempts])
    # Later sends were matched before; one that was taken up from its gateway has none.
    matched = match(transaction, [attempt for attempt, _ in attempts if attempt.sends <= 1])
    for save in saves:
        save.has_news = save.workflow_id in matched
    keep_releases(
        transaction,
        [(save.workflow_id, release) for save in saves for release in save.change.releases],
    )
    for save in saves:
        for incident in save.change.incidents:
            add_incident(transaction, save.workflow_id, incident)
    add_history(
        transaction, [(save.workflow_id, line) for save in saves for line in save.change.history]
    )


def _see_that_all_are_its_own(save: Save) -> None:
    for attempt in save.change.attempts:
        if attempt.charge.workflow_id != save.workflow_id:
            raise Broken(
                f"the attempt of {attempt.charge.workflow_id} is none of {save.workflow_id}"
            )


def _after(transaction: Transaction, save: Save) -> Workflow:
    numbers = [piece.number for piece in save.kept]
    newest = max([save.standing.dossier.newest_evidence, *numbers])
    if save.has_news:
        newest = newest_evidence(transaction, save.workflow_id)
    return standing_after(
        save.standing.dossier.workflow,
        save.change,
        newest_evidence=newest,
        look_wanted=_is_look_wanted(transaction, save),
    )


def _is_look_wanted(transaction: Transaction, save: Save) -> bool:
    # Only notices ask for looks, never a save: where none was wanted before, none is now.
    if save.standing.dossier.workflow.look_at is None:
        return False
    return transaction.execute(_LOOK_WANTED, (save.workflow_id,)).fetchone() is not None


def _row(save: Save, after: Workflow) -> dict[str, Value]:
    row, change = save.standing.row, save.change
    keeps_lease = not change.give_back and row["lease_until"] is not None
    claimable_at = claimable_after(save.standing.dossier.workflow, change, after.look_at)
    return {
        **workflow_values(after),
        "took_money": int(any(map(took_money, save.kept))),
        "claimable_at": row["lease_until"] if keeps_lease else milliseconds(claimable_at),
        "lease_until": row["lease_until"] if keeps_lease else None,
        "lease_owner": row["lease_owner"] if keeps_lease else None,
        "fence": change.fence,
    }


def _standing_now(transaction: Transaction, save: Save, after: Workflow) -> Dossier:
    """Give the dossier; read only where it did not come with the change."""
    if save.standing.is_carried and not save.has_news:
        return dossier_after(save.standing.dossier, save.change, after, save.pieces)
    (dossier,) = dossiers_of(transaction, [after])
    return dossier
