"""A host that runs by its own clock: what is waited for, what is refused, what is said of it."""

import ssl
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from external_gate.domain.errors import Broken, Unavailable
from external_gate.outbound.calls import Answered, NeverSent
from external_gate.testkit import FakeServer, Rig, Situation, certify, shipped_scenarios
from external_gate.testkit.fake_server import WireAnswer, WireRequest, json_answer, send
from external_gate.testkit.fault_proxy import FaultProxy
from external_gate.testkit.http_host import PATH, SETTLES_AFTER, HttpHost
from external_gate.testkit.http_rig import SECRET
from external_gate.testkit.outside_rig import DEFAULT_PAYERS, OutsideRig, preflight
from external_gate.testkit.outside_watch import LOOKS, OpenCharges
from external_gate.testkit.proxy_faults import ProxyFault
from external_gate.testkit.rig import MovesTime

PENDING_SECONDS = 0.15
AS_THE_KITS_HOST = {situation: situation.value for situation in DEFAULT_PAYERS}
PENDING = [one for one in shipped_scenarios() if one.id in {"pending-success", "pending-decline"}]


class OutsideHost:
    """A host whose clock nobody outside can move: a pending charge is final after a moment."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.host = HttpHost(SECRET)
        self.server = FakeServer(self.respond, tls=tls)
        self.books: WireAnswer | None = None
        self.first_seen: dict[str, float] = {}

    async def respond(self, request: WireRequest) -> WireAnswer:
        if request.path == "/books":
            return self.books or json_answer(200, [self.shown(one) for one in self.host.takings])
        for key, charge in self.host.record.items():
            since = self.first_seen.setdefault(key, time.monotonic())
            if time.monotonic() - since >= PENDING_SECONDS:
                charge.began -= SETTLES_AFTER
        self.host.settle()
        return await self.host.respond(request)

    def shown(self, one: Any) -> dict[str, Any]:
        money = {"minor": one.amount.minor, "currency": one.amount.currency}
        said = {"attempt_key": one.attempt_key, "charge_id": one.charge_id}
        return {**said, **money, "refunds": one.refunds}


@pytest.fixture
async def outside() -> AsyncIterator[tuple[OutsideHost, str]]:
    host = OutsideHost()
    address = await host.server.start()
    yield host, address
    await host.server.stop()


def rig_at(address: str, **options: Any) -> OutsideRig:
    given = {"secret": SECRET, "payment_methods": AS_THE_KITS_HOST, "books_url": f"{address}/books"}
    return OutsideRig(f"{address}{PATH}", **{**given, **options})


async def test_pending_charges_are_waited_for_in_real_time(
    outside: tuple[OutsideHost, str],
) -> None:
    _, address = outside

    patient = await certify(
        lambda: rig_at(address, settle_seconds=1.0), scenarios=PENDING, seeds=range(6)
    )
    hasty = await certify(lambda: rig_at(address, settle_seconds=0.0), scenarios=PENDING, seeds=())

    assert not patient.findings, patient.findings
    assert set(patient.ends()) <= {"released", "cancelled"}
    assert [finding.check.id for finding in hasty.findings] == ["pending-is-pending"]


def test_only_open_charges_are_waited_for_and_only_for_so_long() -> None:
    charges = OpenCharges(0.2)
    assert charges.next_wait_seconds() == 0

    charges.heard(Answered(200, {}, b'{"attempt_key": "a", "status": "pending"}'))
    assert 0 < charges.next_wait_seconds() <= 0.2 / LOOKS
    charges.heard(Answered(200, {}, b'{"attempt_key": "a", "status": "succeeded"}'))
    assert charges.next_wait_seconds() == 0

    charges.heard(Answered(200, {}, b'{"attempt_key": "b", "status": "pending"}'))
    time.sleep(0.21)  # it is real time that runs out
    charges.heard(Answered(200, {}, b'{"attempt_key": "b", "status": "pending"}'))
    assert charges.next_wait_seconds() == 0


@pytest.mark.parametrize(
    "end",
    [
        NeverSent("refused"),
        Answered(500, {}, b'{"attempt_key": "a", "status": "pending"}'),
        Answered(200, {}, b"<html>"),
        Answered(200, {}, b"[" * 100_000),
        Answered(200, {}, b'[{"attempt_key": "a", "status": "pending"}]'),
        Answered(200, {}, b'{"attempt_key": 7, "status": "pending"}'),
    ],
)
def test_what_is_no_answer_of_the_host_opens_nothing(end: Any) -> None:
    charges = OpenCharges(1.0)

    charges.heard(end)

    assert charges.next_wait_seconds() == 0


async def test_declared_visibility_lag_takes_real_time() -> None:
    rig = OutsideRig("http://127.0.0.1:9/charges", visibility_lag_seconds=0.1)

    began = time.monotonic()
    await rig.advance(timedelta(0))
    at_once = time.monotonic() - began
    await rig.advance(timedelta(seconds=0.1))

    assert at_once < 0.09
    assert time.monotonic() - began >= 0.1


def test_rig_keeps_the_contract_and_plays_what_the_example_hosts_can() -> None:
    rig = OutsideRig("http://127.0.0.1:9/charges")

    assert isinstance(rig, Rig)
    assert isinstance(rig, MovesTime)
    assert rig.payers[Situation.PENDING_THEN_DECLINED].payment_method == "pm_pending_then_declined"
    assert rig.payers[Situation.NEEDS_CUSTOMER].payment_method == "pm_action"
    assert rig.payers[Situation.REJECTS_US].payment_method == "pm_misconfigured"
    assert Situation.ANSWER_LOST not in rig.payers  # a host tells honestly that it does not know


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host.example/charges",
        "host.example",
        "http://",
        "http://h:99999/charges",
        "http://[::1/charges",
    ],
)
def test_address_that_cannot_be_certified_is_refused_with_the_cure(url: str) -> None:
    with pytest.raises(Broken, match=r"no http or https address|no address that can be used"):
        OutsideRig(url)


@pytest.fixture
async def outside_with_tls(
    server_tls: ssl.SSLContext,
) -> AsyncIterator[tuple[OutsideHost, str]]:
    host = OutsideHost(server_tls)
    address = await host.server.start()
    yield host, address
    await host.server.stop()


async def test_host_with_tls_is_certified_through_faults(
    outside_with_tls: tuple[OutsideHost, str], certificate: Path
) -> None:
    _, address = outside_with_tls
    wanted = ("success", "silence", "server-error", "doubled", "spoilt", "huge", "older", "refund")
    scenarios = [one for one in shipped_scenarios() if one.id.startswith(wanted)]

    report = await certify(
        lambda: rig_at(address, ca=certificate, settle_seconds=1.0),
        scenarios=scenarios,
        seeds=range(3),
    )

    assert address.startswith("https://")
    assert not report.findings, report.findings
    assert report.passed
    assert report.money_was_counted
    assert len([one for one in report.scenarios if one.not_exercised is None]) > 20


async def test_fault_before_a_host_with_tls_is_traced_with_its_effect(
    outside_with_tls: tuple[OutsideHost, str], certificate: Path, server_tls: ssl.SSLContext
) -> None:
    _, address = outside_with_tls
    trusting = ssl.create_default_context(cafile=certificate)
    proxy = FaultProxy(f"{address}/books", tls=trusting)
    url = urlsplit(await proxy.start())
    await proxy.script([ProxyFault.DROP_AFTER_EFFECT])

    request = WireRequest("GET", "/books", {})
    with pytest.raises(ConnectionError):
        await send("127.0.0.1", url.port or 0, request)
    passed = await send("127.0.0.1", url.port or 0, request)
    await proxy.stop()

    assert (passed.status, passed.body) == (200, b"[]")
    assert [call.effect_status for call in proxy.trace] == [200, 200]


@pytest.mark.parametrize("known", [False, True])
async def test_certificate_that_is_not_trusted_is_one_sentence_with_the_cure(
    outside_with_tls: tuple[OutsideHost, str], certificate: Path, known: bool
) -> None:
    _, address = outside_with_tls
    far = address.replace("127.0.0.1", "localhost")  # not the name in the certificate
    rig = rig_at(far if known else address, ca=certificate if known else None)

    with pytest.raises(Broken, match=r"not trusted \(.*--ca FILE"):
        await preflight(rig)


async def test_https_to_a_host_without_tls_is_named(outside: tuple[OutsideHost, str]) -> None:
    _, address = outside

    with pytest.raises(Broken, match="try http://"):
        await rig_at(address.replace("http:", "https:")).start()


def test_authorities_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")

    with pytest.raises(Broken, match="give a PEM file"):
        OutsideRig("https://127.0.0.1:9/charges", ca=tmp_path / "ca.pem")


async def test_preflight_lets_a_good_host_pass_and_charges_nobody(
    outside: tuple[OutsideHost, str],
) -> None:
    host, address = outside

    await preflight(rig_at(address))

    assert not host.host.record


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"secret": ""}, "compare the address and the secret"),
        ({"secret": "whsec_YW5vdGhlci1zZWNyZXQtMTIzNDU2Nzg5MDEyMzQ1Njc="}, "never_seen"),
        ({"books_url": "{}/nothing"}, "answered 401"),
    ],
)
async def test_preflight_says_in_one_sentence_what_is_wrong(
    outside: tuple[OutsideHost, str], options: dict[str, str], sentence: str
) -> None:
    _, address = outside

    with pytest.raises(Broken, match=sentence):
        await preflight(
            rig_at(address, **{key: text.format(address) for key, text in options.items()})
        )


@pytest.mark.parametrize(
    "said",
    [b"<html>", b"{}", b'["a"]', b'[{"attempt_key": "a"}]', b"7",
     b'[{"attempt_key": "a", "charge_id": "b", "minor": 1.5, "currency": "USD"}]',
     b'[{"attempt_key": "a", "charge_id": "b", "minor": 1, "currency": "Dollar"}]'],
)  # fmt: skip
async def test_unreadable_books_are_named_with_what_they_must_be(
    outside: tuple[OutsideHost, str], said: bytes
) -> None:
    host, address = outside
    host.books = WireAnswer(200, said)

    with pytest.raises(Broken, match="must be a JSON list"):
        await rig_at(address).takings()


async def test_host_that_is_gone_is_unavailable_and_no_finding() -> None:
    gone = OutsideRig("http://127.0.0.1:9/charges", books_url="http://127.0.0.1:9/books")

    with pytest.raises(Unavailable, match=r"nobody listens at 127\.0\.0\.1:9"):
        await gone.start()
    with pytest.raises(Unavailable, match="still running"):
        await gone.takings()
    with pytest.raises(Unavailable):
        await certify(lambda: gone, scenarios=PENDING, seeds=())
