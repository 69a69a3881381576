"""The observer: a cure for what a person must do, and every count."""

from collections.abc import Callable

import pytest

from external_gate.domain.errors import Broken, LeaseLost, Unavailable
from external_gate.domain.ledger import Incident, IncidentKind
from external_gate.domain.money import Money
from external_gate.domain.outcome import Answer, NotSent, Succeeded, UndoUnknown, Unknown
from external_gate.domain.workflow import HeldReason, State
from external_gate.engine.context import Observer
from external_gate.intake.receive import IntakeObserver
from external_gate.metronome.billing import ReleaseAnswer, ReleaseResult
from external_gate.observe.observer import OUTCOME_NAMES, LoggingObserver
from tests.observe.conftest import Logged
from tests.observe.records import ID, INVOICE, NOW, SECOND, note, workflow


def test_it_is_what_engine_and_intake_ask_for(observer: LoggingObserver) -> None:
    # The type checker proves it; running it shows that nothing is missing.
    as_engine: Observer = observer
    as_intake: IntakeObserver = observer

    for contract, given in ((Observer, as_engine), (IntakeObserver, as_intake)):
        wanted = [name for name in vars(contract) if not name.startswith("_")]
        assert [name for name in wanted if not callable(getattr(given, name))] == []


@pytest.mark.parametrize("reason", list(HeldReason))
def test_hold_is_one_warning_with_its_cure(
    observer: LoggingObserver, logged: Logged, count: Callable[..., float], reason: HeldReason
) -> None:
    held = workflow(State.HELD, held_reason=reason, held_detail="because")

    observer.saved(workflow(State.READY), held, (note("moved", f"{reason}: because"),))
    observer.saved(held, held, (note("lookup_answered"),))  # it is looked at again

    first, second = logged.lines
    assert (first["event"], first["level"], second["level"]) == ("workflow_held", "warning", "info")
    assert (first["workflow_id"], first["held_reason"], first["detail"]) == (ID, reason, "because")
    assert first["cure"]
    assert first["command"].startswith("external-gate workflows ")
    assert ID in first["command"]
    assert count("holds_total", held_reason=reason) == 1


@pytest.mark.parametrize("end", [State.RELEASED, State.CANCELLED, State.REFUNDED])
def test_end_is_logged_and_counted_once(
    observer: LoggingObserver, logged: Logged, count: Callable[..., float], end: State
) -> None:
    release_key = f"r-{ID}-paid-1"
    entry = note("release_answered", "done", key=release_key)

    observer.saved(workflow(State.PAID), workflow(end), (entry, note("moved", "told")))
    observer.saved(workflow(end), workflow(end), ())

    first = logged.lines[0]
    assert first["event"] == f"workflow_{end}"
    assert first["release_key"] == release_key
    assert count("workflows_ended_total", state=end) == 1


@pytest.mark.parametrize("kind", list(IncidentKind))
def test_incident_is_one_warning_with_its_cure(
    observer: LoggingObserver, logged: Logged, count: Callable[..., float], kind: IncidentKind
) -> None:
    observer.incident(workflow(State.PAID), Incident(kind, NOW, "what shows it"))

    line = logged.line
    assert (line["event"], line["level"]) == ("incident_raised", "warning")
    assert (line["kind"], line["detail"]) == (kind, "what shows it")
    assert (line["workflow_id"], line["invoice_id"]) == (ID, INVOICE)
    assert line["cure"]
    assert ID in line["command"]
    assert count("incidents_raised_total", kind=kind) == 1


@pytest.mark.parametrize("answer", [Unknown("timeout"), UndoUnknown("timeout")])
def test_unknown_outcome_is_told_and_no_alarm(
    observer: LoggingObserver, logged: Logged, answer: Answer
) -> None:
    observer.gateway_called("main", "charge", answer, 20 * SECOND)

    line = logged.line
    assert (line["event"], line["level"]) == ("gateway_left_unknown", "info")
    assert (line["gateway"], line["operation"]) == ("main", "charge")
    assert (line["cause"], line["seconds"]) == ("timeout", 20.0)


@pytest.mark.parametrize("answer", [Succeeded("ch_1", Money(1, "USD")), NotSent("refused")])
def test_known_outcome_is_counted_and_its_step_tells_it(
    observer: LoggingObserver, logged: Logged, count: Callable[..., float], answer: Answer
) -> None:
    observer.gateway_called("main", "lookup", answer, SECOND)

    labels = {"gateway": "main", "operation": "lookup", "outcome": OUTCOME_NAMES[type(answer)]}
    assert count("gateway_calls_total", **labels) == 1
    assert logged.line["level"] == "debug"


def test_every_answer_has_a_name() -> None:
    assert set(OUTCOME_NAMES) == set(Answer.__args__)


def test_unauthorized_release_is_an_error_that_names_the_cure(
    observer: LoggingObserver, logged: Logged, count: Callable[..., float]
) -> None:
    observer.release_called(ReleaseAnswer(ReleaseResult.UNAUTHORIZED, "no such token"), SECOND)

    line = logged.line
    assert (line["event"], line["level"]) == ("release_unauthorized", "error")
    assert "metronome.api_token" in line["cure"]
    assert "external-gate doctor" in line["cure"]
    assert count("release_calls_total", result="unauthorized") == 1


@pytest.mark.parametrize("result", sorted({*ReleaseResult} - {ReleaseResult.UNAUTHORIZED}))
def test_other_release_is_no_error(
    observer: LoggingObserver, logged: Logged, result: ReleaseResult
) -> None:
    observer.release_called(ReleaseAnswer(result, "busy", 3 * SECOND), SECOND)

    line = logged.line
    assert line["level"] == ("debug" if result is ReleaseResult.DONE else "info")
    assert (line["result"], line["detail"]) == (result, "busy")
    assert (line["seconds"], line["retry_after_seconds"]) == (1.0, 3.0)


def test_lost_lease_is_a_warning(
    observer: LoggingObserver, logged: Logged, count: Callable[..., float]
) -> None:
    observer.lease_lost(workflow(State.CHARGING, fence=4))

    assert (logged.line["event"], logged.line["level"]) == ("lease_lost", "warning")
    assert (logged.line["workflow_id"], logged.line["fence"]) == (ID, 4)
    assert count("leases_lost_total") == 1


@pytest.mark.parametrize(
    ("error", "branch"),
    [(Broken("bug"), "broken"), (LeaseLost("late"), "refused"), (KeyError("bug"), "other")],
)
def test_error_of_ours_comes_with_its_traceback(
    observer: LoggingObserver,
    logged: Logged,
    count: Callable[..., float],
    error: Exception,
    branch: str,
) -> None:
    observer.step_failed(workflow(State.PAID), error)

    line = logged.line
    assert (line["event"], line["level"]) == ("step_failed", "error")
    assert (line["error"], line["branch"]) == (type(error).__name__, branch)
    assert line["exception"][0]["exc_type"] == type(error).__name__
    assert count("steps_failed_total", error=branch) == 1


def test_what_is_merely_away_is_a_warning_without_traceback(
    observer: LoggingObserver, logged: Logged
) -> None:
    observer.step_failed(workflow(), Unavailable("the database is locked"))

    assert logged.line["level"] == "warning"
    assert logged.line["cause"] == "Unavailable: the database is locked"
    assert "exception" not in logged.line


def test_words_of_the_outside_are_masked(observer: LoggingObserver, logged: Logged) -> None:
    card = "4242 4242 4242 4242"

    observer.saved(
        workflow(State.CHARGING), workflow(State.DECLINED), (note("moved", f"declined: {card}"),)
    )
    observer.gateway_called("main", "charge", Unknown(f"said {card}"), SECOND)
    observer.release_called(ReleaseAnswer(ReleaseResult.REFUSED, "Bearer sk_live_abc123"), SECOND)
    observer.step_failed(workflow(), Broken(f"bad {card}"))

    assert card not in logged.text
    assert "abc123" not in logged.text
    assert logged.text.count(ID) == 2


def test_outage_while_claiming_is_a_warning_without_traceback(
    observer: LoggingObserver, logged: Logged
) -> None:
    observer.claim_failed(Unavailable("the database is away"))

    line = logged.line
    assert (line["event"], line["level"]) == ("claim_failed", "warning")
    assert "the database is away" in line["cause"]
    assert "exception" not in line


def test_error_of_ours_while_claiming_comes_with_its_traceback(
    observer: LoggingObserver, logged: Logged
) -> None:
    observer.claim_failed(RuntimeError("a bug"))

    line = logged.line
    assert (line["event"], line["level"]) == ("claim_failed", "error")
    assert "exception" in line
