"""Hands that push where it hurts: late proof, stalling saves, and time that passes, watched."""

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest

from external_gate.domain.errors import GateError
from external_gate.domain.evidence import Evidence, Source
from external_gate.domain.identifiers import WorkflowId, attempt_key
from external_gate.domain.money import Money
from external_gate.domain.outcome import Answer, Succeeded
from external_gate.domain.workflow import State, Workflow
from external_gate.engine.operations import Person
from external_gate.stores.store_records import Change, Dossier
from tests.engine.world import World

WF = WorkflowId("wf")
ANN = Person("ann", "looked at it")
USD15 = Money(1500, "USD")

MOST_SAVES = 40
"""Saves of one batch over one or two workflows; no sane way takes half as many."""

Save = Callable[[Change], Awaitable[Dossier]]


class Hot(BaseException):
    """One claim goes round and round; nothing of ours may catch it."""


@contextmanager
def saving_by(world: World, save: Save) -> Iterator[None]:
    """Let every save of the world go through `save`."""
    real = world.store.save
    world.store.save = save  # type: ignore[method-assign, assignment]  # it takes the real one's place
    try:
        yield
    finally:
        world.store.save = real  # type: ignore[method-assign]


async def claim_once(world: World) -> None:
    """Work on one batch, and fail when the engine runs hot or in circles."""
    saves, hot = 0, False
    real = world.store.save

    async def counted(change: Change) -> Dossier:
        nonlocal saves
        saves += 1
        if saves > MOST_SAVES:
            raise Hot
        return await real(change)

    with saving_by(world, counted):
        try:
            await world.worker().run_once()
        except* Hot:
            hot = True
    calls = len(world.gateway.calls)
    assert not hot, f"hot loop: {saves} saves and {calls} gateway calls in one claim"
    circles = [error for error in world.heard.errors if "stays put" in str(error)]
    assert not circles, f"runs in circles: {saves} saves and {calls} gateway calls in one claim"


async def let_pass(world: World, *, hours: float, step_minutes: float = 20) -> None:
    """Let time pass in steps and claim once at each."""
    steps, step = int(hours * 60 / step_minutes), timedelta(minutes=step_minutes)
    while steps := await world.pass_idle(steps, step):
        await claim_once(world)
        world.clock.instant += step
        steps -= 1


async def until_held(world: World) -> None:
    """Let time pass until the workflow is held, ten days at most."""
    for _ in range(10 * 24 * 2):
        if await world.state() is State.HELD:
            return
        await claim_once(world)
        world.clock.advance(minutes=30)
    pytest.fail(f"never held: {await world.state()}")


async def tell(
    world: World, answer: Answer, *, number: int = 1, source: Source = Source.NOTICE, send: int = 0
) -> None:
    """Let evidence about an attempt arrive while no worker looks."""
    now = world.clock.now()
    told = Evidence(source, answer, now, now, send=send)
    await world.store.append_evidence(attempt_key(WF, number), [told])


def late_success(*, charge_id: str = "ch_late", amount: Money = USD15) -> Succeeded:
    """Give the proof that the first attempt took money."""
    return Succeeded(charge_id, amount, attempt_key(WF, 1))


def answer_lookups(world: World, answer: Answer, *, times: int = 4000) -> None:
    """Let the next lookups find this, whatever the books say."""
    world.gateway.lookups = deque([answer] * times)


async def workflow(world: World) -> Workflow:
    """Give the workflow as it is stored now."""
    return (await world.dossier()).workflow


async def try_to(act: Awaitable[object]) -> None:
    """Let a person act; the rules may refuse it, which is one good ending."""
    with suppress(GateError):
        await act
