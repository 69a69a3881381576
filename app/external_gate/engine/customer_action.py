"""What the customer must do before a pending charge can be final: noted where it is new. Pure.

The line in the history comes with the save that learns of it, and with that line the notice to the
host application. The line holds no address, because who has that may act for the customer.
"""

from dataclasses import replace

from external_gate.domain.evidence import Attempt
from external_gate.domain.ledger import CUSTOMER_ASKED
from external_gate.domain.workflow import State
from external_gate.engine.draft import Draft
from external_gate.stores.store_records import Dossier


def action_url(dossier: Dossier) -> str | None:
    """Give where the customer can finish the payment now; None while nothing waits for them."""
    if dossier.workflow.state is not State.PENDING or dossier.attempt is None:
        return None
    return dossier.attempt.action_url


def note_customer_action(draft: Draft) -> None:
    """Note that fresh evidence sends the customer to an address, or to another one than before."""
    attempt = draft.attempt
    if attempt is None or attempt.action_url is None:
        return
    if attempt.action_url != _known(draft, attempt).action_url:
        draft.note(CUSTOMER_ASKED, "the customer must act", attempt=str(attempt.number))


def _known(draft: Draft, attempt: Attempt) -> Attempt:
    fresh = [piece for known, piece in draft.fresh if known.number == attempt.number]
    read = tuple(piece for piece in attempt.evidence if piece not in fresh)
    return replace(attempt, evidence=read)
