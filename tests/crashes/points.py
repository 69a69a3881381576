"""Which points are swept: by CI, and of what a run came by."""

from dataclasses import dataclass, replace
from pathlib import Path

from external_gate.domain.workflow import MOVES
from tests.crashes.doom import Point, When, saving
from tests.crashes.scenarios import PLAYS, Move, Play

WHENS: tuple[When, ...] = ("before", "inside", "after", "midway")
EDGES = frozenset({"charge", "lookup", "cancel", "refund", "invoice", "contract", "release"})
"""Every call that leaves the service."""


MOST_TIMES = 2
"""How often one boundary is swept in one run: the third lookup is killed like the second."""


@dataclass(frozen=True)
class Target:
    """A play, and where in it a process is killed; None lets everybody live."""

    play: Play
    point: Point | None = None
    on_postgres: bool = False

    def __str__(self) -> str:
        """Write it as an argument of the sweep would be."""
        place = ", on PostgreSQL" if self.on_postgres else ""
        return f"{self.play.name}, {self.point or 'undisturbed'}{place}"


def read_point(text: str) -> Point:
    """Read what `str` has written."""
    when, _, rest = text.partition(" ")
    what, _, nth = rest.partition(" #")
    if when not in WHENS:
        raise ValueError(f"{text!r} begins with none of {WHENS}")
    return Point(when, what, int(nth or 1))


def moves_of_the_table() -> frozenset[Move]:
    """Give every move there is, by each who may make it."""
    return frozenset(
        (before, after, actor) for (before, after), actors in MOVES.items() for actor in actors
    )


def targets_of_moves() -> list[Target]:
    """Give every move of the table that has a play, once before and once after its save."""
    whens: tuple[When, ...] = ("before", "after")
    return [
        Target(play, Point(when, saving(move)))
        for play in PLAYS.values()
        for move in sorted(play.moves)
        for when in whens
    ]


STEPS = (
    ("charged", "record", ("before", "inside", "after")),
    ("charged in a rush", "record", ("before", "inside", "after")),
    ("charged in a rush", "record_from_inbox", ("before", "inside", "after")),
    ("charged", "claim", ("before", "after")),
    ("told by the gateway", "record_notices", ("before", "inside", "after")),
    ("charged", "save charging-paid engine", ("inside",)),
    ("held while unknown", "save of evidence", ("before", "after")),
    ("held while unknown", "acquire", ("before", "after")),
    ("cancelled at the deadline", "save of notes", ("before", "after")),
    ("hold asked for while the charge is on the wire", "want_hold", ("before", "after")),
    ("hold asked for while the charge is on the wire", "renew", ("before", "after")),
    ("charged by a host without keys", "claim", ("after",)),
    ("charged by a host without keys", "save ready-charging engine", ("before", "inside", "after")),
    ("charged by a host without keys", "charge", ("before", "after", "midway")),
    ("charged by a host without keys", "save charging-paid engine", ("before", "inside", "after")),
    ("answer lost by a host without keys", "lookup", ("before", "after", "midway")),
    ("stopped in mid charge", "give_back", ("before", "after")),
    ("charged", "invoice", ("before", "after", "midway")),
    ("charged", "charge", ("before", "after", "midway")),
    ("charged", "release", ("before", "after", "midway")),
    ("declined", "release", ("before", "after", "midway")),
    ("answer lost", "lookup", ("before", "after", "midway")),
    ("cancelled at the deadline", "cancel", ("before", "after", "midway")),
    ("expired then refunded", "refund", ("before", "after", "midway")),
    ("expired before failed was told", "contract", ("before", "after", "midway")),
)
"""The durable steps that make no move, and the network edges, each in a play that comes by it."""


def targets_of_steps() -> list[Target]:
    """Give every other durable step and every network edge."""
    return [
        Target(PLAYS[name], Point(when, what))
        for name, what, whens in STEPS
        for when in WHENS
        if when in whens
    ]


def targets_on_postgres() -> list[Target]:
    """Give what CI sweeps on PostgreSQL: steps in and after their commit, calls without an answer.

    Moves are saved by the same statements on both, and before a step neither has anything to lose.
    """
    return [
        replace(target, on_postgres=True)
        for target in targets_of_steps()
        if target.point is not None
        and (
            target.point.when in {"inside", "midway"}
            or (target.point.when == "after" and target.point.what not in EDGES)
        )
    ]


def targets_of_ci() -> list[Target]:
    """Give what CI sweeps."""
    return [*targets_of_moves(), *targets_of_steps()]


def boundaries_in(trace: Path) -> frozenset[Point]:
    """Read what one run came by, with what can be done to it: commits inside, calls midway."""
    if not trace.exists():
        return frozenset()
    found: set[Point] = set()
    for line in trace.read_text().splitlines():
        _role, when, what, nth = line.split("|")
        if int(nth) > MOST_TIMES:
            continue
        known = next(each for each in WHENS if each == when)
        found.add(Point(known, what, int(nth)))
        if known == "before" and what in EDGES and nth == "1":
            found.add(Point("midway", what))
        elif known == "before" and what not in EDGES and what != "claim":
            found.add(Point("inside", what, int(nth)))
    return frozenset(found)
