"""`external-gate workflows list` and `show`: what is found, in which order, what programs read."""

import asyncio
import json
from datetime import timedelta

import pytest

from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.ledger import IncidentKind
from external_gate.domain.outcome import Pending
from external_gate.domain.workflow import HeldReason, State
from external_gate.stores.store import Store
from external_gate.stores.store_records import NewNotice
from external_gate.testkit.store_checks.store_samples import begun, caught_up, initiate
from tests.cli.conftest import Home
from tests.databases import only_sqlite
from tests.engine.world import START, World


async def one_of_each(world: World) -> None:
    """Released, held for want of a payer, and held with an incident, one minute apart."""
    await world.receive("paid")
    await world.work()
    world.clock.advance(minutes=1)
    world.payers.exceptions["poor"] = None
    await world.receive("unpayable", customer_id="poor")
    await world.work()
    world.clock.advance(minutes=1)
    await world.receive("twice")
    await world.work()
    await world.receive("twice", total="1600")  # other facts after the charge: an incident


def ids(listed: str) -> list[str]:
    return [row["workflow_id"] for row in json.loads(listed)]


def test_list_shows_the_newest_first_with_everything_to_go_on_with(home: Home) -> None:
    home.live(one_of_each)

    result = home.run("workflows", "list")

    header, *rows = result.stdout.splitlines()
    assert result.exit_code == 0
    assert header.split()[:3] == ["WORKFLOW", "STATE", "HELD"]
    assert [row.split()[0] for row in rows] == ["twice", "unpayable", "paid"]
    assert rows[0].endswith("incident")
    assert rows[1].split()[1:3] == ["held", "no_payer"]
    assert "15.00 USD" in rows[2]
    assert result.stderr == ""


def test_list_held_has_what_is_held_and_what_has_incidents(home: Home) -> None:
    home.live(one_of_each)

    held = home.run("workflows", "list", "--held", "--json")

    rows = json.loads(held.stdout)
    assert [(row["workflow_id"], row["state"], row["has_incidents"]) for row in rows] == [
        ("twice", "released", True),
        ("unpayable", "held", False),
    ]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["--state", "released"], ["twice", "paid"]),
        (["--state", "released", "--state", "held"], ["twice", "unpayable", "paid"]),
        (["--state", "held"], ["unpayable"]),
        (["--reason", "no_payer"], ["unpayable"]),
        (["--reason", "shadow"], []),
        (["--held", "--reason", "no_payer"], ["unpayable"]),
        (["--incidents"], ["twice"]),
        (["--customer", "poor"], ["unpayable"]),
        (["--customer", "poor", "--incidents"], []),
        (["--since", (START + timedelta(seconds=30)).isoformat()], ["twice", "unpayable"]),
        (["--since", "2026-11-22T12:02"], ["twice"]),
        (["--limit", "2"], ["twice", "unpayable"]),
    ],
)
def test_list_narrows(home: Home, filters: list[str], found: list[str]) -> None:
    home.live(one_of_each)

    assert ids(home.run("workflows", "list", *filters, "--json").stdout) == found


def test_list_says_that_there_are_more(home: Home) -> None:
    home.live(one_of_each)

    assert "only the newest 2" in home.run("workflows", "list", "--limit", "2").stderr
    assert home.run("workflows", "list", "--limit", "3").stderr == ""


def test_list_reads_page_after_page(home: Home) -> None:
    async def many(store: Store) -> None:
        told = [
            initiate(WorkflowId(f"w-{n:04}"), at=START + timedelta(seconds=n // 3))
            for n in range(1203)
        ]
        await asyncio.gather(*map(store.record, told))
        assert not await caught_up(store, told)

    home.with_store(many)

    listed = ids(home.run("workflows", "list", "--limit", "1200", "--json").stdout)

    assert listed == [f"w-{n:04}" for n in reversed(range(3, 1203))]


def test_empty_list_is_no_error(home: Home) -> None:
    assert json.loads(home.run("workflows", "list", "--json").stdout) == []
    table = home.run("workflows", "list")
    assert (table.exit_code, table.stdout) == (0, "")
    assert "no such workflow" in table.stderr


@only_sqlite("that nothing was made is seen by a file")
@pytest.mark.parametrize(
    "wrong",
    [
        ["--state", "lost"],
        ["--reason", "bad_weather"],
        ["--since", "yesterday"],
        ["--limit", "0"],
        ["--held", "--state", "ready"],
        ["--held", "--incidents"],
    ],
)
def test_wrong_use_of_list_ends_with_2(home: Home, wrong: list[str]) -> None:
    result = home.run("workflows", "list", *wrong)

    assert result.exit_code == 2
    assert result.stderr
    assert not home.file.exists()


def test_show_as_json_has_the_pinned_names_and_the_whole_story(home: Home) -> None:
    home.live(one_of_each)

    result = home.run("workflows", "show", "paid", "--json")

    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert told["workflow_id"] == "paid"
    assert (told["state"], told["held_reason"], told["outcome"]) == ("released", None, "paid")
    assert told["amount"] == {"minor": 1500, "currency": "USD"}
    assert told["invoice_id"] == "inv-paid"
    assert (told["customer_id"], told["contract_id"]) == ("cust", "contract")
    assert told["received_at"] == "2026-11-22T12:00:00.000Z"
    (attempt,) = told["attempts"]
    assert (attempt["gateway"], attempt["sends"], attempt["charge_id"]) == ("main", 1, "ch_1")
    assert attempt["evidence"][0]["answer"] == "succeeded"
    (release,) = told["releases"]
    assert (release["outcome"], release["key"]) == ("paid", "r-paid-paid-1")
    assert told["incidents"] == []
    moves = [line["to_state"] for line in told["history"] if line["event"] == "moved"]
    assert moves == ["ready", "charging", "paid", "released"]
    assert {line["actor"] for line in told["history"]} == {"intake", "engine"}


def test_show_tells_a_person_what_happened_and_what_to_do(home: Home) -> None:
    home.live(one_of_each)

    shown = home.run("workflows", "show", "unpayable").stdout

    assert "held: no_payer" in shown
    assert "nobody says whom to charge" in shown
    assert "external-gate workflows retry unpayable --reason WHY" in shown
    assert "→ held" in shown


def test_show_tells_of_attempts_releases_and_incidents(home: Home) -> None:
    home.live(one_of_each)

    shown = home.run("workflows", "show", "twice").stdout

    assert "15.00 USD from cus-cust pm_ok: sent once, charge ch_2" in shown
    assert "charge 1: succeeded (charge_id ch_2, amount 1500 minor USD" in shown
    assert "paid  key r-twice-paid-1: sent once" in shown
    assert f"{IncidentKind.CONFLICTING_NOTIFICATION}: notification" in shown
    assert "external-gate workflows " not in shown  # it has ended: nothing is offered


def test_show_of_an_unknown_workflow_ends_with_1_and_names_the_list(home: Home) -> None:
    result = home.run("workflows", "show", "nobody")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "no workflow nobody is known here; see: external-gate workflows list" in result.stderr


def test_words_from_outside_cannot_steer_the_terminal(home: Home) -> None:
    evil = "\x1b]0;owned\x07\u202e\n  state     released"

    home.with_store(lambda store: begun(store, WorkflowId("w-1")))
    home.run("workflows", "hold", "w-1", "--reason", evil)

    for answer in (
        home.run("workflows", "show", "w-1"),
        home.run("workflows", "show", "w-1", "--json"),
        home.run("workflows", "list"),
    ):
        assert "\x1b" not in answer.output
        assert "\u202e" not in answer.output
        assert "\n  state     released" not in answer.output
    assert json.loads(home.run("workflows", "show", "w-1", "--json").stdout)["held_detail"] == evil


def test_colour_is_for_terminals_and_for_those_who_want_it(home: Home) -> None:
    home.live(one_of_each)

    listed = ("workflows", "list")
    assert "\x1b[33m" in home.run(*listed, color=True, NO_COLOR=None).stdout
    assert "\x1b" not in home.run(*listed, color=True, NO_COLOR="1").stdout
    assert "\x1b" not in home.run(*listed, color=False, NO_COLOR=None).stdout


def test_held_workflow_of_every_reason_can_be_listed(home: Home) -> None:
    offered = home.run("workflows", "list", "--help").stdout

    for reason in HeldReason:
        assert reason.value in offered.replace("\n", "").replace(" ", "")
    for state in State:
        assert state.value in offered


async def pending_with_a_notice(world: World) -> None:
    """A charge that waits for the customer, and a gateway that told of it."""
    address = "https://bank.example/act"
    world.gateway.script.append("pending")
    world.gateway.lookups.extend([Pending("ch_1", needs_customer=True, action_url=address)] * 9)
    await world.receive()
    await world.work()
    key = (await world.dossier()).attempts[0].charge.attempt_key
    notice = NewNotice("main", "evt-1", key, None, False, world.clock.now())
    await world.store.record_notices([notice, notice])
    await world.work()


def test_show_tells_where_the_customer_can_pay_and_what_the_gateway_told(home: Home) -> None:
    home.live(pending_with_a_notice)

    shown = home.run("workflows", "show", "wf").stdout
    told = json.loads(home.run("workflows", "show", "wf", "--json").stdout)

    assert "https://bank.example/act" in shown
    assert "main evt-1: look again, 2 times" in shown
    assert "look_asked" in shown
    assert told["action_url"] == "https://bank.example/act"
    [notice] = told["gateway_notices"]
    assert (notice["event_id"], notice["deliveries"], notice["claim"]) == ("evt-1", 2, None)
    assert shown.count("https://bank.example/act") == 1
