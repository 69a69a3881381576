"""`thresholds` and `workflows missing` as people type them, against a pretend Metronome."""

import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import Result

from external_gate.domain.host_notice import NoticeFilter
from external_gate.domain.identifiers import CustomerId
from external_gate.emulator import EmulatorSettings, make_server
from external_gate.stores.store import Store
from external_gate.testkit.store_checks.report_checks import reached, report
from external_gate.testkit.store_checks.store_samples import (
    LEASE,
    W1,
    W2,
    W3,
    begun,
    failed,
    initiate,
    later,
)
from tests.cli.conftest import Home, receiving
from tests.databases import Database

# JSON as it came from the wire; its shape is what the tests are about.
Json = dict[str, Any]

SPEND = ("--kind", "spend", "--amount", "50.00", "--currency", "USD", "--product", "p1")
NOTICES = """
[notices]
url = "https://app.example/notices"
secret = "whsec_bm90aWNlcy1vZi10aGUtcGFnZS0xMjM0NTY3ODkwMTI="
"""
PREPAID = ("--amount", "20", "--recharge-to", "100", "--currency", "USD", "--product", "p1")


@dataclass
class Shop:
    """A home whose Metronome is an emulator, with one customer and one contract."""

    home: Home
    http: httpx.Client
    customer: str
    contract: str

    def post(self, path: str, **fields: object) -> Json:
        answer = self.http.post(path, json=fields)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json() if answer.content else {}
        return found

    @property
    def whose(self) -> tuple[str, ...]:
        return ("--customer", self.customer, "--contract", self.contract)

    def command(self, act: str, *more: str) -> list[str]:
        """Give a command for a process of its own."""
        begins = [sys.executable, "-m", "external_gate", "thresholds", act]
        return [*begins, *self.whose, *more, "--config", str(self.home.config)]

    def run(self, act: str, *more: str) -> Result:
        return self.home.run("thresholds", act, *self.whose, *more)

    def config(self) -> Json:
        books = self.http.get("/_emulator/books").json()
        found: Json = next(each for each in books["contracts"] if each["id"] == self.contract)
        return found

    def workflows(self) -> list[Json]:
        found: list[Json] = self.http.get("/_emulator/books").json()["workflows"]
        return found


@pytest.fixture
def shop(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.chdir(tmp_path)
    server = make_server(EmulatorSettings(port=0))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.005)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    home = Home(tmp_path, database, metronome_url=url)
    home.configure()
    bearer = {"Authorization": "Bearer owner"}
    with httpx.Client(base_url=url, headers=bearer, verify=False) as owner:  # noqa: S501 - no TLS
        found = Shop(home, owner, "", "")
        found.customer = found.post("/v1/customers", name="Ada")["data"]["id"]
        found.contract = found.post(
            "/v1/contracts/create",
            customer_id=found.customer,
            rate_card_id="usd-1",
            starting_at=datetime(2025, 4, 1, tzinfo=UTC).isoformat(),
        )["data"]["id"]
        yield found
    server.should_exit = True
    thread.join()


def test_dry_run_shows_the_exact_change_and_sends_nothing(shop: Shop) -> None:
    result = shop.run("set", *SPEND, "--dry-run")

    assert result.exit_code == 0
    assert "threshold    50.00 USD" in result.stdout
    assert '"threshold_amount":5000' in result.stdout
    assert "evaluates a changed threshold at once" in result.stdout
    assert "spend_threshold_configuration" not in shop.config()


def test_without_a_terminal_only_yes_changes_anything(shop: Shop) -> None:
    result = shop.run("set", *SPEND)

    assert result.exit_code == 2
    assert "--dry-run" in result.stderr
    assert "spend_threshold_configuration" not in shop.config()


def test_set_proves_the_change_and_repeated_changes_nothing(shop: Shop) -> None:
    first = shop.run("set", *SPEND, "--yes")
    again = shop.run("set", *SPEND, "--yes")

    assert (first.exit_code, again.exit_code) == (0, 0)
    assert "spend threshold is on at 50.00 USD, gate EXTERNAL (read back)" in first.stdout
    assert "(nothing had to be changed)" in again.stdout
    assert shop.config()["spend_threshold_configuration"]["threshold_amount"] == 5000


def test_json_tells_plan_and_result(shop: Shop) -> None:
    told = json.loads(shop.run("set", *SPEND, "--yes", "--json").stdout)
    shown = json.loads(shop.run("show", "--json").stdout)

    assert json.loads(told["plan"]["sent"])["add_spend_threshold_configuration"]["is_enabled"]
    assert told["result"]["threshold"] == shown["thresholds"][0]
    assert shown["thresholds"][0]["threshold_amount"] == {
        "amount": "50.00", "unit": "USD", "metronome": "5000",
    }  # fmt: skip
    assert told["followed_by"] is None


def test_ignored_enable_ends_with_1_and_the_cure(shop: Shop) -> None:
    shop.run("set", *SPEND, "--off", "--yes")
    shop.post("/_emulator/faults", on="edit", kind="ignored")

    result = shop.run("enable", "--yes", "--patience", "0.2")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "enabled is off, not on" in result.stderr
    assert "change it there" in result.stderr


def test_disable_and_enable(shop: Shop) -> None:
    shop.run("set", *SPEND, "--yes")

    assert "is off at 50.00 USD" in shop.run("disable", "--yes").stdout
    assert shop.config()["spend_threshold_configuration"]["is_enabled"] is False
    assert "is on at 50.00 USD" in shop.run("enable", "--yes").stdout


def _told(shop: Shop) -> list[str]:
    """Give the types of what the host application is told, oldest first."""

    async def read(store: Store) -> list[str]:
        return [kept.type for kept in reversed(await store.host_notices(NoticeFilter()))]

    return shop.home.with_store(read)


def test_switching_by_command_is_told_to_the_host(shop: Shop) -> None:
    shop.home.configure(more=NOTICES)
    shop.run("set", *SPEND, "--yes")
    shop.run("disable", "--yes")
    shop.run("disable", "--yes")

    assert _told(shop) == ["threshold.enabled", "threshold.disabled"]


def test_enable_after_a_failed_payment_is_shown_with_it(shop: Shop) -> None:
    shop.home.configure(more=NOTICES)
    shop.run("set", *SPEND, "--off", "--yes")
    whose: Json = {"customer_id": shop.customer, "contract_id": shop.contract}
    shop.home.with_store(lambda store: failed(store, W1, **whose))

    result = shop.run("enable", "--yes", "--as", "grace")

    assert result.exit_code == 0
    told = json.loads(shop.home.run("workflows", "show", W1, "--json").stdout)
    assert told["aftermath"]["stage"] == "enabled"
    assert (told["history"][-1]["event"], told["history"][-1]["who"]) == (
        "threshold_enabled",
        "grace",
    )
    assert _told(shop)[-1] == "threshold.enabled"
    assert "by command of grace" in shop.home.run("workflows", "show", W1).stdout


def test_show_tells_the_chain_of_failed_payments(shop: Shop) -> None:
    whose: Json = {"customer_id": shop.customer, "contract_id": shop.contract}

    async def lived(store: Store) -> None:
        await failed(store, W1, **whose)
        await failed(store, W2, at=later(60), **whose)
        await begun(store, W3, at=later(120), **whose)

    shop.home.with_store(lived)

    told = json.loads(shop.home.run("workflows", "show", W2, "--json").stdout)
    assert [each["workflow_id"] for each in told["chain"]["before"]] == [W1]
    assert [each["workflow_id"] for each in told["chain"]["after"]] == [W3]
    assert told["chain"]["before"][0]["aftermath"]["stage"] == "confirming"
    lines = shop.home.run("workflows", "show", W2).stdout.splitlines()
    chain = lines[lines.index("chain") + 1 :][:3]
    assert [line.split()[:1] for line in chain] == [["before"], ["this"], ["after"]]


@pytest.mark.parametrize(("typed", "code"), [("n\n", 1), ("y\n", 0)])
def test_person_at_a_terminal_is_asked(shop: Shop, typed: str, code: int) -> None:
    ours, theirs = pty.openpty()
    try:
        os.write(ours, typed.encode())
        ended = subprocess.run(
            shop.command("set", *SPEND), stdin=theirs, capture_output=True, timeout=30, check=False
        )
    finally:
        os.close(ours)
        os.close(theirs)

    assert ended.returncode == code, ended.stderr
    assert ("spend_threshold_configuration" in shop.config()) is (code == 0)


@pytest.mark.slow
def test_process_killed_before_its_answer_and_repeated_changes_nothing_twice(shop: Shop) -> None:
    shop.post("/_emulator/faults", on="edit", kind="slow", seconds=30)
    with subprocess.Popen(
        shop.command("set", *PREPAID, "--yes"), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while not shop.workflows():  # the edit has arrived; its answer is held back
            assert process.poll() is None
        process.kill()

    again = shop.run("set", *PREPAID, "--yes")

    assert again.exit_code == 0
    assert "(nothing had to be changed)" in again.stdout
    edits = shop.post(
        "/v2/contracts/getEditHistory", customer_id=shop.customer, contract_id=shop.contract
    )
    assert len(edits["data"]) == 1
    assert len(shop.workflows()) == 1


@pytest.mark.parametrize(
    ("wanted", "exit_code", "reason"),
    [
        ((*SPEND, "--amount", "4.99"), 1, "minimum of 5.00 USD"),
        ((*SPEND, "--currency", "EUR"), 2, "its units are: USD"),
        ((*SPEND, "--amount", "1,000"), 2, "write it like 50.00"),
        ((*SPEND, "--amount", "NaN"), 2, "write it like 50.00"),
        ((*SPEND, "--tax", "1", "--no-tax"), 2, "exclude each other"),
        ((*SPEND, "--rate-card", "x"), 2, "go with --new"),
        (("--amount", "50"), 2, "has no threshold"),
        (("--gate", "stripe", *SPEND), 2, "INVOICE or PAYMENT_INTENT"),
    ],
)
def test_wrong_wish_says_why_before_anything_is_sent(
    shop: Shop, wanted: tuple[str, ...], exit_code: int, reason: str
) -> None:
    result = shop.run("set", *wanted, "--yes")

    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert reason in result.stderr
    assert "spend_threshold_configuration" not in shop.config()


def test_unknown_contract_is_a_no_and_a_silent_metronome_is_unreachable(shop: Shop) -> None:
    unknown = shop.home.run("thresholds", "show", "--customer", shop.customer, "--contract", "x")
    shop.home.metronome_url = "http://127.0.0.1:9"
    shop.home.configure()

    assert unknown.exit_code == 1
    assert "knows no contract x" in unknown.stderr
    assert shop.run("show").exit_code == 3


def test_new_contract_is_made_once(shop: Shop) -> None:
    new = ("thresholds", "set", "--customer", shop.customer, "--new", "--rate-card", "eur-1")
    wanted = (*new, *PREPAID, "--currency", "EUR", "--yes")

    first, again = shop.home.run(*wanted), shop.home.run(*wanted)

    assert "prepaid threshold is on at 20.00 EUR, recharging to 100.00 EUR" in first.stdout
    assert "(nothing had to be changed)" in again.stdout
    assert len(shop.http.get("/_emulator/books").json()["contracts"]) == 2
    assert [each["invoice_total"] for each in shop.workflows()] == [100]


def test_wait_tells_the_workflow_that_follows(shop: Shop) -> None:
    with receiving(shop.home) as port:
        shop.post(
            "/_emulator/webhook",
            url=f"http://127.0.0.1:{port}/webhooks/metronome",
            secret="c4n4ry-secret",
        )
        result = shop.run("set", *PREPAID, "--yes", "--wait", "--wait-for", "3s", "--json")

    (workflow,) = shop.workflows()
    assert result.exit_code == 0
    assert json.loads(result.stdout)["followed_by"]["workflow_id"] == workflow["workflow_id"]
    # Without a worker it is not charged, and the command says where it stands.
    assert f"workflow {workflow['workflow_id']} is received" in result.stderr


def test_wait_for_what_does_not_come_is_a_no(shop: Shop) -> None:
    result = shop.run("set", *SPEND, "--yes", "--wait", "--wait-for", "0.1")

    assert result.exit_code == 1
    assert "the threshold is not reached" in result.stderr
    assert "workflows missing" in result.stderr


def test_wait_does_not_wait_where_nothing_follows(shop: Shop) -> None:
    shop.run("set", *SPEND, "--yes")

    for act, why in (("enable", "nothing was changed"), ("disable", "the threshold is off")):
        result = shop.run(act, "--yes", "--wait")
        assert result.exit_code == 0
        assert f"nothing follows: {why}" in result.stderr


def test_list_shows_amounts_and_switches(shop: Shop) -> None:
    shop.run("set", *SPEND, "--off", "--yes")

    table = shop.home.run("thresholds", "list")
    rows = json.loads(shop.home.run("thresholds", "list", "--json").stdout)
    shop.run("set", "--gate", "none", "--yes")

    assert table.exit_code == 0
    assert f"{shop.contract}  spend  EXTERNAL  50.00 USD  -            off" in table.stdout
    assert "1 customers, 1 contracts, 1 thresholds" in table.stderr
    assert [(row["contract_id"], row["is_enabled"]) for row in rows] == [(shop.contract, False)]
    assert "no such threshold" in shop.home.run("thresholds", "list").stderr
    assert " NONE " in shop.home.run("thresholds", "list", "--all").stdout


def test_missing_names_since_when_and_the_way_out(shop: Shop) -> None:
    shop.run("set", *PREPAID, "--yes")
    (workflow,) = shop.workflows()

    young = shop.home.run("workflows", "missing")
    found = shop.home.run("workflows", "missing", "--older-than", "0.001")
    rows = json.loads(
        shop.home.run("workflows", "missing", "--older-than", "0.001", "--json").stdout
    )

    assert (young.exit_code, found.exit_code) == (0, 1)
    assert f"{workflow['invoice_id']}  since 20" in found.stdout
    assert "100.00 USD  waiting" in found.stdout
    whose = " ".join(shop.whose)
    assert f"external-gate thresholds disable {whose} --yes" in found.stderr
    assert f"external-gate thresholds enable {whose} --yes --wait" in found.stderr
    assert [(row["invoice_id"], row["fate"]) for row in rows] == [
        (workflow["invoice_id"], "waiting")
    ]


def test_missing_says_what_may_be_in_the_inbox(shop: Shop) -> None:
    async def rush(store: Store) -> None:
        store.rush_at = 1  # type: ignore[attr-defined]  # of ours, on both databases
        await store.record(initiate())

    assert "acknowledged" not in shop.home.run("workflows", "missing").stderr
    shop.home.with_store(rush)

    said = " ".join(shop.home.run("workflows", "missing").stderr.split())
    assert "deliveries acknowledged and not recorded yet: 1" in said
    assert "ask again before you do anything" in said


def test_void_purchase_that_nobody_heard_of_points_at_the_switch(shop: Shop) -> None:
    shop.run("set", *PREPAID, "--yes")
    (workflow,) = shop.workflows()
    shop.post(f"/_emulator/workflows/{workflow['workflow_id']}/expire")

    found = shop.home.run("workflows", "missing", "--older-than", "0.001")

    assert found.exit_code == 1
    assert " void " in found.stdout
    assert "it is over and void" in found.stderr


def test_threshold_without_its_webhook_is_missing_too(shop: Shop) -> None:
    at = datetime.now(UTC)

    async def work(store: Store) -> None:
        told = replace(
            reached(shop.contract),
            customer_id=CustomerId(shop.customer),
        )
        await report(store, told, at=at)
        (lost,) = await store.unanswered_thresholds(received_before=at, lease=LEASE, limit=9)
        await store.settle_thresholds([lost.notification], lost_at=at)

    shop.home.with_store(work)

    found = shop.home.run("workflows", "missing")
    (row,) = json.loads(shop.home.run("workflows", "missing", "--json").stdout)
    others = shop.home.run("workflows", "missing", "--since", "1h", "--customer", shop.customer)

    assert (found.exit_code, others.exit_code) == (1, 1)
    assert shop.contract in found.stdout
    assert "its webhook was lost" in " ".join(found.stderr.split())
    assert (row["fate"], row["contract_id"], row["notification"]) == (
        "unanswered",
        shop.contract,
        1,
    )
