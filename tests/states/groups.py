"""The tables of the matrix: which events are tried in which situations."""

from dataclasses import dataclass

from tests.engine.world import EVERY_ANSWER, NO_KEY_BUT_LOOKUP, NOTHING, REPLAY, SUCCESS_ONLY
from tests.states import gateway_events, metronome_events, other_events
from tests.states import situations as at
from tests.states.bench import Bench
from tests.states.drive import Column
from tests.states.gateway_events import Event, Rows
from tests.states.held_reasons import REASONS


@dataclass(frozen=True)
class Group:
    """One table: rows are events, columns situations."""

    title: str
    text: str
    rows: Rows
    columns: tuple[Column, ...]
    turned: bool = False
    """Whether rows and columns change places when it is drawn, because the columns are many."""


def _columns(*more: at.Situation) -> tuple[Column, ...]:
    found = (*at.EVERY_STATE, *more)
    return tuple(Column(one.name, one) for one in sorted(found, key=_place))


def _place(situation: at.Situation) -> int:
    """Put the special columns beside the plain ones of their state."""
    return list(type(situation.state)).index(situation.state)


_KINDS = {
    "every answer stored": EVERY_ANSWER,
    "successes stored": SUCCESS_ONLY,
    "asked by re-send": REPLAY,
    "no key, lookup": NO_KEY_BUT_LOOKUP,
    "no key, no lookup": NOTHING,
}


def _kinds(situation: at.Situation) -> tuple[Column, ...]:
    return tuple(Column(name, situation, can) for name, can in _KINDS.items())


def _answered(name: str) -> Event:
    return dict(gateway_events.ANSWERS)[name]


_BEFORE = (
    *other_events.BEFORE_THE_ANSWER,
    ("notice: Succeeded", dict(gateway_events.NOTICES)["Succeeded"]),
    ("notice: Declined hard", dict(gateway_events.NOTICES)["Declined hard"]),
    ("notice: Pending", dict(gateway_events.NOTICES)["Pending"]),
)

_LATER = ("Succeeded", "Declined hard", "Pending", "Unknown", "NotSent", "Misconfigured")

GROUPS: tuple[Group, ...] = (
    Group(
        "The answer to a charge",
        "In `charging` it comes to the worker that sent the charge. In every other state it comes "
        "late: that worker has lost its lease and can move nothing, but its answer is kept as "
        "evidence, and whoever claims next decides by it.",
        gateway_events.ANSWERS,
        (
            *_columns(at.CHARGING_AGAIN),
            Column("held · unknown, and the next look", at.HELD_UNKNOWN, then=Bench.go_on),
        ),
    ),
    Group(
        "The answer to a first charge, by gateway",
        "State `charging`, nothing sent before. The columns are kinds of gateways: keys that "
        "replay every answer, keys that replay successes only, gateways that are asked by sending "
        "the same key again, and gateways without a usable key.",
        gateway_events.ANSWERS,
        _kinds(at.CHARGING),
    ),
    Group(
        "The answer to a re-send, by gateway",
        "State `charging`; the answer of the first send is still unknown. Without a usable key "
        "nothing is ever re-sent.",
        gateway_events.ANSWERS,
        _kinds(at.CHARGING_AGAIN),
    ),
    Group(
        "What happens while the charge is on the wire, and then its answer",
        "State `charging`. Rows come first, then the answer above. An older copy takes every claim "
        "away: the answer is kept as evidence, and the next claim decides by it.",
        _BEFORE,
        tuple(Column(f"then {name}", at.CHARGING, then=_answered(name)) for name in _LATER),
    ),
    Group(
        "Lookups",
        "A worker looks when the workflow is due; from `charging` it looks at once after taking "
        "over. While our database is an older copy, every send begins with a lookup.",
        gateway_events.LOOKUPS,
        _columns(at.UNRESOLVED_EARLY, at.HELD_BY_A_PERSON, at.RESTORED, at.RESTORED_AGAIN),
    ),
    Group(
        "Cancel at the pending deadline",
        "The deadline is the larger of 72 h and twice the longest settling time. A timer is never "
        "proof: it only asks for a cancel.",
        gateway_events.CANCELS,
        _columns(),
    ),
    Group(
        "Notices from the gateway",
        "Verified, signed and final; about the newest attempt. In `charging` nobody can move the "
        "workflow before the call has ended. What a person has held is moved by no proof.",
        gateway_events.NOTICES,
        _columns(at.HELD_BY_A_PERSON, at.PAID_CALLING, at.DECLINED_CALLING),
    ),
    Group(
        "Hints from the gateway",
        "A notice that only says: look again, about the newest attempt. A look is made at once and "
        "leaves the schedule as it was; what it finds is evidence. Where lookup is no query, or "
        "while a call is on the wire, nothing happens yet.",
        gateway_events.HINTS,
        _columns(at.PAID_CALLING, at.DECLINED_CALLING),
    ),
    Group(
        "Release answers",
        "Where nothing else is said, the answer is to a later send of the same release; in "
        "*first call* it is to the very first one. *Read back* is what invoice and contract show.",
        metronome_events.RELEASES,
        _columns(at.PAID_CALLING, at.DECLINED_CALLING),
    ),
    Group(
        "What happens while the first release call is on the wire, and then its answer",
        "The outcome is decided with the save that starts the release; what comes later is an "
        "incident. An older copy takes every claim away: the next one reads back before it tells.",
        _BEFORE,
        tuple(
            Column(f"{situation.state}, then {name}", situation, then=event)
            for situation in (at.PAID_CALLING, at.DECLINED_CALLING)
            for name, event in metronome_events.LAST_WORDS
        ),
    ),
    Group(
        "Refund answers",
        "Metronome's own workflow may have ended before the money went back; where that is not "
        "proven, `failed` is owed.",
        gateway_events.REFUNDS,
        _columns(),
    ),
    Group(
        "Notifications from Metronome",
        "Other facts hold a workflow only while nothing was ever sent.",
        metronome_events.NOTIFICATIONS,
        _columns(),
    ),
    Group(
        "Invoice, payer and gateway trouble",
        "Met while a send is prepared, the first or another one.",
        metronome_events.PREPARING,
        _columns(),
    ),
    Group(
        "Guards",
        "Judged in the transaction that saves the intent. Once anything may have been sent, a "
        "refusal becomes a hold.",
        other_events.GUARDS,
        _columns(),
    ),
    Group(
        "Time, and workers that are lost",
        "Nobody answers anything here unless a row says so.",
        other_events.TIME,
        _columns(),
    ),
    Group(
        "People",
        "What an operator's act does by itself, before a worker goes on with it.",
        other_events.PEOPLE,
        _columns(),
    ),
    Group(
        "People, by the reason for holding",
        "The acts on `held` for every reason there is, each reached as the table of reasons says.",
        other_events.ACTS,
        tuple(Column(one.name, one) for one in REASONS),
        turned=True,
    ),
)
