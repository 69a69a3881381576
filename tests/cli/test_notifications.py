"""`external-gate notifications`: what came is shown as it came, and can be read once more."""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from external_gate.domain.identifiers import AttemptKey, WorkflowId
from external_gate.domain.outcome import Declined, Outcome
from external_gate.domain.workflow import State
from external_gate.stores.store import Store
from external_gate.stores.store_records import NewNotice, NewNotification, WorkflowFilter
from external_gate.testkit.store_checks.store_samples import charging, key_of
from tests.cli.conftest import Home
from tests.databases import only_sqlite
from tests.engine.world import START

SAMPLE = Path(__file__).parent.parent / "samples/metronome/payment_gate.external_initiate.json"
WORKFLOW = WorkflowId("d7abd0cd-4ae9-4db7-8676-e986a4ebd8dc")
WHY = ("--reason", "understood since the upgrade")


def arrived(body: bytes, *, minute: int = 0, flaw: str | None = None) -> NewNotification:
    """Give a notification that began no workflow, as an older version may have kept it."""
    at = START + timedelta(minutes=minute)
    return NewNotification(
        notification_id=f"n-{minute}",
        type="payment_gate.external_initiate",
        digest=hashlib.sha256(body).hexdigest(),
        body=body,
        signed_at=at - timedelta(seconds=1),
        received_at=at,
        concerns_us=True,
        flaw=flaw,
    )


def keep(home: Home, *notifications: NewNotification) -> None:
    async def record(store: Store) -> None:
        for each in notifications:
            await store.record(each)

    home.with_store(record)


def told(event_id: str, key: str, outcome: Outcome | None = None) -> NewNotice:
    """Give a notice of a gateway about somebody's charge."""
    return NewNotice("main", event_id, AttemptKey(key), outcome, outcome is not None, START)


def test_list_of_gateways_shows_what_was_understood(home: Home) -> None:
    home.with_store(
        lambda store: store.record_notices(
            [told("evt-1", "k" * 20), told("evt\x1b[2J", "x" * 20, Declined())]
        )
    )

    header, *rows = home.run("notifications", "list", "--gateways").stdout.splitlines()
    as_json = json.loads(home.run("notifications", "list", "--gateways", "--json").stdout)

    assert header.split()[:4] == ["NUMBER", "GATEWAY", "SAYS", "FINAL"]
    assert [row.split()[0] for row in rows] == ["2", "1"]
    assert "\\x1b[2J" in rows[0]
    assert [(row["event_id"], row["claim"]) for row in as_json][1] == ("evt-1", None)
    assert as_json[0]["claim"]["answer"] == "declined"


def test_list_of_unmatched_pages_and_leaves_out_what_belongs_to_somebody(home: Home) -> None:
    async def keep_both(store: Store) -> None:
        await charging(store)
        await store.record_notices([told("ours", key_of()), told("nobodys", "x" * 20)])

    home.with_store(keep_both)

    everything = home.run("notifications", "list", "--gateways", "--limit", "1")
    unmatched = home.run("notifications", "list", "--unmatched", "--json")
    older = home.run("notifications", "list", "--gateways", "--before", "2", "--json")

    assert everything.stdout.splitlines()[1].endswith("nobodys")
    assert "--before 2" in everything.stderr
    assert [row["event_id"] for row in json.loads(unmatched.stdout)] == ["nobodys"]
    assert [row["event_id"] for row in json.loads(older.stdout)] == ["ours"]


def test_flawed_is_about_metronomes_alone(home: Home) -> None:
    assert home.run("notifications", "list", "--gateways", "--flawed").exit_code == 2


def test_list_shows_the_newest_first(home: Home) -> None:
    again = arrived(b"{}", minute=1, flaw="id is missing")
    keep(home, arrived(SAMPLE.read_bytes()), again, again)

    header, *rows = home.run("notifications", "list").stdout.splitlines()
    as_json = json.loads(home.run("notifications", "list", "--json").stdout)

    assert header.split()[:2] == ["NUMBER", "TYPE"]
    assert [row.split()[0] for row in rows] == ["2", "1"]
    assert rows[0].endswith("id is missing")
    assert [(row["number"], row["deliveries"], row["flaw"]) for row in as_json] == [
        (2, 2, "id is missing"),
        (1, 1, None),
    ]
    assert as_json[1]["received_at"] == "2026-11-22T12:00:00.000Z"
    assert as_json[1]["signed_at"] == "2026-11-22T11:59:59.000Z"


def test_list_narrows_and_turns_pages(home: Home) -> None:
    flawed = (arrived(b"%d" % n, minute=n, flaw="no object" if n % 2 else None) for n in range(5))
    keep(home, *flawed)

    def numbers(*filters: str) -> list[int]:
        listed = json.loads(home.run("notifications", "list", *filters, "--json").stdout)
        return [row["number"] for row in listed]

    assert numbers("--flawed") == [4, 2]
    assert numbers("--limit", "2") == [5, 4]
    assert numbers("--limit", "2", "--before", "4") == [3, 2]
    assert "add --before 4" in home.run("notifications", "list", "--limit", "2").stderr


def test_list_reads_more_than_a_page(home: Home) -> None:
    keep(home, *(arrived(b"%d" % n, minute=n) for n in range(205)))

    listed = json.loads(home.run("notifications", "list", "--limit", "204", "--json").stdout)

    assert [row["number"] for row in listed] == list(range(205, 1, -1))


def test_show_gives_the_body_as_it_came(home: Home) -> None:
    keep(home, arrived(SAMPLE.read_bytes()))

    shown = home.run("notifications", "show", "1").stdout
    as_json = json.loads(home.run("notifications", "show", "1", "--json").stdout)

    assert shown.startswith("notification 1: payment_gate.external_initiate\n")
    assert SAMPLE.read_text().rstrip("\n") in shown
    assert as_json["body"] == SAMPLE.read_text()
    assert as_json["digest"] == hashlib.sha256(SAMPLE.read_bytes()).hexdigest()


def test_body_cannot_steer_the_terminal(home: Home) -> None:
    keep(home, arrived("\x1b[2J\x9b\r\u202eü\n".encode() + b"\xff\x00", flaw="no JSON"))

    text = home.run("notifications", "show", "1").stdout
    as_json = home.run("notifications", "show", "1", "--json").stdout

    assert "\\x1b[2J\\x9b\\r\\u202eü\n\\xff\\x00\n" in text
    assert as_json.isascii()
    assert "\x1b" not in as_json


@pytest.mark.parametrize("command", [["show", "7"], ["replay", "7", *WHY]])
def test_unknown_notification_is_a_no(home: Home, command: list[str]) -> None:
    result = home.run("notifications", *command)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "no notification 7 is kept here; see: external-gate notifications list" in result.stderr


def test_replay_begins_the_workflow_and_keeps_who_asked(home: Home) -> None:
    keep(home, arrived(SAMPLE.read_bytes(), flaw="not understood by an older version"))

    result = home.run("notifications", "replay", "1", *WHY, "--as", "grace")

    assert (result.exit_code, result.stdout) == (0, f"workflow {WORKFLOW} has begun\n")
    assert f"see: external-gate workflows show {WORKFLOW}" in result.stderr
    (workflow,) = home.with_store(lambda store: store.workflows(WorkflowFilter()))
    assert (workflow.workflow_id, workflow.state) == (WORKFLOW, State.RECEIVED)
    _, asked = home.with_store(lambda store: store.history(WORKFLOW))
    assert (asked.actor, asked.event, asked.who) == ("person", "replayed", "grace")
    assert (asked.reason, asked.facts) == (WHY[1], {"notification": "1"})


def test_replay_of_a_known_workflow_begins_nothing(home: Home) -> None:
    keep(home, arrived(SAMPLE.read_bytes()))
    home.run("notifications", "replay", "1", *WHY)

    again = home.run("notifications", "replay", "1", *WHY)
    changed = SAMPLE.read_bytes().replace(b"1500", b"1501")
    keep(home, replace(arrived(changed), notification_id="n-other"))
    other = home.run("notifications", "replay", "2", *WHY)

    assert (again.exit_code, other.exit_code) == (1, 1)
    assert "was begun before and stays as it is" in again.stderr
    assert "is known with other facts" in other.stderr
    assert len(home.with_store(lambda store: store.workflows(WorkflowFilter()))) == 1


def test_replay_of_what_begins_no_workflow_is_a_no(home: Home) -> None:
    keep(home, arrived(b"[]", flaw="the body is not a JSON object"))

    result = home.run("notifications", "replay", "1", *WHY)

    assert result.exit_code == 1
    assert "the body is not a JSON object" in result.stderr


@only_sqlite("that nothing was made is seen by a file")
@pytest.mark.parametrize(
    "wrong",
    [["show"], ["show", "x"], ["show", "0"], ["replay", "1"], ["replay", "1", "--reason", ""],
     ["list", "--limit", "0"], ["list", "--before", "0"]],
)  # fmt: skip
def test_wrong_use_ends_with_2(home: Home, wrong: list[str]) -> None:
    assert home.run("notifications", *wrong).exit_code == 2
    assert not home.file.exists()


@pytest.mark.parametrize("command", ["list", "show", "replay"])
def test_help_shows_an_example(home: Home, command: str) -> None:
    shown = home.run("notifications", command, "--help").stdout

    assert f"Example:\n    external-gate notifications {command} " in shown
