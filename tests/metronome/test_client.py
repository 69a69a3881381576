"""The client on the wire, before a server that answers oddly."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from external_gate.domain.errors import BadInput, Broken, Refused, Unavailable
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.workflow import Verdict
from external_gate.metronome.billing import Billing, ReleaseAnswer, ReleaseResult
from external_gate.metronome.client import MetronomeClient
from external_gate.outbound.httpx_caller import HttpxCaller
from tests.metronome.conftest import IN_TIME, TOKEN, ScriptedServer, reply

CUSTOMER, CONTRACT, INVOICE = CustomerId("cus/1"), ContractId("con"), InvoiceId("inv")

Ask = Callable[[MetronomeClient], Awaitable[Any]]  # Any: a record of whichever read it is


async def release(client: Billing) -> ReleaseAnswer:
    return await client.release(
        WorkflowId("wf"), Verdict.FAILED, key="r-wf-failed-0", not_after=IN_TIME
    )


async def invoice(client: MetronomeClient) -> object:
    return await client.invoice(CUSTOMER, INVOICE)


async def customer(client: MetronomeClient) -> object:
    return await client.customer(CUSTOMER)


async def contract(client: MetronomeClient) -> object:
    return await client.contract(CUSTOMER, CONTRACT)


async def edit(client: MetronomeClient) -> None:
    await client.edit_contract(CUSTOMER, CONTRACT, changes={}, uniqueness_key="once")


READS: list[Ask] = [invoice, customer, contract]


async def test_a_release_after_its_deadline_never_leaves(
    client: MetronomeClient, server: ScriptedServer
) -> None:
    late = datetime(2020, 1, 1, tzinfo=UTC)

    answer = await client.release(WorkflowId("wf"), Verdict.PAID, key="r", not_after=late)

    assert answer.result is ReleaseResult.NOT_SENT
    assert server.requests == []


async def test_release_on_the_wire(client: MetronomeClient, server: ScriptedServer) -> None:
    server.planned = [reply(200)]

    answer = await release(client)

    assert answer == ReleaseAnswer(ReleaseResult.DONE)
    [request] = server.requests
    assert request.method == "POST"
    assert request.target == "/v1/contracts/commits/threshold-billing/release"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["idempotency-key"] == "r-wf-failed-0"
    assert request.headers["content-type"] == "application/json"
    assert request.json == {"workflow_id": "wf", "outcome": "failed"}


async def test_reads_on_the_wire(client: MetronomeClient, server: ScriptedServer) -> None:
    server.planned = [reply(404, {"message": "no"})] * 3

    assert [await read(client) for read in READS] == [None, None, None]

    assert [(request.method, request.target) for request in server.requests] == [
        ("GET", "/v1/customers/cus%2F1/invoices/inv"),
        ("GET", "/v1/customers/cus%2F1"),
        ("POST", "/v2/contracts/get"),
    ]
    assert server.requests[2].json == {"customer_id": "cus/1", "contract_id": "con"}


async def test_release_waits_as_long_as_it_is_told(
    client: MetronomeClient, server: ScriptedServer
) -> None:
    server.planned = [reply(429, {"message": "slow down"}, Retry_After="9")]

    answer = await release(client)

    assert answer == ReleaseAnswer(ReleaseResult.BUSY, "HTTP 429 slow down", timedelta(seconds=9))


async def test_release_without_an_answer(client: MetronomeClient, server: ScriptedServer) -> None:
    server.planned = [None]

    assert (await release(client)).result is ReleaseResult.UNANSWERED
    assert len(server.requests) == 1


async def test_release_that_was_never_sent(caller: HttpxCaller, server: ScriptedServer) -> None:
    async with ScriptedServer() as gone:
        url = gone.url

    answer = await release(MetronomeClient(caller, base_url=url, token=TOKEN))

    assert answer.result is ReleaseResult.NOT_SENT


async def test_release_of_an_odd_id_is_sent_all_the_same(
    client: MetronomeClient, server: ScriptedServer
) -> None:
    server.planned = [reply(200)]

    answer = await client.release(
        WorkflowId("wörk 1"), Verdict.PAID, key="r-wörk 1-paid-0", not_after=IN_TIME
    )

    assert answer.result is ReleaseResult.DONE
    assert server.requests[0].headers["idempotency-key"] == "r-w%C3%B6rk%201-paid-0"


@pytest.mark.parametrize("ask", [*READS, edit])
@pytest.mark.parametrize(
    ("planned", "error"),
    [
        (reply(401, {"message": "bad token"}), Broken),
        (reply(403, {"message": f"not for {TOKEN}"}), Broken),
        (reply(408), Unavailable),
        (reply(429, b"later"), Unavailable),
        (reply(500, f"token {TOKEN}".encode()), Unavailable),
        (reply(503), Unavailable),
        (reply(301, Location="http://127.0.0.1:1/"), Unavailable),
        (reply(304), Unavailable),
        (b"not HTTP at all\r\n\r\n", Unavailable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", Unavailable),
        (None, Unavailable),
    ],
)
async def test_every_bad_answer_is_an_error_of_ours_without_the_token(
    client: MetronomeClient,
    server: ScriptedServer,
    ask: Ask,
    planned: bytes | None,
    error: type[Exception],
) -> None:
    server.planned = [planned]

    with pytest.raises(error) as caught:
        await ask(client)

    assert TOKEN not in str(caught.value)
    assert "Metronome" in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize("ask", READS)
@pytest.mark.parametrize(
    "planned",
    [
        reply(200),
        reply(204),
        reply(200, b"<html>"),
        reply(200, {"data": None}),
        reply(200, {"data": []}),
        reply(200, {"data": {"name": "neither id nor total"}}),
        reply(400, {"message": "what?"}),
        reply(404, b"<html>no such page</html>"),
        reply(409),
        reply(422, {"message": "no"}),
    ],
)
async def test_an_answer_that_cannot_be_read_proves_nothing(
    client: MetronomeClient, server: ScriptedServer, ask: Ask, planned: bytes
) -> None:
    server.planned = [planned]

    with pytest.raises(Unavailable):
        await ask(client)


async def test_contract_endpoints_say_absent_with_400(
    client: MetronomeClient, server: ScriptedServer
) -> None:
    server.planned = [
        reply(400, {"code": "ContractNotFound", "message": "no"}),
        reply(400, {"code": "CustomerNotFound", "message": "no"}),
    ]

    assert await contract(client) is None
    assert await contract(client) is None


async def test_another_invoice_than_asked_for_is_given_as_it_is(
    client: MetronomeClient, server: ScriptedServer
) -> None:
    told = {
        "id": "another",
        "customer_id": "somebody else",
        "status": "DRAFT",
        "total": 1.5,
        "credit_type": {"id": "eur", "name": "EUR"},
    }
    server.planned = [reply(200, {"data": told})]

    read = await client.invoice(CUSTOMER, INVOICE)

    assert read is not None
    assert (read.invoice_id, read.customer_id) == ("another", "somebody else")
    assert read.total == Decimal("1.5")


async def test_edit_on_the_wire(client: MetronomeClient, server: ScriptedServer) -> None:
    server.planned = [reply(200, b"whatever")]
    changes = {"update_spend_threshold_configuration": {"is_enabled": True}}

    await client.edit_contract(CUSTOMER, CONTRACT, changes=changes, uniqueness_key="once")

    [request] = server.requests
    assert (request.method, request.target) == ("POST", "/v2/contracts/edit")
    assert request.json == {
        "customer_id": "cus/1",
        "contract_id": "con",
        "uniqueness_key": "once",
        **changes,
    }


@pytest.mark.parametrize("status", [400, 404, 409, 422])
async def test_refused_edit_says_why(
    client: MetronomeClient, server: ScriptedServer, status: int
) -> None:
    server.planned = [reply(status, {"message": "not now"})]

    with pytest.raises(Refused, match="not now") as caught:
        await edit(client)

    assert ("uniqueness_key once" in str(caught.value)) == (status == 409)


async def test_edit_with_a_float_is_never_sent(
    client: MetronomeClient, server: ScriptedServer
) -> None:
    with pytest.raises(BadInput):
        await client.edit_contract(CUSTOMER, CONTRACT, changes={"threshold_amount": 10.5})

    assert server.requests == []


async def test_token_does_not_show(client: MetronomeClient) -> None:
    assert TOKEN not in repr(client)
