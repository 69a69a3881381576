"""Every answer to a release, whatever is owed and read back, leads to exactly one end (design §4).

The table is written by hand from the design, not from the code. The emulator's own words are judged
in tests/metronome; here is what each judged answer does.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from itertools import product

import pytest

from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.ledger import IncidentKind
from external_gate.domain.workflow import HeldReason, State, Verdict
from external_gate.metronome.billing import ReleaseAnswer, ReleaseResult
from tests.engine.conftest import MakeWorld
from tests.engine.hostile_hands import ANN
from tests.engine.world import EVERY_ANSWER, World
from tests.tallies import count

WF = WorkflowId("wf")
R, H = ReleaseResult, HeldReason
PAID, FAILED = Verdict.PAID, Verdict.FAILED


class Shown(Enum):
    """What reading back shows."""

    VOID = "void"
    COMMITTED = "committed"
    NOTHING = "nothing"
    UNREADABLE = "unreadable"


class Send(Enum):
    """Which send of the release the answer is to."""

    FIRST = "first"  # nobody of ours can have told Metronome before
    LATER = "later"  # an earlier call of ours may have arrived


class Refunds(Enum):
    """What the configuration and the gateway say about refunds nobody asked for."""

    OFF = "off"
    ON = "on"
    NOT_CAPABLE = "not capable"  # configured, but the gateway cannot


@dataclass(frozen=True)
class End:
    """Where the workflow is after the answer."""

    state: State
    held_reason: HeldReason | None = None
    incident: IncidentKind | None = None
    next_key: str = ""
    """Which key the next call carries; empty when none is owed."""
    wait: timedelta | None = None
    """Exactly how long until then, where the design says so."""
    money: str = "kept"


RELEASED, CANCELLED = End(State.RELEASED), End(State.CANCELLED)
REFUSED = End(State.HELD, H.RELEASE_REFUSED)
CONTRADICTED = End(State.HELD, H.CONTRADICTION, IncidentKind.RELEASE_CONTRADICTED)
SEEN_VOID_ONCE = End(State.PAID, wait=timedelta(minutes=5))
"""Looked at again after five minutes, and nothing is sent until then."""

READ_BACK: dict[tuple[Verdict, Shown], End] = {
    (PAID, Shown.COMMITTED): RELEASED,
    (PAID, Shown.VOID): REFUSED,
    (PAID, Shown.NOTHING): REFUSED,
    (FAILED, Shown.VOID): CANCELLED,
    (FAILED, Shown.COMMITTED): CONTRADICTED,
    (FAILED, Shown.NOTHING): REFUSED,
}
OWED = {PAID: State.PAID, FAILED: State.DECLINED}
ENDED = {PAID: RELEASED, FAILED: CANCELLED}
SAME_KEY = {R.UNANSWERED, R.NOT_SENT, R.BUSY, R.UNAUTHORIZED, R.CONFLICT}
RETRY_AFTER = timedelta(seconds=77)


def expected(
    result: ReleaseResult, verdict: Verdict, send: Send, shown: Shown, refunds: Refunds
) -> End:
    """Look the end up, as the design says it."""
    number = 1 if send is Send.FIRST else 2
    key = f"r-wf-{verdict}-{number}"
    if result is R.DONE:
        return ENDED[verdict]
    if result is R.ALREADY_COMMITTED and verdict is PAID and send is Send.LATER:
        return RELEASED
    if result is R.FAILED:
        return End(OWED[verdict], next_key=f"r-wf-{verdict}-{number + 1}")
    if result in SAME_KEY:
        waits = {R.BUSY: RETRY_AFTER, R.UNAUTHORIZED: timedelta(minutes=15)}
        return End(OWED[verdict], next_key=key, wait=waits.get(result))
    if shown is Shown.UNREADABLE:
        return End(OWED[verdict], next_key=key)
    if (verdict, shown, refunds) == (PAID, Shown.VOID, Refunds.ON):
        return SEEN_VOID_ONCE
    return READ_BACK[verdict, shown]


READ = {R.ALREADY_COMMITTED, R.NOT_COMMITTING, R.REFUSED}

Row = tuple[ReleaseResult, Verdict, Send, Shown, Refunds]


def tells_more(row: Row) -> bool:
    """Whether a row can differ from the others; what is not read back is shown to tempt only."""
    result, verdict, _, shown, refunds = row
    if result not in READ:
        tempts = shown is Shown.COMMITTED or (shown, refunds) == (Shown.VOID, Refunds.ON)
        return tempts and refunds is not Refunds.NOT_CAPABLE
    # Where nothing was charged nothing is refunded, and only a void invoice has anything refunded.
    return refunds is Refunds.OFF or (verdict is PAID and shown is Shown.VOID)


ROWS = [row for row in product(R, Verdict, Send, Shown, Refunds) if tells_more(row)]


def named(row: tuple[Enum, ...]) -> str:
    return "-".join(str(part.value).replace(" ", "_") for part in row)


@pytest.fixture(scope="module", autouse=True)
def tally() -> Iterator[None]:
    yield
    count("release answers tried against the table", len(ROWS))


async def owed(make_world: MakeWorld, verdict: Verdict, send: Send, refunds: Refunds) -> World:
    """Give a world whose next release call is the one in question."""
    world = await make_world(
        replace(EVERY_ANSWER, refund=refunds is not Refunds.NOT_CAPABLE),
        refund_when_unreleasable=refunds is not Refunds.OFF,
    )
    world.gateway.script.append("ok" if verdict is PAID else "hard")
    if send is Send.LATER:  # a received 5xx: the next generation is owed, and the first may count
        world.billing.script.append("failed_before")
    await world.receive()
    if send is Send.LATER:
        await world.work()
        world.clock.advance(minutes=1)
    return world


def answers(world: World, result: ReleaseResult, shown: Shown) -> list[str]:
    """Let the next release call be answered so; gives the keys of every call from then on."""
    keys: list[str] = []

    async def release(_workflow: object, verdict: Verdict, *, key: str, **_: object) -> object:
        keys.append(key)
        if shown is Shown.VOID:
            world.billing.void("inv-wf")
        elif shown is Shown.COMMITTED:
            world.billing.outcomes["wf"] = PAID
        elif shown is Shown.UNREADABLE:
            world.billing.down = 1
        return ReleaseAnswer(result, "said", RETRY_AFTER if result is R.BUSY else None)

    world.billing.release = release  # type: ignore[method-assign, assignment]
    return keys


@pytest.mark.parametrize("row", ROWS, ids=named)
async def test_every_answer_leads_to_one_end(make_world: MakeWorld, row: Row) -> None:
    result, verdict, send, shown, refunds = row
    world = await owed(make_world, verdict, send, refunds)
    keys = answers(world, result, shown)

    await world.worker().run_once()

    end, now = expected(*row), (await world.dossier()).workflow
    assert len(keys) == 1, "one call, one answer"
    assert (now.state, now.held_reason) == (end.state, end.held_reason)
    assert now.verdict is verdict
    assert [i.kind for i in world.heard.incidents] == ([end.incident] if end.incident else [])
    assert ("refund" in {name for name, _ in world.gateway.calls}) is False
    if end.wait is not None:
        assert now.due_at == world.clock.now() + end.wait
    elif end.next_key:
        assert now.due_at is not None
        assert now.due_at - world.clock.now() <= timedelta(minutes=15)
    else:
        assert now.due_at is None
    if end.next_key:
        world.clock.advance(minutes=16)
        await world.worker().run_once()
        assert keys[1:2] == [end.next_key]


PROVEN = (Shown.VOID, Shown.COMMITTED, Shown.NOTHING)


@pytest.mark.parametrize(
    "row", list(product([R.CONFLICT], Verdict, Send, PROVEN, [Refunds.OFF])), ids=named
)
async def test_a_conflict_that_lasts_ten_minutes_is_read_back(
    make_world: MakeWorld, row: Row
) -> None:
    result, verdict, send, shown, refunds = row
    world = await owed(make_world, verdict, send, refunds)
    keys = answers(world, result, shown)
    await world.worker().run_once()
    for minutes in (3, 6):
        world.clock.advance(minutes=minutes)
        await world.worker().run_once()
        assert await world.state() is OWED[verdict], "patience ended early"

    world.clock.advance(minutes=6)
    await world.worker().run_once()

    end, now = READ_BACK[verdict, shown], (await world.dossier()).workflow
    assert (now.state, now.held_reason) == (end.state, end.held_reason)
    assert len(set(keys)) == 1, "a conflict takes no new key"


SECOND_LOOKS = {
    Shown.VOID: End(State.REFUNDED, money="given back"),
    Shown.COMMITTED: RELEASED,
    Shown.NOTHING: REFUSED,
}


@pytest.mark.parametrize("shown", SECOND_LOOKS)
@pytest.mark.parametrize("result", [R.REFUSED, R.NOT_COMMITTING, R.ALREADY_COMMITTED])
async def test_what_the_second_look_shows_decides_about_the_refund(
    make_world: MakeWorld, result: ReleaseResult, shown: Shown
) -> None:
    world = await owed(make_world, PAID, Send.FIRST, Refunds.ON)
    open_invoice = world.billing.invoices[next(iter(world.billing.invoices))]
    keys = answers(world, result, Shown.VOID)
    await world.worker().run_once()
    if shown is not Shown.VOID:
        world.billing.invoices[open_invoice.invoice_id] = open_invoice
    if shown is Shown.COMMITTED:
        world.billing.outcomes["wf"] = PAID

    world.clock.advance(minutes=5)
    await world.work()

    end, now = SECOND_LOOKS[shown], (await world.dossier()).workflow
    assert (now.state, now.held_reason) == (end.state, end.held_reason)
    assert bool(world.gateway.taken()) is (end.money == "kept")
    assert len(keys) == 1


async def test_a_second_look_that_cannot_be_made_refunds_nothing(make_world: MakeWorld) -> None:
    world = await owed(make_world, PAID, Send.FIRST, Refunds.ON)
    answers(world, R.REFUSED, Shown.VOID)
    await world.worker().run_once()
    world.billing.down = 1

    world.clock.advance(minutes=5)
    await world.worker().run_once()

    assert await world.state() is State.PAID
    assert world.gateway.taken()


async def test_a_release_without_an_answer_keeps_the_money_from_being_refunded(
    make_world: MakeWorld,
) -> None:
    """It may have arrived and be worked on; the invoice is void for another reason."""
    world = await owed(make_world, PAID, Send.FIRST, Refunds.ON)
    answers(world, R.UNANSWERED, Shown.NOTHING)
    await world.worker().run_once()
    await world.operations.hold(WF, ANN)
    await world.operations.retry(WF, ANN)
    answers(world, R.REFUSED, Shown.VOID)

    await world.work()

    assert (await world.dossier()).workflow.held_reason is H.RELEASE_REFUSED
    assert world.gateway.taken()
