"""Who pays, as the host application says it, over real sockets."""

import base64
import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from external_gate.domain.charge import Payer
from external_gate.domain.errors import Broken, Unavailable
from external_gate.domain.identifiers import CustomerId
from external_gate.outbound.calls import (
    Answered,
    Call,
    CallEnd,
    NeverSent,
    SentUnanswered,
    Timeouts,
)
from external_gate.outbound.httpx_caller import HttpxCaller
from external_gate.outbound.standard_webhooks import verify
from external_gate.payers.http_payers import HttpPayers, parse
from external_gate.payers.payer_source import PayerQuestion, PayerSurroundings
from external_gate.payers.source_registry import build_payer_source
from external_gate.settings.model import PayersSettings
from tests.metronome.conftest import NOW, Json, ScriptedServer, StandingClock, reply

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
TIMEOUT = timedelta(seconds=1)
PAYER: Json = {"customer": "cus_1", "payment_method": "pm_1", "gateway": "second"}


def payers(caller: HttpxCaller, url: str, secret: str = "") -> HttpPayers:
    return HttpPayers(caller, StandingClock(), url=f"{url}/payers", secret=secret, timeout=TIMEOUT)


async def test_question_on_the_wire(
    caller: HttpxCaller, server: ScriptedServer, question: PayerQuestion
) -> None:
    server.planned = [reply(200, PAYER)]

    found = await payers(caller, server.url).find(question)

    assert found == Payer("cus_1", "pm_1", "second")
    [request] = server.requests
    assert (request.method, request.target) == ("POST", "/payers")
    assert request.headers["content-type"] == "application/json"
    assert "webhook-signature" not in request.headers
    assert request.json == {
        "customer_id": "cus",
        "contract_id": "con",
        "workflow_id": "wf",
        "custom_fields": {"gateway_customer": "cus_1", "plan": "gold"},
    }


async def test_signed_questions_differ_in_their_id_and_verify(
    caller: HttpxCaller, server: ScriptedServer, question: PayerQuestion
) -> None:
    server.planned = [reply(200, PAYER)] * 2
    asking = payers(caller, server.url, SECRET)

    await asking.find(question)
    await asking.find(question)

    first, second = server.requests
    assert first.headers["webhook-id"] != second.headers["webhook-id"]
    for request in server.requests:
        verify([SECRET], request.headers, request.body, now=NOW, tolerance=timedelta(0))
        # The scheme's own library agrees; it has no clock to hand in, so it signs once more.
        signed = Webhook(SECRET).sign(request.headers["webhook-id"], NOW, request.body.decode())
        assert request.headers["webhook-signature"] == signed


@pytest.mark.parametrize(
    ("told", "payer"),
    [
        ({"customer": "cus_1"}, Payer("cus_1", "")),
        ({"customer": " cus_1 ", "payment_method": None, "gateway": None}, Payer("cus_1", "")),
        ({"customer": "cus_1", "payment_method": "", "gateway": ""}, Payer("cus_1", "")),
    ],
)
async def test_payment_method_and_gateway_are_optional(
    caller: HttpxCaller,
    server: ScriptedServer,
    question: PayerQuestion,
    told: Json,
    payer: Payer,
) -> None:
    server.planned = [reply(200, told)]

    assert await payers(caller, server.url).find(question) == payer


async def test_host_says_that_nobody_pays(
    caller: HttpxCaller, server: ScriptedServer, question: PayerQuestion
) -> None:
    asking = payers(caller, server.url)
    server.planned = [
        reply(404, {"status": "no_payer"}),
        reply(404, {"status": "no_payer", "message": "left us"}),
    ]

    assert await asking.find(question) is None
    assert await asking.find(question) is None


@pytest.mark.parametrize(
    ("planned", "error"),
    [
        (reply(404), Unavailable),
        (reply(404, b"<html>"), Unavailable),
        (reply(404, {"status": "not_found"}), Unavailable),
        (reply(404, {"detail": "no_payer"}), Unavailable),
        (reply(404, b'"no_payer"'), Unavailable),
        (reply(401), Broken),
        (reply(403, {"status": "no_payer"}), Broken),
        (reply(200), Unavailable),
        (reply(200, b"[]"), Unavailable),
        (reply(200, b'{"customer":"a","customer":"b"}'), Unavailable),
        (reply(200, {"status": "no_payer"}), Unavailable),
        (reply(200, {"customer": ""}), Unavailable),
        (reply(200, {"customer": 5}), Unavailable),
        (reply(200, {"customer": None}), Unavailable),
        (reply(200, {"customer": "a\nb"}), Unavailable),
        (reply(200, {"customer": "\ud800"}), Unavailable),
        (reply(200, {"customer": "x" * 256}), Unavailable),
        (reply(200, {"customer": "cus_1", "payment_methd": "pm_1"}), Unavailable),
        (reply(201, PAYER), Unavailable),
        (reply(204), Unavailable),
        (reply(302, PAYER, Location="http://127.0.0.1:1/"), Unavailable),
        (reply(400, PAYER), Unavailable),
        (reply(429), Unavailable),
        (reply(500, PAYER), Unavailable),
        (b"garbage\r\n\r\n", Unavailable),
        (None, Unavailable),
    ],
)
async def test_everything_else_is_no_answer(
    caller: HttpxCaller,
    server: ScriptedServer,
    question: PayerQuestion,
    planned: bytes | None,
    error: type[Exception],
) -> None:
    server.planned = [planned]

    with pytest.raises(error, match=r"payers\.url") as caught:
        await payers(caller, server.url, SECRET).find(question)

    assert SECRET.removeprefix("whsec_") not in str(caught.value)
    assert len(server.requests) == 1


async def test_host_that_is_down(caller: HttpxCaller, question: PayerQuestion) -> None:
    async with ScriptedServer() as gone:
        url = gone.url

    with pytest.raises(Unavailable):
        await payers(caller, url).find(question)


async def test_host_is_waited_for_only_as_long_as_set(question: PayerQuestion) -> None:
    class Remembering:
        """A caller that keeps the call."""

        async def call(self, call: Call) -> CallEnd:
            self.limit = call.timeout
            return SentUnanswered("silence")

    caller = Remembering()

    with pytest.raises(Unavailable, match="silence"):
        await HttpPayers(
            caller, StandingClock(), url="http://127.0.0.1:1", secret="", timeout=TIMEOUT
        ).find(question)

    assert caller.limit == Timeouts.within(TIMEOUT)


@given(st.integers(100, 599), st.binary())
def test_no_answer_crashes_the_parser(status: int, body: bytes) -> None:
    with contextlib.suppress(Unavailable, Broken):
        assert parse(Answered(status, {}, body)) is None


@pytest.mark.parametrize("deep", [b"[" * 100_000, b'{"customer":' * 100_000])
def test_deep_answers_are_refused(deep: bytes) -> None:
    with pytest.raises(Unavailable):
        parse(Answered(200, {}, deep))


def test_calls_without_an_answer() -> None:
    for end in (NeverSent("refused"), SentUnanswered("reset")):
        with pytest.raises(Unavailable, match=end.cause):
            parse(end)


async def test_secret_that_cannot_sign_is_found_at_once(caller: HttpxCaller) -> None:
    with pytest.raises(Broken):
        payers(caller, "http://127.0.0.1:1", secret="not base64!")


async def test_settings_build_this_source(
    caller: HttpxCaller, server: ScriptedServer, question: PayerQuestion
) -> None:
    async def nobody(customer_id: CustomerId) -> Payer | None:
        raise AssertionError("the host is asked, not the table")

    server.planned = [reply(200, PAYER)]
    settings = PayersSettings.model_validate(
        {"source": "http", "url": server.url, "secret": SECRET, "timeout_seconds": 1.5}
    )

    source = build_payer_source(settings, PayerSurroundings(caller, StandingClock(), nobody))

    assert await source.find(question) == Payer("cus_1", "pm_1", "second")
    assert "webhook-signature" in server.requests[0].headers
