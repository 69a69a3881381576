"""Operators who act at bad moments: they look before they settle, and are sometimes wrong."""

import asyncio
from collections.abc import Callable, Mapping

from external_gate.domain.errors import GateError
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.workflow import Verdict
from external_gate.engine.operations import Person
from tests.simulation.gateway_books import GatewayBooks
from tests.simulation.service import Service
from tests.simulation.truth import Fate, Place
from tests.simulation.world import World

PATIENCE_SECONDS = 40.0

QUIET_SECONDS = 300.0
"""How long after the last send a person believes that nothing more will arrive."""

_ACTS = ("retry", "retry", "retry_all_the_same", "hold", "settle", "settle", "refund", "approve")


class People:
    """A few operators with commands."""

    def __init__(
        self,
        world: World,
        gateways: Mapping[str, GatewayBooks],
        somebody: Callable[[], Service | None],
    ) -> None:
        self._world = world
        self._gateways = gateways
        self._somebody = somebody
        self._one_at_a_time = asyncio.Lock()

    async def act(self, fate: Fate | None = None) -> None:
        """Do something to a workflow, or to some workflow, whether that is wise or not."""
        async with self._one_at_a_time:
            await self._act(fate or self._world.chances.random.choice(self._fates()))

    def _fates(self) -> list[Fate]:
        return list(self._world.truth.fates.values())

    async def _act(self, fate: Fate) -> None:
        chances, service = self._world.chances, self._somebody()
        if service is None:
            return
        act = chances.random.choice(_ACTS)
        person = Person(chances.random.choice(("ada", "bob")), "looked at it")
        try:
            doing = self._do(service, act, fate, person)
            await self._world.asked(doing, patience=PATIENCE_SECONDS)
        except (GateError, TimeoutError) as refused:
            self._tell("{} of {} came to nothing: {}", act, fate.workflow_id, refused)
        else:
            self._tell("{} of {} was done", act, fate.workflow_id)

    async def _do(self, service: Service, act: str, fate: Fate, person: Person) -> None:
        operations, workflow_id = service.operations, WorkflowId(fate.workflow_id)
        match act:
            case "retry":
                await operations.retry(workflow_id, person)
            case "retry_all_the_same" if self._nothing_was_ever_seen(fate):
                await operations.retry(workflow_id, person, accept_unknown=True)
            case "hold":
                await operations.hold(workflow_id, person)
            case "refund":
                await operations.refund(workflow_id, person)
            case "approve":
                await operations.approve(workflow_id, person)
            case "settle":
                await self._settle(service, fate, person)
            case _:
                pass

    async def _settle(self, service: Service, fate: Fate, person: Person) -> None:
        verdict = self._what_a_person_sees(fate)
        if self._world.chances.strikes("settled_wrongly"):
            verdict = self._world.chances.random.choice(tuple(Verdict))
        if verdict is None:
            return
        # From here on the person answers for it, whether the command's answer comes or not.
        fate.decisions[verdict] += 1
        accept_unknown = self._world.chances.random.random() < 0.5
        try:
            settled = await service.operations.settle(
                WorkflowId(fate.workflow_id),
                verdict,
                person,
                evidence="the gateway's own pages",
                accept_unknown=accept_unknown,
            )
        except GateError as refused:
            if "lost" not in str(refused):
                fate.decisions[verdict] -= 1
            raise
        if settled.verdict is not verdict:  # a second person is needed
            fate.decisions[verdict] -= 1
        else:
            self._see_that_nothing_is_on_the_wire(fate)

    def _see_that_nothing_is_on_the_wire(self, fate: Fate) -> None:
        """P4: nobody decides about a charge that may take money only afterwards."""
        # A clock that jumped ahead ends leases early; a person accepts what is unknown then.
        struck = self._world.chances.struck
        if not struck["clock_jump"] + struck["clock_at_the_wire"]:
            about = f"{fate.workflow_id} was settled while its charge was on the wire"
            self._world.truth.must("P4", not fate.under_way, about)

    def _what_a_person_sees(self, fate: Fate) -> Verdict | None:
        """Give what the gateway's own pages show; nothing while anything is open."""
        if any(one.place is Place.TAKEN and one.amount == fate.amount for one in fate.tries):
            return Verdict.PAID
        if any(one.place in {Place.PENDING, Place.PROCESSING} for one in fate.tries):
            return None
        return Verdict.FAILED if not fate.keeps_money() else None

    def _nothing_was_ever_seen(self, fate: Fate) -> bool:
        long_ago = self._world.loop.time() - fate.last_sent > QUIET_SECONDS
        nothing = (books.has_nothing(fate.workflow_id) for books in self._gateways.values())
        return long_ago and all(nothing)

    def _tell(self, what: str, *about: object) -> None:
        self._world.timeline.tell("person", what, *about)
