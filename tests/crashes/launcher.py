"""The real service, and the real acts of people, put together with the doomed parts.

What `external-gate serve` and `external-gate workflows …` do once their arguments are read: the
same assembly, the same run. Only the store, the callers, the clock and the jitter come from here.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random

from external_gate.assembly import (
    Service,
    check_gateway,
    make_gateways,
    make_service,
)
from external_gate.cli.running import Run, configure_logs
from external_gate.domain.errors import LeaseLost, Refused
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.ledger import Allow, Defer, GuardVerdict, Ledger, Refuse
from external_gate.domain.workflow import State, Verdict
from external_gate.engine.operations import Operations, Person
from external_gate.guards import rules as guards
from external_gate.guards.rules import GuardRules, Intended
from external_gate.metronome.client import MetronomeClient
from external_gate.observe.logs import flush
from external_gate.settings import Loaded, load
from external_gate.stores.choosing import postgres_address, uses_postgres
from external_gate.stores.sqlite_connection import path_of
from tests.crashes.doom import (
    Doom,
    DoomedCaller,
    DoomedFile,
    DoomedSchema,
    DoomedStore,
    MovedClock,
    Point,
)

REFUSED_MINOR = 66_600
"""The amount that a guard refuses at once."""

DEFERRED_MINOR = 66_700
"""The amount that waits a minute in `ready`, and is charged then."""

DEFERRED_THEN_REFUSED_MINOR = 66_800

Order = Mapping[str, str]
"""What the nursery is told: the folder, and where to die."""


def serve(order: Order) -> None:
    """Be `external-gate serve` in a folder, until SIGTERM or the point."""
    asyncio.run(_serve(Path(order["folder"]), doom_of(order, "service")))


async def _serve(folder: Path, doom: Doom) -> None:
    async with doomed_service(folder, doom, exclusive=True) as service:
        await Run(service, with_web=True, with_worker=True).until_signal()


def act(order: Order) -> None:
    """Be a person's command, and write down what it came to: done, busy, or refused and why."""
    folder = Path(order["folder"])
    said = asyncio.run(_act(folder, doom_of(order, "person"), order))
    Path(order["answer"]).write_text(said)


async def _act(folder: Path, doom: Doom, order: Order) -> str:
    async with doomed_service(folder, doom, exclusive=False) as service:
        try:
            await _do(service.operations, WorkflowId(order["workflow_id"]), order["act"])
        except LeaseLost:
            return "busy"
        except Refused as error:
            return f"refused: {error}"
        return "done"


async def _do(operations: Operations, workflow_id: WorkflowId, what: str) -> None:
    person = Person("alice", "has looked at it")
    match what.split():
        case ["hold"]:
            await operations.hold(workflow_id, person)
        case ["retry"]:
            await operations.retry(workflow_id, person)
        case ["refund"]:
            await operations.refund(workflow_id, person)
        case ["settle", verdict]:
            await operations.settle(
                workflow_id, Verdict(verdict), person, evidence="the gateway's statement"
            )
        case _:
            raise ValueError(f"nobody does {what!r}")


def doom_of(order: Order, role: str) -> Doom:
    """Give what awaits a process of this role."""
    folder = Path(order["folder"])
    point = None
    if order.get("what"):
        point = Point(order["when"], order["what"], int(order["nth"]))  # type: ignore[arg-type]  # as we sent it
    return Doom(point, marker=folder / "struck", trace=folder / "boundaries", role=role)


@contextlib.asynccontextmanager
async def doomed_service(folder: Path, doom: Doom, *, exclusive: bool) -> AsyncIterator[Service]:
    """Give the service of a folder's configuration with its store opened."""
    loaded = load(folder / "external-gate.toml", os.environ, check_gateway=check_gateway)
    configure_logs(loaded)
    store = _doomed_store(loaded, doom, exclusive=exclusive)
    if (folder / "rushed").exists():
        store.rush_at = 1
    guards.GUARDS = (*guards.GUARDS, by_amount)
    service = _assemble(loaded, store, doom, MovedClock(folder / "clock"))
    try:
        await store.open()
        yield service
    finally:
        await service.aclose()
        flush()


def _doomed_store(loaded: Loaded, doom: Doom, *, exclusive: bool) -> DoomedStore:
    settings = loaded.settings.store
    if uses_postgres(settings):
        return DoomedSchema(postgres_address(settings), doom)
    return DoomedFile(path_of(settings.url), doom, exclusive=exclusive)


def _assemble(loaded: Loaded, store: DoomedStore, doom: Doom, clock: MovedClock) -> Service:
    settings = loaded.settings
    service = make_service(settings, store, clock=clock, random=LittleJitter())
    to_metronome, to_gateways, *_ = service.callers
    engine = replace(
        service.engine,
        billing=MetronomeClient(
            DoomedCaller(to_metronome, doom),
            base_url=settings.metronome.base_url,
            token=settings.metronome.api_token.get_secret_value(),
        ),
        gateways=make_gateways(settings, DoomedCaller(to_gateways, doom), clock),
    )
    return replace(service, engine=engine, operations=Operations(engine))


class LittleJitter(Random):
    """A tenth of every rung: no test waits for the whole ladder."""

    def random(self) -> float:
        return 0.1


def by_amount(intended: Intended, _ledger: Ledger, _rules: GuardRules) -> GuardVerdict:
    """Be the guard that the product does not ship yet: one that refuses, and one that defers."""
    match intended.amount.minor, intended.workflow.state:
        case (minor, State.RECEIVED) if minor in {DEFERRED_MINOR, DEFERRED_THEN_REFUSED_MINOR}:
            return Defer("not within this minute")
        case (minor, _) if minor in {REFUSED_MINOR, DEFERRED_THEN_REFUSED_MINOR}:
            return Refuse("never this amount")
        case _:
            return Allow()
