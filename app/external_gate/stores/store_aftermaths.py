"""The contract of a store for what follows a failed payment: claimed by one, judged, saved."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from external_gate.domain.aftermath import Aftermath, AftermathChange
from external_gate.domain.identifiers import CustomerId, WorkflowId


class AftermathStore(Protocol):
    """Keeps what is done after failed payments. `Store` says what all verbs promise."""

    async def claim_aftermaths(
        self, *, now: datetime, lease: timedelta, limit: int
    ) -> Sequence[Aftermath]:
        """Lease up to `limit` due aftermaths, oldest due first, each with a new fence.

        Until the lease ends nobody else claims them. The cost does not grow with history.
        """
        ...

    async def save_aftermath(self, change: AftermathChange) -> Aftermath:
        """Save an aftermath with its history, incidents and notices, all in one transaction.

        `change.judge` is asked in that transaction about the contract as our books stand, while no
        evidence and no incident can join the failed workflow. Gives the aftermath as it stands
        then: due at once when the payer changed after `change.after.payer_changed_at`. Raises, with
        nothing written: `LeaseLost` (another fence), `Obstructed` (the judge), `BadInput` (there is
        none), `Broken` (fewer tries, or an ended one made due).
        """
        ...

    async def aftermaths(self, workflow_ids: Collection[WorkflowId]) -> Sequence[Aftermath]:
        """Read the aftermaths of workflows, oldest first; those that did not fail have none."""
        ...

    async def note_payer_change(
        self, customer_id: CustomerId, *, at: datetime, told_by: str
    ) -> bool:
        """Note that a customer's payer changed, and make their aftermaths due; the latest counts.

        Those that have ended stay so. False, and nothing is written, for a customer of whom no
        workflow is known.
        """
        ...
