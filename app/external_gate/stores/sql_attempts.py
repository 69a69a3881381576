"""Writing attempts and releases: what is frozen of them is never written twice."""

from collections.abc import Sequence

from external_gate.domain.errors import Broken
from external_gate.domain.evidence import Attempt
from external_gate.domain.identifiers import WorkflowId, release_key
from external_gate.domain.ledger import Release
from external_gate.domain.workflow import Facts
from external_gate.stores.attempt_rows import attempt_values
from external_gate.stores.ledger_rows import release_values
from external_gate.stores.sql_transaction import Transaction

# What is frozen must be the same: where it is not, no row is written.
_KEEP_ATTEMPT = """
INSERT INTO attempts (
    workflow_id, number, attempt_key, gateway, amount_minor, currency, charge, body, created_at,
    sends, first_sent_at, send_deadline, last_possible_send, closed, look_made, customer_mark
) VALUES (
    :workflow_id, :number, :attempt_key, :gateway, :amount_minor, :currency, :charge, :body,
    :created_at, :sends, :first_sent_at, :send_deadline, :last_possible_send, :closed, :look_made,
    :customer_mark
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
"""


def keep_attempts(transaction: Transaction, attempts: Sequence[tuple[Attempt, Facts]]) -> None:
    """Insert or update attempts, each with the facts of its workflow.

    Raises `Broken` when what is frozen differs.
    """
    # The old attempt is closed before the next one opens: only one may be open.
    ordered = sorted(attempts, key=lambda each: not each[0].closed)
    rows = [attempt_values(*each) for each in ordered]
    if not rows or transaction.executemany(_KEEP_ATTEMPT, rows).rowcount == len(rows):
        return
    named = ", ".join(f"{each.number} of {each.charge.workflow_id}" for each, _ in attempts)
    raise Broken(f"attempt {named} is frozen: begin another")


def keep_releases(transaction: Transaction, releases: Sequence[tuple[WorkflowId, Release]]) -> None:
    """Insert or update releases. Raises `Broken` when one has another key than it must have."""
    for id_, release in releases:
        if release.key != release_key(id_, release.verdict, release.generation):
            raise Broken(f"release {release.key} of {id_} has another key: it is fixed")
    rows = [{"workflow_id": id_, **release_values(release)} for id_, release in releases]
    if rows:
        transaction.executemany(_KEEP_RELEASE, rows)
