"""Releases, history and incidents, to rows and back, the same for every store."""

import json

from external_gate.domain.clock import from_milliseconds, to_milliseconds
from external_gate.domain.ledger import HistoryEntry, Incident, IncidentKind, Release
from external_gate.domain.workflow import Actor, State, Verdict
from external_gate.stores.documents import write_json
from external_gate.stores.rows import Row, Value, instant, milliseconds


def release_from(row: Row) -> Release:
    """Read one generation of a release."""
    return Release(
        verdict=Verdict(row["verdict"]),
        generation=row["generation"],
        key=row["release_key"],
        first_sent_at=from_milliseconds(row["first_sent_at"]),
        sends=row["sends"],
        answered_at=instant(row["answered_at"]),
        answer=row["answer"],
    )


def release_values(release: Release) -> dict[str, Value]:
    """Write one generation of a release."""
    return {
        "verdict": release.verdict.value,
        "generation": release.generation,
        "release_key": release.key,
        "first_sent_at": to_milliseconds(release.first_sent_at),
        "sends": release.sends,
        "answered_at": milliseconds(release.answered_at),
        "answer": release.answer,
    }


def history_from(row: Row) -> HistoryEntry:
    """Read one line of history."""
    return HistoryEntry(
        at=from_milliseconds(row["at"]),
        actor=Actor(row["actor"]),
        event=row["event"],
        reason=row["reason"],
        who=row["who"],
        from_state=None if row["from_state"] is None else State(row["from_state"]),
        to_state=None if row["to_state"] is None else State(row["to_state"]),
        facts=json.loads(row["facts"]),
        number=row["number"],
    )


def history_values(entry: HistoryEntry) -> dict[str, Value]:
    """Write one line of history; its number is the store's to give."""
    return {
        "at": to_milliseconds(entry.at),
        "actor": entry.actor.value,
        "event": entry.event,
        "reason": entry.reason,
        "who": entry.who,
        "from_state": entry.from_state.value if entry.from_state else None,
        "to_state": entry.to_state.value if entry.to_state else None,
        "facts": write_json(dict(entry.facts)) if entry.facts else "{}",
    }


def incident_from(row: Row) -> Incident:
    """Read one incident."""
    return Incident(
        kind=IncidentKind(row["kind"]),
        at=from_milliseconds(row["at"]),
        detail=row["detail"],
        number=row["number"],
    )
