"""`external-gate notices`: what the host was told, and telling it again."""

import json
from collections.abc import Sequence

import pytest

from external_gate.domain.host_notice import DeliveryState, DueNotice, NoticeType
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.workflow import State
from external_gate.stores.store import Store
from external_gate.testkit.store_checks.store_samples import LEASE, NOW, change, later, paid
from tests.cli.conftest import Home

ENDPOINTS = """
[notices.erp]
url = "https://host.example/notices"
secrets = ["whsec_YzRuNHJ5LW5vdGljZXMtb2YtdGhlLXRlc3Q="]
[notices.queue]
sink = "nobody-has-it"
"""


async def tell(store: Store, count: int = 1) -> None:
    """Release workflows, of which two endpoints hear."""
    store.keep_notices(dict.fromkeys(NoticeType, ("erp", "pager")))
    for number in range(1, count + 1):
        dossier = await paid(store, WorkflowId(f"workflow-{number}"))
        await store.save(change(dossier, State.RELEASED))


async def due(store: Store) -> Sequence[DueNotice]:
    return await store.claim_notices("erp", now=later(99), lease=LEASE, limit=9)


@pytest.fixture
def told(home: Home) -> Home:
    """Give a home with one notice; `erp` has taken it, for `pager` it was given up."""

    async def work(store: Store) -> None:
        await tell(store)
        for name, state in (("erp", DeliveryState.DELIVERED), ("pager", DeliveryState.DEAD)):
            (one,) = await store.claim_notices(name, now=NOW, lease=LEASE, limit=9)
            await store.settle_notice(one, state=state, outcome="answered", at=later(1))

    home.with_store(work)
    return home


def test_list_shows_where_each_notice_is(told: Home) -> None:
    header, row = told.run("notices", "list").stdout.splitlines()

    assert header.split() == ["NUMBER", "TYPE", "AGE", "WORKFLOW", "SEQUENCE", "DELIVERIES"]
    assert "workflow.released" in row
    assert "erp: delivered, pager: dead" in row


@pytest.mark.parametrize(
    ("narrowed", "count"),
    [
        (["--state", "dead"], 1),
        (["--state", "dead", "--endpoint", "erp"], 0),
        (["--endpoint", "pager"], 1),
        (["--workflow", "workflow-1"], 1),
        (["--workflow", "workflow-2"], 0),
        (["--before", "1"], 0),
    ],
)
def test_list_is_narrowed(told: Home, narrowed: list[str], count: int) -> None:
    result = told.run("notices", "list", "--json", *narrowed)

    assert len(json.loads(result.stdout)) == count
    assert result.exit_code == 0


def test_list_goes_on_below_a_number(home: Home) -> None:
    home.with_store(lambda store: tell(store, 3))

    first = home.run("notices", "list", "--limit", "2")
    rest = home.run("notices", "list", "--before", "2", "--json")

    assert "add --before 2" in first.stderr
    assert [one["number"] for one in json.loads(rest.stdout)] == [1]


def test_show_gives_the_body_as_it_is_sent(told: Home) -> None:
    shown = told.run("notices", "show", "1")
    view = json.loads(told.run("notices", "show", "1", "--json").stdout)

    assert "pager  dead after 1 try: answered" in shown.stdout
    assert shown.stdout.splitlines()[-1] == view["body"]
    assert json.loads(view["body"])["data"]["workflow_id"] == "workflow-1"
    assert view["deliveries"][0]["ended_at"] == "2026-11-22T12:00:01.000Z"
    assert view["deliveries"][0]["due_at"] is None


def test_unknown_number_is_a_no_with_the_cure(home: Home) -> None:
    for act in ("show", "resend"):
        result = home.run("notices", act, "7")
        assert result.exit_code == 1
        assert "external-gate notices list" in result.stderr


def test_delivered_notice_is_sent_again_to_the_one_named(told: Home) -> None:
    result = told.run("notices", "resend", "1", "--endpoint", "erp")

    assert (result.exit_code, result.stdout) == (0, "1 delivery will be tried again\n")
    view = json.loads(told.run("notices", "show", "1", "--json").stdout)
    assert [way["state"] for way in view["deliveries"]] == ["waiting", "dead"]


def test_notice_is_sent_again_to_all(told: Home) -> None:
    assert told.run("notices", "resend", "1").stdout == "2 deliveries will be tried again\n"


def test_misspelled_endpoint_is_wrong_use(told: Home) -> None:
    result = told.run("notices", "resend", "1", "--endpoint", "epr")

    assert result.exit_code == 2
    assert "erp, pager" in result.stderr


def test_all_that_was_given_up_is_sent_again(told: Home) -> None:
    assert told.run("notices", "resend", "--dead", "--endpoint", "erp").stdout.startswith("0 ")
    assert told.run("notices", "resend", "--dead").stdout.startswith("1 delivery")
    assert told.run("notices", "resend", "--dead").stdout.startswith("0 ")
    for wrong in (["--dead", "1"], []):
        assert told.run("notices", "resend", *wrong).exit_code == 2


def test_sinks_are_listed_with_who_uses_them(home: Home) -> None:
    assert home.run("notices", "sinks").exit_code == 0
    home.configure(more=ENDPOINTS)

    result, view = home.run("notices", "sinks"), home.run("notices", "sinks", "--json")

    assert (result.exit_code, view.exit_code) == (1, 1)
    assert result.stdout.startswith("webhook  external-gate ")
    assert "used by erp" in result.stdout
    assert 'the notice sink "nobody-has-it" is not installed' in result.stderr
    (webhook,) = json.loads(view.stdout)["sinks"]
    assert (webhook["loads"], webhook["used_by"]) == (True, ["erp"])
    assert [one["name"] for one in json.loads(view.stdout)["endpoints"]] == ["erp", "queue"]


def test_endpoint_that_cannot_be_used_stops_the_service_but_not_the_listing(home: Home) -> None:
    home.configure(more=ENDPOINTS)

    assert home.run("notices", "list").exit_code == 0
    refused = home.run("workflows", "retry", "x", "--reason", "y")
    assert refused.exit_code == 2
    assert "nobody-has-it" in refused.stderr
