"""One line per step, with workflow, state and attempt."""

from external_gate.domain.money import Money
from external_gate.domain.workflow import MOVES, State
from external_gate.observe import events
from external_gate.observe.observer import LoggingObserver
from external_gate.observe.step_line import EVENT_OF_STATE
from tests.observe.conftest import Logged
from tests.observe.records import ID, KEY, NOW, SECOND, note, workflow


def test_step_is_one_line_with_workflow_state_and_attempt(
    observer: LoggingObserver, logged: Logged
) -> None:
    history = (
        note("moved", "invoice and payer agree"),
        note("moved", "attempt 1, send 1"),
        note(
            "charge_intended",
            attempt_key=KEY,
            attempt="1",
            gateway="main",
            amount=str(Money(1500, "USD")),
            payer="cus_1",
        ),
    )

    observer.saved(workflow(), workflow(State.CHARGING), history)

    line = logged.line
    assert line.pop("timestamp")
    assert line == {
        "event": "charge_intended",
        "level": "info",
        "logger": "external_gate",
        "workflow_id": ID,
        "state": "charging",
        "was": "received",
        "attempt": "1",
        "attempt_key": KEY,
        "gateway": "main",
        "amount": "15.00 USD",
        "did": ["charge_intended"],
        "reason": "attempt 1, send 1",
    }


def test_every_move_has_an_event_of_its_own() -> None:
    assert set(EVENT_OF_STATE) == {to for _, to in MOVES}
    assert len(set(EVENT_OF_STATE.values())) == len(EVENT_OF_STATE)


def test_step_without_a_move_tells_what_was_done_and_when_it_goes_on(
    observer: LoggingObserver, logged: Logged
) -> None:
    after = workflow(State.UNRESOLVED, tries=3, due_at=NOW + 5 * SECOND)

    observer.saved(
        workflow(State.UNRESOLVED),
        after,
        (note("lookup_answered", "unknown: timeout", attempt="1"),),
    )

    line = logged.line
    assert (line["event"], line["level"], line["did"]) == (
        events.STEP_SAVED,
        "info",
        ["lookup_answered"],
    )
    assert (line["tries"], line["due_at"]) == (3, "2026-11-22 12:00:05+00:00")
    assert "was" not in line


def test_look_without_a_finding_is_only_for_debugging(
    observer: LoggingObserver, logged: Logged
) -> None:
    observer.saved(workflow(State.HELD), workflow(State.HELD), ())

    assert logged.line["level"] == "debug"


def test_person_is_named(observer: LoggingObserver, logged: Logged) -> None:
    observer.saved(
        workflow(State.HELD), workflow(State.READY), (note("retried", "payer is set", who="ann"),)
    )

    assert logged.line["who"] == "ann"
    assert logged.line["did"] == ["retried"]
