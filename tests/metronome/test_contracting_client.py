"""Contracting on the wire: what is asked, and what is made of odd answers."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from external_gate.domain.errors import BadInput, Broken, Refused, Unavailable
from external_gate.domain.identifiers import ContractId, CustomerId
from external_gate.metronome.contracting import AlreadyMade, Contracting, ThresholdKind
from external_gate.metronome.contracting_client import ContractingClient
from external_gate.metronome.contracting_wire import read_rate_card, read_terms
from external_gate.metronome.exact_json import write_object
from external_gate.outbound.httpx_caller import HttpxCaller
from tests.metronome.conftest import TOKEN, Json, ScriptedServer, reply

CUSTOMER, CONTRACT = CustomerId("cus/1"), ContractId("con")

Ask = Callable[[Contracting], Awaitable[Any]]  # Any: a record of whichever read it is

CONFIG = {
    "is_enabled": True,
    "threshold_amount": 5000,
    "commit": {"product_id": "p"},
    "payment_gate_config": {"payment_gate_type": "EXTERNAL"},
}
TOLD: Json = {
    "id": "con",
    "customer_id": "cus/1",
    "starting_at": "2025-04-01T00:00:00.000Z",
    "spend_threshold_configuration": CONFIG,
}

EVERY: dict[str, Ask] = {
    "terms": lambda client: client.terms(CUSTOMER, CONTRACT),
    "rate_card": lambda client: client.rate_card("card"),
    "edit_ids": lambda client: client.edit_ids(CUSTOMER, CONTRACT),
    "customers": lambda client: client.customers(),
    "contracts_of": lambda client: client.contracts_of(CUSTOMER),
    "purchases": lambda client: client.purchases(CUSTOMER, CONTRACT),
    "create_contract": lambda client: client.create_contract(
        CUSTOMER, contract={}, uniqueness_key="once"
    ),
}
MUST_BE_THERE = EVERY.keys() - {"terms", "rate_card"}


@pytest.fixture
def client(caller: HttpxCaller, server: ScriptedServer) -> ContractingClient:
    return ContractingClient(caller, base_url=server.url, token=TOKEN)


@pytest.mark.parametrize("ask", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (None, Unavailable),
        (reply(503), Unavailable),
        (reply(429), Unavailable),
        (reply(302), Unavailable),
        (reply(401, {"message": f"bad token {TOKEN}"}), Broken),
        (reply(200, b"<html>"), Unavailable),
        (reply(200, {"data": 7}), Unavailable),
        (reply(200, {"data": [{"id": 7}]}), Unavailable),
    ],
)
async def test_odd_answers_are_errors_of_ours(
    client: ContractingClient,
    server: ScriptedServer,
    ask: Ask,
    answer: bytes | None,
    error: type[Exception],
) -> None:
    server.planned = [answer]

    with pytest.raises(error) as caught:
        await ask(client)

    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("name", sorted(MUST_BE_THERE))
async def test_refusals_are_passed_on(
    client: ContractingClient, server: ScriptedServer, name: str
) -> None:
    server.planned = [reply(400, {"message": "not enabled on this account"})]

    with pytest.raises(Refused, match="not enabled on this account"):
        await EVERY[name](client)


async def test_what_does_not_exist(client: ContractingClient, server: ScriptedServer) -> None:
    absent = {"code": "ContractNotFound", "message": "none"}
    server.planned = [reply(400, absent), reply(404, {"message": "none"})]

    assert await client.terms(CUSTOMER, CONTRACT) is None
    assert await client.rate_card("card") is None


async def test_used_keys_are_told_apart_from_refusals(
    client: ContractingClient, server: ScriptedServer
) -> None:
    server.planned = [reply(409, {"message": "used"}), reply(409, {"message": "used"})]

    with pytest.raises(AlreadyMade, match="once"):
        await client.edit_contract(CUSTOMER, CONTRACT, changes={}, uniqueness_key="once")
    with pytest.raises(AlreadyMade):
        await client.create_contract(CUSTOMER, contract={}, uniqueness_key="once")


async def test_pages_are_asked_for_as_metronome_counts_them(
    client: ContractingClient, server: ScriptedServer
) -> None:
    server.planned = [reply(200, {"data": [], "next_page": "b"}), reply(200, {"data": []})] * 2
    server.planned[2:] = [reply(200, {"data": [TOLD], "cursor": "c"}), reply(200, {"data": []})]

    assert (await client.customers("a b")).following == "b"
    await client.purchases(CUSTOMER, CONTRACT, "n")
    page = await client.contracts_of(CUSTOMER, "b")

    assert (page.following, len(page.items)) == ("c", 1)
    assert server.requests[0].target == "/v1/customers?limit=100&next_page=a+b"
    assert server.requests[1].target == (
        "/v1/customers/cus%2F1/invoices"
        "?limit=100&contract_id=con&type=SCHEDULED&sort=date_desc&next_page=n"
    )
    assert server.requests[2].json == {"customer_id": "cus/1", "limit": 20, "cursor": "b"}


async def test_amounts_of_a_new_contract_keep_every_digit(
    client: ContractingClient, server: ScriptedServer
) -> None:
    server.planned = [reply(200, {"data": {"id": "made"}})]

    made = await client.create_contract(
        CUSTOMER, contract={"a": Decimal("0.10"), "customer_id": "other"}, uniqueness_key="k"
    )

    assert made == "made"
    assert server.requests[0].body == b'{"a":0.10,"customer_id":"cus/1","uniqueness_key":"k"}'
    with pytest.raises(BadInput):
        await client.create_contract(CUSTOMER, contract={"a": 0.1}, uniqueness_key="k")


def test_left_out_parts_are_metronomes_defaults() -> None:
    config = read_terms(write_object({"data": TOLD})).thresholds[ThresholdKind.SPEND]

    assert config.payment_fraction == 1
    assert (config.tax_type, config.recharge_to_amount) == ("NONE", None)
    assert config.told == CONFIG


@pytest.mark.parametrize("price", ["Infinity", "1e999999999", "NaN", "ten", True])
def test_price_of_a_custom_unit_must_be_a_number(price: object) -> None:
    unit = {"custom_credit_type": {"id": "u", "name": "U"}, "fiat_per_custom_credit": price}

    with pytest.raises(Unavailable, match="misshapen"):
        read_rate_card(write_object({"data": {"id": "c", "credit_type_conversions": [unit]}}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"is_enabled": "yes"},
        {"threshold_amount": None},
        {"threshold_amount": "5000"},
        {"commit": {}},
        {"payment_gate_config": {}},
        {"custom_credit_type_id": ""},
    ],
)
def test_misshapen_threshold_is_not_believed(wrong: Json) -> None:
    told = {**TOLD, "spend_threshold_configuration": {**CONFIG, **wrong}}

    with pytest.raises(Unavailable, match="misshapen"):
        read_terms(write_object({"data": told}))
