"""Failed payments, and what was done after them, as far as each check of aftermaths needs it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from external_gate.domain.aftermath import (
    Aftermath,
    AftermathChange,
    ContractStanding,
    Obstacle,
    Obstructed,
    Stage,
)
from external_gate.domain.identifiers import CustomerId, WorkflowId
from external_gate.domain.workflow import State, Verdict
from external_gate.stores.store import Store
from external_gate.testkit.store_checks.shortfall import only, refused
from external_gate.testkit.store_checks.store_samples import (
    LEASE,
    W1,
    change,
    later,
    paid,
)

CUSTOMER = CustomerId("customer-1")

CURE = (
    "Let the move to `cancelled` write a row of its own, claim it under a lock, and ask the "
    "judge in the transaction of the save while the failed workflow's row is locked."
)
"""What helps a store against most faults that these checks find."""


async def released(store: Store, workflow_id: WorkflowId = W1) -> None:
    """Let a workflow end with its money and its release."""
    dossier = await paid(store, workflow_id)
    after = replace(dossier.workflow, state=State.RELEASED, verdict=Verdict.PAID)
    await store.save(change(dossier, State.RELEASED, after=after, give_back=True))


async def claim_due(store: Store, seconds: float = 0) -> Sequence[Aftermath]:
    """Claim what is due so many seconds after `NOW`."""
    return await store.claim_aftermaths(now=later(seconds), lease=LEASE, limit=9)


def waiting(found: Aftermath, **other: Any) -> Aftermath:
    """Give an aftermath as it waits for ten minutes."""
    return replace(found, stage=Stage.WAITING, due_at=later(600), **other)


async def standing_told(store: Store) -> ContractStanding:
    """Have the judge tell what it was told about the first workflow's contract."""
    seen: list[ContractStanding] = []

    def judge(standing: ContractStanding) -> Obstacle:
        seen.append(standing)
        return Obstacle("only asked")

    found = only(await store.aftermaths([W1]))
    with refused(Obstructed, "only asked"):
        await store.save_aftermath(AftermathChange(found, judge=judge))
    return only(seen)
