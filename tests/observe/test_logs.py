"""No way into the log lets a secret through: neither ours, nor that of any library."""

import logging
import logging.config
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import structlog
import uvicorn

from external_gate.observe import events, logs
from external_gate.observe.secret_shapes import MASK
from tests.observe.conftest import Configure, Logged

CANARY = "canary-that-is-configured"
SHAPED = "sk_live_canaryByItsShape"
FORMS: tuple[logs.Format, ...] = ("json", "console")


def _ours(secret: str) -> None:
    events.log().info("said", place=[{"deep": f"x {secret} y"}])


def _ours_bound(secret: str) -> None:
    events.log().bind(place=secret).warning("said %s", secret)


def _context(secret: str) -> None:
    with structlog.contextvars.bound_contextvars(place=secret):
        events.log().info("said")


def _event_itself(secret: str) -> None:
    events.log().error(f"said {secret}")


def _foreign(secret: str) -> None:
    logging.getLogger("some.library").warning("said %s and %r", secret, {"place": secret})


def _foreign_mapping(secret: str) -> None:
    logging.getLogger("some.library").info("said %(place)s", {"place": secret})


def _access_line(secret: str) -> None:
    # As uvicorn's protocols write it.
    logging.getLogger("uvicorn.access").info(
        '%s - "%s %s HTTP/%s" %d', "127.0.0.1:1", "GET", f"/console?at={secret}", "1.1", 200
    )


def _raise(error: Exception) -> None:
    raise error


def _message_of_exception(secret: str) -> None:
    try:
        _raise(ValueError(f"said {secret}"))
    except ValueError:
        events.log().exception("said")


def _chain_of_exceptions(secret: str) -> None:
    try:
        try:
            _raise(KeyError(secret))
        except KeyError as error:
            error.add_note(f"noted {secret}")
            raise ExceptionGroup(f"said {secret}", [ValueError(secret)]) from error
    except ExceptionGroup:
        logging.getLogger("some.library").exception("said %s", secret)


def _local_variable(secret: str) -> None:
    place = {"api": secret}
    try:
        _ = 1 // (len(place) - 1)
    except ZeroDivisionError as error:
        events.log().error("said", exc_info=error)


def _stack(secret: str) -> None:
    logging.getLogger("some.library").info("said %s", secret, stack_info=True)


WAYS = [
    *(_ours, _ours_bound, _context, _event_itself, _foreign, _foreign_mapping, _access_line),
    *(_message_of_exception, _chain_of_exceptions, _local_variable, _stack),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("secret", [CANARY, SHAPED])
def test_secret_is_masked_on_every_way(
    configure: Configure, form: logs.Format, way: Callable[[str], None], secret: str
) -> None:
    logged = configure(form=form, secrets=[CANARY])

    way(secret)

    assert "canary" not in logged.text.lower()
    assert "said" in logged.text or "/console" in logged.text


@pytest.mark.parametrize("form", FORMS)
def test_local_variables_are_not_written_whatever_they_are(
    configure: Configure, form: logs.Format
) -> None:
    logged = configure(form=form)

    _local_variable("nothing that looks like a secret")

    assert "nothing that looks" not in logged.text
    assert "ZeroDivisionError" in logged.text
    assert "_local_variable" in logged.text


@pytest.mark.parametrize("form", FORMS)
def test_record_that_cannot_be_formatted_is_counted_and_not_printed(
    configure: Configure, form: logs.Format, capfd: pytest.CaptureFixture[str]
) -> None:
    logged = configure(form=form)

    logging.getLogger("some.library").info("%d", SHAPED)
    logging.getLogger("some.library").info("the next one")

    assert "the next one" in logged.text
    assert '"event": "log_lines_lost"' in logged.text
    assert "canary" not in logged.text + "".join(capfd.readouterr())


def test_line_has_event_level_logger_and_instant_in_utc(logged: Logged) -> None:
    events.log().info(events.STARTED, roles=["web"])

    timestamp = logged.line.pop("timestamp")
    assert timestamp.endswith("Z")
    assert "T" in timestamp
    assert {**logged.line, "timestamp": ""} == {
        "event": "started",
        "level": "info",
        "logger": "external_gate",
        "roles": ["web"],
        "timestamp": "",
    }


def test_other_libraries_come_in_the_same_form(logged: Logged) -> None:
    logging.getLogger("some.library").warning("careful with %s", "this")

    line = logged.line
    assert (line["event"], line["level"], line["logger"]) == (
        "careful with this",
        "warning",
        "some.library",
    )
    assert line["timestamp"].endswith("Z")


def test_console_form_is_one_readable_line(configure: Configure) -> None:
    logged = configure(form="console")

    events.log().warning(events.LEASE_LOST, workflow_id="w-1", fence=3)

    (line,) = logged.text.splitlines()
    assert "lease_lost" in line
    assert "workflow_id=w-1" in line
    assert "\x1b" not in line


def test_level_is_kept_by_ours_and_by_others(configure: Configure) -> None:
    logged = configure("warning")

    events.log().info("too quiet")
    logging.getLogger("some.library").info("too quiet")
    events.log().warning("heard")
    logging.getLogger("some.library").warning("heard")

    assert [line["event"] for line in logged.lines] == ["heard", "heard"]


def test_http_clients_do_not_write_addresses(logged: Logged) -> None:
    for name in ("httpx", "httpcore", "httpcore.connection"):
        logging.getLogger(name).info("HTTP Request: GET https://example.test/?query")

    assert logged.text == ""


def test_uvicorn_writes_through_us_alone(
    configure: Configure, capfd: pytest.CaptureFixture[str]
) -> None:
    logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)  # as uvicorn does by itself

    logged = configure()
    uvicorn.Config(app=lambda: None, log_config=None).configure_logging()
    logging.getLogger("uvicorn.error").info("Started %s", SHAPED)
    logging.getLogger("uvicorn.access").info("GET %s", SHAPED)

    assert [line["event"] for line in logged.lines] == [f"Started {MASK}", f"GET {MASK}"]
    assert "".join(capfd.readouterr()) == ""


def test_handlers_that_others_left_are_removed(
    configure: Configure, capfd: pytest.CaptureFixture[str]
) -> None:
    logging.getLogger().addHandler(logging.StreamHandler(sys.stderr))

    configure(secrets=[CANARY])
    _foreign(CANARY)
    logs.flush()

    assert CANARY not in "".join(capfd.readouterr())


def test_logger_made_before_follows_the_new_setting(configure: Configure) -> None:
    logger = events.log()
    configure("error")
    logger.info("too quiet")

    logged = configure("info")
    logger.info("heard")

    assert logged.line["event"] == "heard"


def test_import_changes_nothing() -> None:
    program = """
import logging, threading, structlog
import external_gate.observe.logs, external_gate.observe.observer
assert not logging.getLogger().handlers
assert not structlog.is_configured()
assert threading.active_count() == 1
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_last_line_is_written_before_the_process_ends() -> None:
    program = f"""
from external_gate.observe import events, logs
logs.configure(secrets=["{CANARY}"])
events.log().info(events.STOPPED, why="{CANARY}")
"""
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)

    assert ended.stdout == b""
    assert b'"event": "stopped"' in ended.stderr
    assert CANARY.encode() not in ended.stderr


def test_no_event_is_lost_between_two_settings(configure: Configure) -> None:
    first = configure()
    events.log().info("before")
    second = configure()
    events.log().info("after")

    told: list[list[Any]] = [[line["event"] for line in each.lines] for each in (first, second)]
    assert told == [["before"], ["after"]]
