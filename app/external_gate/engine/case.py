"""One claimed workflow: its dossier, its fence, and the only way by which a step saves."""

from datetime import datetime

from external_gate.domain.errors import LeaseLost
from external_gate.domain.evidence import Attempt
from external_gate.domain.workflow import Workflow
from external_gate.engine.context import Engine
from external_gate.engine.draft import Draft
from external_gate.engine.lanes import Lanes
from external_gate.engine.looks_while_held import look_on
from external_gate.stores.store_records import Dossier


class Case:
    """A workflow in the hands of one worker, from claim to give-back."""

    def __init__(
        self,
        engine: Engine,
        dossier: Dossier,
        lease_until: datetime,
        lanes: Lanes | None = None,
    ) -> None:
        self.engine = engine
        self.lanes = lanes
        """Those of the worker; None where nobody else waits for its places."""
        self.dossier = dossier
        self.lease_until = lease_until
        """By `Engine.latest_now`, as every deadline of a process' own."""
        self.fence = dossier.workflow.fence
        self.given_back = False
        self.in_doubt = False
        """Whether the latest save may have been committed or not: read again before the next."""
        self.just_decided = False
        """Whether the release owed now was begun in this claim and has not been sent yet."""

    @property
    def workflow(self) -> Workflow:
        """Give the workflow as last read or saved."""
        return self.dossier.workflow

    @property
    def attempt(self) -> Attempt | None:
        """Give the attempt that is not closed."""
        return self.dossier.attempt

    def draft(self) -> Draft:
        """Begin a change."""
        return Draft(self.dossier, self.engine.clock.now())

    async def save(self, draft: Draft, *, give_back: bool) -> None:
        """Save a change under the fence; with `give_back` the lease ends with it.

        Raises as `Store.save`.
        """
        before = self.workflow
        look_on(self.engine, draft)
        change = draft.change(fence=self.fence, give_back=give_back)
        self.in_doubt = True
        self.dossier = await self.engine.store.save(change)
        self.in_doubt = False
        self.given_back = give_back
        if (before.verdict, before.release_generation) != (
            change.after.verdict,
            change.after.release_generation,
        ):
            self.just_decided = before.verdict is not change.after.verdict
        self.engine.observer.saved(before, self.workflow, change.history)
        for incident in change.incidents:
            self.engine.observer.incident(self.workflow, incident)

    def check_lease(self) -> None:
        """See that the lease still runs, before a call that changes something outside.

        The fence guards what is saved; a release or a refund by a worker that was stopped for long
        has no fence. Raises `LeaseLost`.
        """
        if self.engine.latest_now() >= self.lease_until:
            raise LeaseLost(f"the lease of workflow {self.workflow.workflow_id} has run out")

    def enter_lane(self, gateway: str) -> None:
        """Occupy a place among the calls to a gateway, before anything is saved for one.

        Raises `LaneFull`.
        """
        if self.lanes is not None:
            facts = self.workflow.facts
            self.lanes.enter(facts.workflow_id, gateway, facts.customer_id)

    async def enter_lane_soon(self, gateway: str) -> None:
        """Do the same for a charge that is prepared, and wait a moment for the place."""
        if self.lanes is not None:
            facts = self.workflow.facts
            await self.lanes.enter_soon(facts.workflow_id, gateway, facts.customer_id)

    async def reread(self) -> None:
        """Read the dossier again. Raises `LeaseLost` when it is no longer ours."""
        dossier = await self.engine.store.dossier(self.workflow.workflow_id)
        if dossier is None or dossier.workflow.fence != self.fence:
            raise LeaseLost(f"workflow {self.workflow.workflow_id} was claimed by another worker")
        self.dossier = dossier
        self.in_doubt = False
