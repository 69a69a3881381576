"""`external-gate gateways certify` as people call it: hosts good, naive, silent, far away."""

import asyncio
import gc
import json
import os
import pty
import queue
import ssl
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from external_gate.cli.main import cli
from external_gate.cli.safety_belt import is_near, make_sure_of_test_system
from external_gate.domain.errors import BadInput, Unavailable
from external_gate.testkit import FakeServer
from external_gate.testkit.fake_server import WireAnswer, WireRequest, json_answer
from external_gate.testkit.http_host import PATH, HttpHost
from external_gate.testkit.http_rig import SECRET
from external_gate.testkit.rig import Taking

QUICK = ("--seeds", "2", "--only", "success", "--only", "repeat-*", "--only", "silence[drop*")
PAYERS = ("--payer", "succeeds=succeeds", "--payer", "declined_soft=declined_soft")


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(cli, ["gateways", "certify", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result
    assert SECRET not in result.output
    return result


class Shop:
    """The kit's good host, with a page for its books."""

    def __init__(self, secret: str = SECRET) -> None:
        self.host = HttpHost(secret)
        self.ended = asyncio.Event()

    async def respond(self, request: WireRequest) -> WireAnswer:
        if request.path == "/_books":
            return json_answer(200, [self.shown(one) for one in self.host.takings])
        return await self.host.respond(request)

    def shown(self, one: Taking) -> dict[str, Any]:
        money = {"minor": one.amount.minor, "currency": one.amount.currency}
        return {"attempt_key": one.attempt_key, "charge_id": one.charge_id, **money}


class ForgetfulShop(Shop):
    """Naive: forgets every key at once, so that a repeat is a second charge."""

    async def respond(self, request: WireRequest) -> WireAnswer:
        answer = await super().respond(request)
        self.host.record.clear()
        return answer


class ShortLivedShop(Shop):
    """Goes away after its first charges."""

    async def respond(self, request: WireRequest) -> WireAnswer:
        if len(self.host.takings) == 2:
            self.ended.set()
        return await super().respond(request)


@contextmanager
def hosting(shop: Shop, *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Run a host in a thread of its own, until it ends or nobody needs it; gives its address."""
    started: queue.Queue[tuple[str, asyncio.AbstractEventLoop]] = queue.Queue()

    async def serve() -> None:
        server = FakeServer(shop.respond, tls=tls)
        started.put((await server.start(), asyncio.get_running_loop()))
        await shop.ended.wait()
        await server.stop()
        await asyncio.to_thread(left.wait)

    left = threading.Event()
    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    address, loop = started.get(timeout=10)
    try:
        yield address
    finally:
        loop.call_soon_threadsafe(shop.ended.set)
        left.set()
        thread.join()
        with warnings.catch_warnings():
            # A host that ends in mid-call leaves its connections to the collector.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


def at(address: str, *more: str) -> Sequence[str]:
    return ["--url", f"{address}{PATH}", "--secret", SECRET, *PAYERS, *more]


# Adapters by name -------------------------------------------------------------------------------


def test_adapter_is_certified_by_its_name_and_the_report_written(tmp_path: Path) -> None:
    report = tmp_path / "report.md"

    result = run("sandbox", "--seeds", "2", "--report", str(report))

    assert result.exit_code == 0, result.output
    assert "SandboxGateway: certified: " in result.stdout
    assert "2 whole lives: " in result.stdout
    assert " scenarios, then 2 whole lives\n" in result.stderr
    written = report.read_text("utf-8")
    assert written.startswith("# Certification of `external_gate.gateways.sandbox.")
    assert "**certified: " in written


def test_report_as_json_is_all_that_stands_on_standard_output(tmp_path: Path) -> None:
    report = tmp_path / "report.json"

    result = run("http", *QUICK, "--json", "--report", str(report))

    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["passed"] is True
    assert said["seeds"] == 2
    assert said["subject"].endswith("HttpGateway, only success repeat-* silence[drop*")
    assert said == json.loads(report.read_text("utf-8"))


def test_own_scenarios_come_along(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        '[[scenario]]\nid = "mine"\ntitle = "t"\npromise = "P2"\nsteps = [{ do = "charge" }]\n'
    )

    result = run("http", "--scenarios", str(tmp_path), "--only", "mine", "--seeds", "0", "--json")

    assert result.exit_code == 0, result.output
    assert [one["id"] for one in json.loads(result.stdout)["scenarios"]] == ["mine"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "give the NAME of an adapter, or the --url"),
        (["http", "--url", "http://127.0.0.1:9/charges"], "give the NAME of an adapter, or"),
        (["nope"], "no rig is installed for the adapter 'nope'"),
        (["http", "--secret", "whsec_x"], "only --url takes options of a host"),
        (["http", "--yes-this-is-a-test-system"], "only --url takes options of a host"),
        (["http", "--only", "nothing-fits"], "no scenario fits nothing-fits"),
        (["http", "--report", "report.pdf"], "the ending must be one of .md, .json, .txt"),
        (["http", "--report", "no-such-folder/report.md"], "is not there"),
        (["http", "--scenarios", "no-such-folder"], "does not exist"),
        (["--url", "ftp://127.0.0.1/charges"], "is no http or https address"),
        (["--url", "https://127.0.0.1/charges", "--ca", "no-such-file"], "does not exist"),
        (["--url", "127.0.0.1:8099/charges"], "is no address"),
        (["--url", "http://[::1/charges"], "is no address"),
        (["--url", "http://127.0.0.1:9/", "--payer", "pm_ok"], "write SITUATION=METHOD"),
        (["--url", "http://127.0.0.1:9/", "--payer", "declined_soft=x"], "succeeds=METHOD is need"),
        (["--url", "http://127.0.0.1:9/", "--payer", "succeeds=x"], "declined_hard is needed"),
        (["--url", "http://127.0.0.1:9/", "--setting", "secret=x"], "with a key of"),
        (["--url", "http://127.0.0.1:9/", "--setting", "refund"], "write KEY=VALUE"),
        (["--url", "http://127.0.0.1:9/", "--secret", "a", "--secret-file", __file__], "not both"),
    ],
)
def test_wrong_use_ends_with_2_and_charges_nobody(arguments: list[str], sentence: str) -> None:
    result = run(*arguments)

    assert result.exit_code == 2, result.output
    assert sentence in " ".join(result.stderr.split())
    assert result.stdout == ""


# Hosts ------------------------------------------------------------------------------------------


def test_good_host_with_tls_is_certified_with_its_authority(
    certificate: Path, server_tls: ssl.SSLContext
) -> None:
    with hosting(Shop(), tls=server_tls) as address:
        books = f"{address}/_books"
        unknown = run(*at(address, *QUICK, "--books-url", books))
        result = run(*at(address, *QUICK, "--books-url", books, "--ca", str(certificate)))

    assert unknown.exit_code == 2, unknown.output
    assert "--ca FILE" in unknown.stderr
    assert result.exit_code == 0, result.output
    assert f"the host at {address}" in result.stdout
    assert address.startswith("https://")


def test_good_host_is_certified(tmp_path: Path) -> None:
    secret = tmp_path / "host.secret"
    secret.write_text(f"{SECRET}\n")
    with hosting(Shop()) as address:
        url = ("--url", f"{address}{PATH}", "--secret-file", str(secret), *PAYERS)
        result = run(*url, "--books-url", f"{address}/_books", *QUICK)

    assert result.exit_code == 0, result.output
    assert f"the host at {address}{PATH}, only success" in result.stdout
    assert "certified: " in result.stdout


def test_naive_host_is_found_out_with_cure_and_trace() -> None:
    with hosting(ForgetfulShop()) as address:
        result = run(*at(address, "--books-url", f"{address}/_books", *QUICK))

    assert result.exit_code == 1, result.output
    assert "not certified: " in result.stdout
    assert "the books show 3  [declared-idempotency]" in result.stdout
    assert "cure: " in result.stdout
    assert "POST /charges  key=" in result.stdout
    assert "repeat-after-success: " in result.stderr


def test_without_books_there_is_no_certificate() -> None:
    with hosting(Shop()) as address:
        result = run(*at(address, *QUICK))

    assert result.exit_code == 1
    assert "This is no certificate." in result.stdout


def test_declared_settings_reach_the_adapter() -> None:
    with hosting(Shop()) as address:
        options = ("--books-url", f"{address}/_books", "--seeds", "0", "--json")
        only = ("--only", "refund", "--only", "decimals[JPY]", "--only", "success")
        settings = ("--setting", "refund=false", "--setting", 'currencies=["USD"]')
        result = run(*at(address, *options, *only, *settings, "--setting", "cancel=by_charge"))

    reasons = {one["id"]: one["reason"] for one in json.loads(result.stdout)["scenarios"]}
    assert result.exit_code == 0
    assert reasons == {
        "success": None,
        "refund": "no refund is declared",
        "decimals[JPY]": "JPY is not declared",
    }


def test_settings_that_the_adapter_refuses_are_wrong_use() -> None:
    with hosting(Shop()) as address:
        result = run(*at(address, *QUICK, "--setting", "window_days=soon"))

    assert result.exit_code == 2
    assert "the adapter does not take the settings" in result.stderr


def test_wrong_secret_is_one_sentence_and_not_a_hundred_findings() -> None:
    with hosting(Shop("whsec_YW5vdGhlci1zZWNyZXQtMTIzNDU2Nzg5MDEyMzQ1Njc=")) as address:
        result = run(*at(address))

    assert result.exit_code == 2
    assert "compare the address and the secret with those of the host" in result.stderr
    assert result.stdout == ""


def test_host_that_nobody_started_is_unreachable() -> None:
    result = run("--url", "http://127.0.0.1:9/charges")

    assert result.exit_code == 3
    assert "nobody listens at 127.0.0.1:9; start the host" in result.stderr


def test_host_that_goes_away_is_unreachable_and_no_finding() -> None:
    with hosting(ShortLivedShop()) as address:
        result = run(*at(address, *QUICK))

    assert result.exit_code == 3
    assert "nobody listens at " in result.stderr
    assert result.stdout == ""


# The safety belt --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("127.0.0.1", True), ("localhost", True), ("[::1]", True), ("10.1.2.3", True),
        ("172.31.0.1", True), ("192.168.1.1", True), ("[fd00::1]", True), ("[fe80::1]", True),
        ("[::ffff:127.0.0.1]", True), ("8.8.8.8", False), ("172.32.0.1", False),
        ("203.0.113.1", False), ("[2001:4860:4860::8888]", False), ("[::ffff:8.8.8.8]", False),
        ("127.0.0.1@8.8.8.8", False),
    ],
)  # fmt: skip
def test_near_is_this_machine_and_private_networks(host: str, near: bool) -> None:
    assert is_near(f"http://{host}:8099/charges") is near


def test_names_that_cannot_be_judged_are_not_near() -> None:
    with pytest.raises(Unavailable, match="is unknown here"):
        is_near(f"http://{'x' * 70}.example/charges")  # longer than any name, so nobody is asked
    with pytest.raises(BadInput, match="is no address"):
        is_near("http:///charges")


def test_far_host_needs_somebodys_word() -> None:
    result = run("--url", "http://203.0.113.1/charges")

    assert result.exit_code == 2
    assert "give --yes-this-is-a-test-system if it is one" in " ".join(result.stderr.split())
    make_sure_of_test_system("http://203.0.113.1/charges", is_sure=True)  # the word was given


def test_far_host_is_asked_about_on_a_terminal_and_no_is_no() -> None:
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "external_gate", "gateways", "certify"]
    with subprocess.Popen(
        [*command, "--url", "http://203.0.113.1/charges"],
        stdin=follower,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        os.write(leader, b"n\n")
        said, talk = running.communicate(timeout=30)
    os.close(leader)
    os.close(follower)

    assert running.returncode == 2
    assert "Is it a test system, without money? [y/N]" in talk
    assert "nothing was charged" in talk
    assert said == ""
