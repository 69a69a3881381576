"""The keys of an `http` gateway: what they declare, and which of them are refused."""

from datetime import timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from external_gate.domain.charge import Cancel, Capabilities, Idempotency, KeyStores, Lookup
from external_gate.gateways.http_gateway.http_settings import HttpSettings, capabilities_of
from external_gate.settings.faulty import faults_from
from tests.gateways.conftest import SECRET

URL = "https://shop.example/charges"


def read(**values: object) -> HttpSettings:
    return HttpSettings.model_validate({"url": URL, **values})


def faults(**values: object) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        read(**values)
    return {fault.key: fault.wrong for fault in faults_from(caught.value, under="gateways.main")}


def test_defaults_are_what_the_contract_demands_of_a_host() -> None:
    assert capabilities_of(read()) == Capabilities(
        currencies=None,
        idempotency=Idempotency.NATIVE,
        window=timedelta(days=30),
        key_stores=KeyStores.EVERY_ANSWER,
        lookup=Lookup.QUERY,
        visibility_lag=timedelta(0),
        request_timeout=timedelta(seconds=20),
        cancel=Cancel.BY_KEY,
        refund=True,
        notifies=False,
    )


def test_every_capability_can_be_set_also_from_the_words_of_the_environment() -> None:
    settings = read(
        timeout_seconds="7.5",
        currencies=["USD", "EUR"],
        window_days="0.5",
        key_stores="success_only",
        visibility_lag_seconds=Decimal("1.5"),
        settles_typically_hours=24,
        settles_at_most_hours=72.0,
        failed_is_final_after_hours="72",
        cancel="none",
        refund="false",
        secret=SECRET,
    )

    assert capabilities_of(settings) == Capabilities(
        currencies=frozenset({"USD", "EUR"}),
        idempotency=Idempotency.NATIVE,
        window=timedelta(hours=12),
        key_stores=KeyStores.SUCCESS_ONLY,
        lookup=Lookup.QUERY,
        visibility_lag=timedelta(seconds=1.5),
        request_timeout=timedelta(seconds=7.5),
        settles_typically=timedelta(days=1),
        settles_at_most=timedelta(days=3),
        failed_is_final_after=timedelta(days=3),
        cancel=Cancel.NONE,
        refund=False,
        notifies=True,
    )


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"url": ""}, "url"),
        ({"url": "shop.example"}, "url"),
        ({"url": f"{URL}?x=1"}, "url"),
        ({"url": "https://user:pass@shop.example"}, "url"),
        ({"secret": "not base64!"}, "secret"),
        ({"secret": f" {SECRET}"}, "secret"),
        ({"secret": "whsec_"}, "secret"),
        ({"secret": SECRET, "previous_secrets": ["not base64!"]}, "previous_secrets"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"window_days": -1}, "window_days"),
        ({"window_days": True}, "window_days"),
        ({"window_days": "nan"}, "window_days"),
        ({"window_days": "inf"}, "window_days"),
        ({"visibility_lag_seconds": -0.1}, "visibility_lag_seconds"),
        ({"key_stores": "all"}, "key_stores"),
        ({"cancel": "maybe"}, "cancel"),
        ({"refund": "perhaps"}, "refund"),
        ({"currencies": ["usd"]}, "currencies"),
        ({"secrte": SECRET}, "secrte"),
    ],
)
def test_fault_names_the_key(values: dict[str, object], key: str) -> None:
    assert list(faults(**values)) == [f"gateways.main.{key}"]


def test_no_fault_repeats_a_secret() -> None:
    found = faults(secret="hunter2 hunter2", previous_secrets=["hunter2!"], hunter=["hunter2"])

    assert len(found) == 3
    assert "hunter2" not in str(found)


def test_settings_do_not_show_secrets() -> None:
    assert SECRET not in repr(read(secret=SECRET, previous_secrets=[SECRET]))


def test_previous_secrets_need_a_present_one() -> None:
    found = faults(previous_secrets=[SECRET])

    assert "previous_secrets is given without secret" in found["gateways.main"]


def test_contradiction_is_a_fault_before_anything_starts() -> None:
    found = faults(settles_typically_hours=2, settles_at_most_hours=1)

    assert "settles_typically is longer" in found["gateways.main"]


def test_empty_secrets_count_for_nothing() -> None:
    assert read(secret="", previous_secrets=["", ""]).live_secrets() == ()
