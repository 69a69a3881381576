"""A store that writes down what it was asked and what it gave, short enough to be read."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from external_gate.domain.evidence import Evidence
from external_gate.domain.workflow import Workflow
from external_gate.stores.store import Store
from external_gate.stores.store_records import (
    Change,
    Dossier,
    NewNotice,
    NewNotification,
    NoticeTaken,
    Recorded,
)
from external_gate.testkit.store_checks.store_samples import NOW

LONGEST = 60
"""Characters of whatever has no form of its own."""

SHOWN = 4
"""Of many in a row."""


def traced(store: Store, name: str, trace: list[str]) -> Store:
    """Give the store with a line in `trace` for every call that came back."""
    return cast("Store", _Traced(store, name, trace))


class _Traced:
    def __init__(self, store: Store, name: str, trace: list[str]) -> None:
        self._store = store
        self._name = name
        self._trace = trace

    def __getattr__(self, name: str) -> object:
        member = getattr(self._store, name)
        if not callable(member) or name in {"when_due", "keep_notices"}:
            return member
        return self._told(name, member)

    def _told(self, verb: str, call: Callable[..., Awaitable[object]]) -> object:
        async def asked(*arguments: object, **named: object) -> object:
            words = [brief(one) for one in arguments]
            words += [f"{key}={brief(one)}" for key, one in named.items()]
            asked_for = f"{self._name}: {verb}({', '.join(words)})"
            try:
                result = await call(*arguments, **named)
            except BaseException as error:
                self._trace.append(f"{asked_for} raised {type(error).__name__}: {error}")
                raise
            self._trace.append(f"{asked_for} → {brief(result)}")
            return result

        return asked


def brief(value: object) -> str:
    """Write a record of the contract in a few words."""
    for kind, told in _TOLD.items():
        if isinstance(value, kind):
            return told(value)
    if isinstance(value, Sequence | frozenset) and not isinstance(value, str | bytes):
        shown = [brief(one) for one in list(value)[:SHOWN]]
        more = f", and {len(value) - SHOWN} more" if len(value) > SHOWN else ""
        return f"[{', '.join(shown)}{more}]"
    return _cut(repr(value))


def _notification(value: NewNotification) -> str:
    begins = f" begins {brief(value.workflow)}" if value.workflow else ""
    return f"notification {value.notification_id}{begins}"


def _dossier(value: Dossier) -> str:
    sent = f", {len(value.attempts)} attempts" if value.attempts else ""
    return f"{brief(value.workflow)}{sent}, newest evidence {value.newest_evidence}"


def _taken(value: NoticeTaken) -> str:
    became = "evidence" if value.is_evidence else "look" if value.look_asked else ""
    return f"{value.receipt} {became}".strip()


def _change(change: Change) -> str:
    after = change.after
    extras = {
        "attempts": len(change.attempts),
        "evidence": len(change.evidence),
        "releases": len(change.releases),
        "incidents": len(change.incidents),
    }
    words = [f"{after.workflow_id} to {after.state} under fence {change.fence}"]
    words += [f"{number} {what}" for what, number in extras.items() if number]
    words += ["given back"] if change.give_back else []
    return f"{', '.join(words)}, having read evidence {change.newest_evidence}"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


_TOLD: Mapping[type, Callable[[Any], str]] = {  # each takes what it stands for
    datetime: lambda at: f"+{(at - NOW).total_seconds():g}s",
    timedelta: lambda length: f"{length.total_seconds():g}s",
    NewNotification: _notification,
    Workflow: lambda one: f"{one.workflow_id} {one.state}, fence {one.fence}",
    Dossier: _dossier,
    Change: _change,
    Evidence: lambda piece: f"{piece.source}: {piece.answer!r}",
    NewNotice: lambda one: f"{one.event_id} of {one.gateway}: {one.outcome!r}",
    Recorded: lambda one: f"{one.receipt}{', conflict' if one.conflict else ''}",
    NoticeTaken: _taken,
}
