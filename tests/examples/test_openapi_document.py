"""docs/http-gateway.openapi.json says what the `http` adapter does: word for word, both ways."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from external_gate.domain.charge import Charge, Payer
from external_gate.domain.identifiers import (
    ContractId,
    CustomerId,
    InvoiceId,
    WorkflowId,
    attempt_key,
)
from external_gate.domain.money import Money
from external_gate.domain.outcome import Answer, UndoUnknown, Unknown
from external_gate.gateways.gateway import Surroundings
from external_gate.gateways.http_gateway import HttpGateway, HttpSettings, http_answers
from external_gate.outbound.calls import Answered, Call
from external_gate.outbound.standard_webhooks import verify
from tests.examples.structure import Json, faults, resolve
from tests.gateways.conftest import HandClock, ScriptedCaller, request_of, sent_of
from tests.tallies import count

DOCUMENT: Json = json.loads(
    (Path(__file__).parents[2] / "docs" / "http-gateway.openapi.json").read_text()
)
PATHS = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if "charges" in operation["tags"]
}
ORDER: Json = PATHS["charge"][2]["requestBody"]["content"]["application/json"]["examples"]["order"][
    "value"
]
KEY = ORDER["attempt_key"]
VECTORS: list[Json] = DOCUMENT["components"]["x-signature-vectors"]
SECRET = VECTORS[0]["secret"]
STATUSES = (*range(200, 209), 300, 301, 302, 304, 307, *range(400, 430), 451, *range(500, 512), 599)


def charge() -> Charge:
    return Charge(
        attempt_key=attempt_key(WorkflowId(ORDER["workflow_id"]), 1),
        workflow_id=WorkflowId(ORDER["workflow_id"]),
        workflow_type=ORDER["workflow_type"],
        customer_id=CustomerId(ORDER["customer_id"]),
        contract_id=ContractId(ORDER["contract_id"]),
        invoice_id=InvoiceId(ORDER["invoice_id"]),
        amount=Money(**ORDER["amount"]),
        payer=Payer(**ORDER["payer"]),
        description=ORDER["description"],
        metadata=ORDER["metadata"],
    )


async def ask(
    operation: str, status: int = 200, body: bytes = b"{}", *, secret: str = ""
) -> tuple[Call, Answer]:
    """Let the adapter make the call of an operation, and answer it so."""
    caller = ScriptedCaller(Answered(status, {}, body))
    settings = HttpSettings.model_validate(
        {"url": "https://host.example/charges", "secret": secret}
    )
    gateway = HttpGateway(settings, Surroundings("main", caller, HandClock()))
    answer: Answer
    match operation:
        case "charge":
            answer = await gateway.charge(request_of(gateway, charge()))
        case "lookup":
            answer = await gateway.lookup(sent_of(charge()))
        case "cancel":
            answer = await gateway.cancel(sent_of(charge()))
        case _:
            answer = await gateway.refund(sent_of(charge()))
    return caller.calls[0], answer


def encoded(value: object) -> bytes:
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


def examples() -> Iterator[tuple[str, str, Json, Json]]:
    """Give operation, status, media type object and example of everything that may be answered."""
    for name, (_, _, operation) in PATHS.items():
        for status, response in operation["responses"].items():
            for media in response["content"].values():
                for example in media["examples"].values():
                    yield name, status, media, resolve(DOCUMENT, example)


def looks_like(answer: Answer, stated: Json) -> Iterator[str]:
    """Name in what an outcome differs from the one that an example states."""
    if type(answer).__name__ != stated["is"]:
        yield f"{answer} is no {stated['is']}"
        return
    for name, wanted in stated.items():
        found: object
        match name:
            case "is":
                continue
            case "next_poll_seconds":
                found = answer.next_poll.total_seconds()  # type: ignore[union-attr] # of Pending
            case "amount":
                found = vars_of(answer.amount)  # type: ignore[union-attr] # of Succeeded
            case _:
                found = getattr(answer, name)
        if found != wanted:
            yield f"{name} is {found!r}, stated is {wanted!r}"


def vars_of(money: Money) -> Json:
    return {"minor": money.minor, "currency": money.currency}


async def test_every_example_means_what_it_states() -> None:
    for operation, status, _, example in examples():
        number = example.get("x-status") or int(status)
        _, answer = await ask(operation, number, encoded(example["value"]))

        assert not list(looks_like(answer, example["x-outcome"])), example["summary"]
        count("answers of the http contract's document driven through the adapter")


def test_every_example_keeps_its_schema_or_says_that_it_does_not() -> None:
    for _, _, media, example in examples():
        broken = list(faults(DOCUMENT, media["schema"], example["value"]))
        assert bool(broken) == example.get("x-breaks-the-schema", False), (example, broken)


async def test_everything_that_the_document_does_not_list_is_unknown() -> None:
    values = [example["value"] for example in DOCUMENT["components"]["examples"].values()]
    for name, (_, _, operation) in PATHS.items():
        for status in STATUSES:
            listed = operation["responses"].get(str(status))
            for value in values:
                _, answer = await ask(name, status, encoded(value))
                if isinstance(answer, Unknown | UndoUnknown):
                    continue
                assert listed is not None, (name, status, value)
                schema = listed["content"]["application/json"]["schema"]
                assert not list(faults(DOCUMENT, schema, value)), (name, status, value)


def test_every_outcome_is_shown_by_an_example() -> None:
    shown = {(operation, example["x-outcome"]["is"]) for operation, _, _, example in examples()}

    of_a_charge = {"Succeeded", "Declined", "Pending", "Unknown"}
    of_an_undo = {"Undone", "UndoPending", "TooLate", "UndoUnknown"}
    assert shown == (
        {("charge", name) for name in of_a_charge | {"Misconfigured"}}
        | {("lookup", name) for name in of_a_charge | {"NotFound"}}
        | {(undo, name) for undo in ("cancel", "refund") for name in of_an_undo}
    )


@pytest.mark.parametrize("secret", ["", SECRET], ids=["unsigned", "signed"])
@pytest.mark.parametrize("name", PATHS)
async def test_requests_are_those_of_the_document(name: str, secret: str) -> None:
    method, path, operation = PATHS[name]

    call, _ = await ask(name, secret=secret)

    assert call.method == method
    assert call.url == f"https://host.example{path}".replace("{attempt_key}", KEY)
    parameters = [resolve(DOCUMENT, one) for one in operation["parameters"]]
    headers = {one["name"].lower(): one for one in parameters if one["in"] == "header"}
    sent = dict(call.headers)
    assert sent.pop("content-type", None) == ("application/json" if call.body else None)
    wanted = {header for header, one in headers.items() if one["required"] or secret}
    assert sent.keys() == wanted
    for header, text in sent.items():
        assert not list(faults(DOCUMENT, headers[header]["schema"], text)), header
    assert bool(call.body) == ("requestBody" in operation)


async def test_order_is_the_documents_example_field_by_field() -> None:
    call, _ = await ask("charge")

    schema = PATHS["charge"][2]["requestBody"]["content"]["application/json"]["schema"]
    sent = json.loads(call.body)
    assert sent == ORDER
    assert not list(faults(DOCUMENT, schema, sent))
    # What is sent is documented, and the other way round.
    order = DOCUMENT["components"]["schemas"]["Order"]
    assert sent.keys() == order["properties"].keys() == set(order["required"])
    assert sent["payer"].keys() == order["properties"]["payer"]["properties"].keys()


def test_charge_that_lacks_what_may_be_empty_keeps_the_schema() -> None:
    settings = HttpSettings.model_validate({"url": "https://host.example/charges"})
    gateway = HttpGateway(settings, Surroundings("main", ScriptedCaller(), HandClock()))
    bare = replace(charge(), payer=Payer("c", ""), workflow_type="", description="", metadata={})

    sent = json.loads(gateway.build(bare))

    assert not list(faults(DOCUMENT, DOCUMENT["components"]["schemas"]["Order"], sent))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["headers"]["webhook-id"])
def test_signature_vectors_are_right(vector: Json) -> None:
    headers, body = vector["headers"], vector["body"]
    seconds = int(headers["webhook-timestamp"])
    now = datetime.fromtimestamp(seconds, UTC)

    official = Webhook(vector["secret"]).sign(headers["webhook-id"], now, body)

    assert headers["webhook-signature"] == official
    tolerance = now - now
    assert verify([SECRET], headers, body.encode(), now=now, tolerance=tolerance)


def test_notification_of_the_document_is_believed() -> None:
    look_again = DOCUMENT["webhooks"]["lookAgain"]["post"]
    content = look_again["requestBody"]["content"]["application/json"]
    value = content["examples"]["look_again"]["value"]
    [vector] = [one for one in VECTORS if one["body"] and json.loads(one["body"]) == value]
    settings = HttpSettings.model_validate({"url": "https://host.example/", "secret": SECRET})
    gateway = HttpGateway(settings, Surroundings("main", ScriptedCaller(), HandClock()))

    [notice] = gateway.parse_notification(vector["headers"], vector["body"].encode(), "")

    assert not list(faults(DOCUMENT, content["schema"], value))
    assert (notice.attempt_key, notice.event_id) == (KEY, vector["headers"]["webhook-id"])


def test_limits_are_the_adapters() -> None:
    schemas = DOCUMENT["components"]["schemas"]

    assert schemas["ChargeId"]["maxLength"] == http_answers.LONGEST_ID
    decline = schemas["Declined"]["properties"]["decline"]["properties"]
    assert decline["code"]["maxLength"] == http_answers.LONGEST_CODE
    assert decline["message"]["maxLength"] == http_answers.LONGEST_MESSAGE
    pending = schemas["Pending"]["properties"]
    assert pending["action_url"]["maxLength"] == http_answers.LONGEST_ADDRESS
    poll = pending["next_poll_seconds"]
    assert poll["minimum"] == http_answers.SOONEST_POLL_SECONDS
    assert poll["maximum"] == http_answers.LATEST_POLL_SECONDS


def test_document_hangs_together() -> None:
    text = json.dumps(DOCUMENT)
    for kind, named in DOCUMENT["components"].items():
        for name in named if isinstance(named, dict) else []:
            used = f'"#/components/{kind}/{name}"' in text or kind == "securitySchemes"
            assert used, f"{kind}/{name} is used by nobody"
    assert DOCUMENT["openapi"].startswith("3.1.")
    for reference in [part.split('"')[0] for part in text.split('"$ref": "')[1:]]:
        assert resolve(DOCUMENT, {"$ref": reference})
