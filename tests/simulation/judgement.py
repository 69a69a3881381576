"""The end of a world: every workflow has ended, or waits for somebody with a reason (P1)."""

from typing import TYPE_CHECKING

from external_gate.domain.charge import Lookup
from external_gate.domain.workflow import ENDED, HeldReason, State, Verdict
from tests.simulation.status_news import KIND as STATUS_CONTRADICTED
from tests.simulation.truth import Fate, Harm, Place

if TYPE_CHECKING:
    from tests.simulation.universe import Universe

Row = tuple[str, str | None]
"""State, and reason for holding."""


def settled_down(universe: "Universe") -> bool:
    """Tell whether nothing will happen by itself any more that could change an end."""
    if universe.courier.on_the_way or any(g.fortunes.undecided for g in universe.gateways.values()):
        return False
    if universe.world.database.reader.execute("SELECT 1 FROM inbox LIMIT 1").fetchone():
        return False
    return all(_is_at_rest(universe, fate) for fate in universe.world.truth.fates.values())


def judge_the_end(universe: "Universe") -> None:
    """P1, and that every state tells the truth about the money."""
    for fate in universe.world.truth.fates.values():
        row = _row(universe, fate)
        universe.ends[row[0] if row else "never heard of"] += 1
        _judge(universe, fate, row)


def _judge(universe: "Universe", fate: Fate, row: Row | None) -> None:
    truth, name = universe.world.truth, fate.workflow_id
    if row is None:
        lost = f"{name} was acknowledged and is lost"
        truth.must("P1", not fate.acknowledged, lost, harm=Harm.LOST)
        return
    truth.must("P1", True, f"{name} is on disk", harm=Harm.LOST)
    state, held_reason = row
    at_rest = _is_at_rest(universe, fate)
    truth.must("P1", at_rest, f"{name} is still {state} after weeks of peace")
    truth.must("P1", state != State.HELD or held_reason is not None, f"{name} is held for nothing")
    unread = held_reason == HeldReason.UNKNOWN_CHARGE and _has_seen_money(universe, name)
    truth.must("P1", not unread, f"{name} is held as unknown although its proof is on record")
    incidents = _incidents(universe, name)
    by_person = bool(fate.persons) or fate.gateway_broke_its_word
    if state == State.RELEASED:
        proven = bool(fate.took_money()) or by_person
        about = f"{name} is released without money"
        truth.must("P3", proven, about, harm=Harm.PAID_WITHOUT_MONEY)
    if state == State.CANCELLED:
        empty = not fate.keeps_money() or bool(incidents) or by_person
        about = f"{name} is cancelled and its money was taken"
        truth.must("P4", empty, about, harm=Harm.FAILED_WITH_MONEY)
    told = Verdict.PAID in fate.verdicts and state == State.CANCELLED
    given_back = all(one.place is not Place.TAKEN for one in fate.tries)
    truth.must("P5", not told or given_back or by_person, f"{name} ended otherwise than told")
    kept = fate.keeps_money() and state in {State.CANCELLED, State.REFUNDED}
    known = not kept or bool(incidents) or by_person
    truth.must("P8", known, f"{name} ended as {state}, its money was kept, and nobody was told")


def _is_at_rest(universe: "Universe", fate: Fate) -> bool:
    row = _row(universe, fate)
    if row is None:
        return True
    state, _ = row
    if _wants_look(universe, fate):
        return False
    if state in ENDED or state == State.HELD:
        return True
    if state in {State.PAID, State.DECLINED}:
        return universe.world.metronome_down_until == float("inf")
    if state == State.PENDING:
        undecided = any(one.place in {Place.PENDING, Place.PROCESSING} for one in fate.tries)
        gateways = (universe.gateways[one.charge_id.split("-")[0]] for one in fate.tries)
        dumb = any(g.kind.capabilities.lookup is not Lookup.QUERY for g in gateways)
        return (undecided or dumb) and _incidents(universe, fate.workflow_id) > 0
    return False


def _wants_look(universe: "Universe", fate: Fate) -> bool:
    """Whether a look that a gateway asked for was not made yet: it is never lost."""
    row = universe.world.database.reader.execute(
        "SELECT 1 FROM attempts WHERE workflow_id = ? AND look_asked > look_made",
        (fate.workflow_id,),
    ).fetchone()
    return row is not None


def _row(universe: "Universe", fate: Fate) -> Row | None:
    found: Row | None = universe.world.database.reader.execute(
        "SELECT state, held_reason FROM workflows WHERE workflow_id = ?",
        (fate.workflow_id,),
    ).fetchone()
    return found


def _has_seen_money(universe: "Universe", workflow_id: str) -> bool:
    row = universe.world.database.reader.execute(
        "SELECT money_seen FROM workflows WHERE workflow_id = ?", (workflow_id,)
    ).fetchone()
    return bool(row[0])


def _incidents(universe: "Universe", workflow_id: str) -> int:
    """Count what tells of the charge; what Metronome says of a payment tells nothing of it."""
    sql = "SELECT count(*) FROM incidents WHERE workflow_id = ? AND kind <> ?"
    asked = (workflow_id, STATUS_CONTRADICTED)
    (count,) = universe.world.database.reader.execute(sql, asked).fetchone()
    return int(count)
