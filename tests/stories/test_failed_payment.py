"""A failed payment from the decline to the next one that is paid; nobody touches the threshold."""

import json
from collections.abc import Iterator

import httpx
import pytest

from external_gate.settings.operator_tokens import sha256_of
from tests.stories.players import Account, Json, Players, until
from tests.stories.test_notices import SECRET, Application
from tests.throwaway_postgres import Cluster

SHOP, AUDITOR = "eg_token-of-the-shop", "eg_token-of-the-auditor"


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> str:
    """Give the table `[store]` of the configuration, for either database."""
    if request.param == "sqlite":
        return ""
    postgres: Cluster = request.getfixturevalue("postgres")
    namespace = request.getfixturevalue("namespace")
    return f'url = "{postgres.url}"\nnamespace = "{namespace}"'


@pytest.fixture
def application(cast: Players) -> Iterator[Application]:
    found = Application()
    cast.write_config(
        more=f'[notices]\nurl = "{found.url}"\nsecret = "{SECRET}"\nallow_private = true\n'
        '[after_failed]\nhard = "payer_change"\n'
        f'[operators.shop]\ntoken_sha256 = "{sha256_of(SHOP)}"\nrole = "operator"\n'
        f'[operators.auditor]\ntoken_sha256 = "{sha256_of(AUDITOR)}"\nrole = "viewer"\n'
    )
    yield found
    found.stop()


def tell(cast: Players, customer_id: str, token: str) -> int:
    """Tell the service, as the host application does, that a payer changed."""
    url = f"{cast.service_url}/api/v1/payers/{customer_id}/changed"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.post(url, headers=headers, trust_env=False).status_code


def shown(cast: Players, workflow: Json) -> Json:
    """Give what `workflows show` tells programs."""
    command = cast.command("workflows", "show", workflow["workflow_id"], "--json")
    found: Json = json.loads(command.stdout)
    return found


def is_on(metronome: Account, workflow: Json) -> bool:
    """Whether the threshold is on, as Metronome's SDK reads it."""
    found = metronome.sdk.v2.contracts.retrieve(
        customer_id=workflow["customer_id"], contract_id=workflow["contract_id"]
    )
    config = found.data.spend_threshold_configuration
    assert config is not None
    return config.is_enabled


@pytest.mark.slow
def test_failed_payment_is_followed_to_the_next_one_that_is_paid(
    cast: Players, metronome: Account, application: Application
) -> None:
    cast.start_service()
    failed = metronome.reach("pm_decline_hard")
    customer_id = failed["customer_id"]
    metronome.ended(failed, "CANCELLED")
    until(lambda: "threshold.disabled" in application.types() or None, cast.log("service"))
    assert not is_on(metronome, failed)

    metronome.sdk.v1.custom_fields.set_values(
        entity="customer",
        entity_id=customer_id,
        custom_fields={"gateway_customer": "cus_1", "gateway_payment_method": "pm_ok"},
    )
    refused = [tell(cast, customer_id, token) for token in ("", "wrong", AUDITOR)]
    assert (refused, tell(cast, "nobody", SHOP)) == ([401, 401, 403], 404)
    assert len(metronome.books()["workflows"]) == 1
    assert tell(cast, customer_id, SHOP) == 202

    follower = until(
        lambda: next(
            (
                w
                for w in metronome.books()["workflows"]
                if w["workflow_id"] != failed["workflow_id"]
            ),
            None,
        ),
        f"Metronome began nothing: {cast.log('service')}",
    )
    metronome.ended(follower, "COMMITTED")
    until(lambda: len(application.heard) == 4 or None, f"{application.types()}")
    assert sorted(application.types()) == [
        "threshold.disabled",
        "threshold.enabled",
        "workflow.cancelled",
        "workflow.released",
    ]
    assert is_on(metronome, failed)
    first, second = shown(cast, failed), shown(cast, follower)
    assert (first["state"], second["state"]) == ("cancelled", "released")
    assert first["aftermath"]["stage"] == "enabled"
    assert [each["workflow_id"] for each in first["chain"]["after"]] == [follower["workflow_id"]]
    assert [each["workflow_id"] for each in second["chain"]["before"]] == [failed["workflow_id"]]
    events = [entry["event"] for entry in first["history"]]
    assert events[-3:] == ["metronome_read_back", "re_enable_intended", "threshold_enabled"]
    told = cast.command("workflows", "show", follower["workflow_id"]).stdout
    assert f"before    {failed['workflow_id']}" in told
