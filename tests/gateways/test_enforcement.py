"""An adapter cannot talk the core into what its gateway does not offer."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from external_gate.domain.charge import (
    Cancel,
    Capabilities,
    Charge,
    Idempotency,
    KeyStores,
    Lookup,
    Payer,
)
from external_gate.domain.identifiers import (
    AttemptKey,
    ContractId,
    CustomerId,
    InvoiceId,
    WorkflowId,
    attempt_key,
)
from external_gate.domain.money import Money
from external_gate.gateways.enforcement import check_capabilities, refusal

WORKFLOW = WorkflowId("wf-1")
CHARGE = Charge(
    attempt_key=attempt_key(WORKFLOW, 1),
    workflow_id=WORKFLOW,
    workflow_type="spend",
    customer_id=CustomerId("c"),
    contract_id=ContractId("k"),
    invoice_id=InvoiceId("i"),
    amount=Money(1500, "USD"),
    payer=Payer("cus", "pm_ok"),
    description="",
)
CAREFUL = Capabilities()
STRONG = Capabilities(
    currencies=frozenset({"USD", "EUR"}),
    idempotency=Idempotency.NATIVE,
    window=timedelta(days=30),
    key_stores=KeyStores.EVERY_ANSWER,
    lookup=Lookup.QUERY,
    cancel=Cancel.BY_KEY,
    refund=True,
)


def test_charge_within_the_declaration_may_be_sent() -> None:
    assert refusal(CAREFUL, CHARGE) is None
    assert refusal(STRONG, CHARGE) is None


def test_undeclared_currency_is_refused_by_name() -> None:
    said = refusal(STRONG, replace(CHARGE, amount=Money(1500, "JPY")))

    assert said == "the gateway does not charge JPY, only EUR, USD"


@pytest.mark.parametrize("minor", [0, -1])
def test_nothing_and_less_is_never_charged(minor: int) -> None:
    said = refusal(STRONG, replace(CHARGE, amount=Money(minor, "USD")))

    assert said is not None
    assert "nothing to charge" in said


def test_key_longer_than_the_gateway_takes_is_refused() -> None:
    said = refusal(replace(STRONG, key_longest=19), CHARGE)

    assert said == "the attempt key has 20 characters, the gateway takes 19"


@pytest.mark.parametrize("key", ["with space", "naïve", "line\nbreak", "a-b", ""])
def test_key_outside_letters_and_digits_is_refused(key: str) -> None:
    assert refusal(STRONG, replace(CHARGE, attempt_key=AttemptKey(key))) is not None


@pytest.mark.parametrize(
    "capabilities",
    [
        CAREFUL,
        STRONG,
        replace(STRONG, lookup=Lookup.REPLAY),
        replace(STRONG, window=timedelta(0)),
        replace(STRONG, failed_is_final_after=timedelta(days=5)),
    ],
    ids=["careful", "strong", "replay", "unpublished window", "late authorisation"],
)
def test_honest_declarations_pass(capabilities: Capabilities) -> None:
    assert check_capabilities(capabilities) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"idempotency": Idempotency.NONE}, ["window", "key_stores", "cancel"]),
        ({"idempotency": Idempotency.NONE, "lookup": Lookup.REPLAY}, ["lookup is replay"]),
        ({"lookup": Lookup.REPLAY, "key_stores": KeyStores.NOTHING}, ["no answer to replay"]),
        ({"lookup": Lookup.REPLAY, "window": timedelta(0)}, ["window is 0"]),
        ({"window": timedelta(seconds=-1)}, ["window is negative"]),
        ({"visibility_lag": timedelta(seconds=-1)}, ["visibility_lag is negative"]),
        ({"failed_is_final_after": timedelta(seconds=-1)}, ["failed_is_final_after is negative"]),
        (
            {"failed_is_final_after": timedelta(hours=3), "lookup": Lookup.NONE},
            ["failed_is_final_after is 3:00:00, but lookup is none"],
        ),
        (
            {"failed_is_final_after": timedelta(hours=3), "lookup": Lookup.REPLAY},
            ["failed_is_final_after is 3:00:00, but lookup is replay"],
        ),
        ({"request_timeout": timedelta(0)}, ["request_timeout is 0"]),
        ({"settles_typically": timedelta(days=2)}, ["settles_typically is longer"]),
        ({"key_longest": 10}, ["key_longest is 10"]),
        ({"currencies": frozenset()}, ["currencies is empty"]),
        ({"currencies": frozenset({"USD", "usd"})}, ["currencies holds usd"]),
    ],
)
def test_contradiction_is_named(change: dict[str, Any], words: list[str]) -> None:
    found = " | ".join(check_capabilities(replace(STRONG, **change)))

    assert found
    for word in words:
        assert word in found


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("idempotency", "none"),
        ("key_stores", "every_answer"),
        ("lookup", "query"),
        ("cancel", "by_key"),
        ("window", 86_400),
        ("refund", 1),
        ("key_longest", True),
        ("currencies", {"USD"}),
    ],
)
def test_wrong_type_is_named_before_it_can_be_misread(field: str, value: object) -> None:
    mistyped: dict[str, Any] = {field: value}

    found = check_capabilities(replace(STRONG, **mistyped))

    assert len(found) == 1
    assert found[0].startswith(f"{field} must be")
