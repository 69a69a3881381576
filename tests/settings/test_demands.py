"""What must be given, and what keys demand of each other."""

from collections.abc import Callable
from pathlib import Path

import pytest

from external_gate.domain.aftermath import Way
from external_gate.domain.host_notice import NoticeType
from external_gate.domain.money import Unit
from external_gate.settings import Loaded, SettingsFaulty, load

Load = Callable[..., Loaded]
Faults = Callable[..., dict[str, str]]
DIGEST = "ab" * 32


def test_an_empty_configuration_lacks_token_secret_and_gateway(tmp_path: Path) -> None:
    empty = tmp_path / "empty.toml"
    empty.write_text("")

    with pytest.raises(SettingsFaulty) as faulty:
        load(empty, {})

    keys = [fault.key for fault in faulty.value.faults]
    assert keys == ["metronome.api_token", "metronome.webhook_secrets", "gateways"]


@pytest.mark.parametrize("secrets", ["[]", '[""]', '["", ""]'])
def test_a_webhook_without_a_real_secret_is_a_fault(faults_with: Faults, secrets: str) -> None:
    faults = faults_with(EXTERNAL_GATE_METRONOME__WEBHOOK_SECRETS=secrets)

    assert set(faults) == {"metronome.webhook_secrets"}


def test_unverified_amounts_need_a_unit(faults_with: Faults, load_with: Load) -> None:
    off = {"EXTERNAL_GATE_METRONOME__VERIFY_INVOICE": "false"}

    assert set(faults_with(**off)) == {"metronome.unverified_unit"}
    loaded = load_with(**off, EXTERNAL_GATE_METRONOME__UNVERIFIED_UNIT="cents")
    assert loaded.settings.metronome.unverified_unit is Unit.CENTS


def test_switching_on_by_schedule_needs_one(faults_with: Faults, load_with: Load) -> None:
    wanted = "[after_failed]\nsoft = 'schedule'\n"

    assert set(faults_with(wanted)) == {"after_failed.schedule"}
    loaded = load_with(wanted + "schedule = ['1d']\n")
    assert loaded.settings.after_failed.soft is Way.SCHEDULE


def test_what_is_acted_on_must_be_kept(faults_with: Faults) -> None:
    assert set(faults_with(EXTERNAL_GATE_METRONOME__KEEP_LIMIT_HOURS="75")) == {
        "metronome.act_limit_hours"
    }


@pytest.mark.parametrize(
    ("lease", "drain", "times"), [("20", "30", 1), ("60", "20", 1), ("7.5", "5", 2)]
)
def test_a_gateway_may_not_outlive_lease_or_drain(
    sound: Path, lease: str, drain: str, times: int
) -> None:
    environ = {
        "EXTERNAL_GATE_WORKER__LEASE_SECONDS": lease,
        "EXTERNAL_GATE_WORKER__DRAIN_SECONDS": drain,
    }

    with pytest.raises(SettingsFaulty) as faulty:
        load(sound, environ)

    assert [fault.key for fault in faulty.value.faults] == ["gateways.main.timeout_seconds"] * times


def test_a_gateway_just_below_lease_and_drain_is_fine(load_with: Load) -> None:
    assert (
        load_with("timeout_seconds = 19.9\n[worker]\nlease_seconds = 20\ndrain_seconds = 20\n")
        .settings.gateways["main"]
        .timeout_seconds
        == 19.9
    )


def test_a_gateway_needs_an_adapter(faults_with: Faults) -> None:
    assert set(faults_with("[gateways.other]\nurl = 'http://h'\n")) == {"gateways.other.adapter"}


@pytest.mark.parametrize("key", ["ROUTING__DEFAULT", "GUARDS__PAUSED_GATEWAYS"])
def test_named_gateways_must_be_there(faults_with: Faults, key: str) -> None:
    text = "mian" if key == "ROUTING__DEFAULT" else '["main", "mian"]'

    (fault,) = faults_with(**{f"EXTERNAL_GATE_{key}": text}).values()

    assert "did you mean main?" in fault


def test_proxies_need_a_transport_that_knows_them(faults_with: Faults, load_with: Load) -> None:
    proxies = {"EXTERNAL_GATE_OUTBOUND__TRUST_ENV": "true"}

    assert set(faults_with(**proxies, EXTERNAL_GATE_OUTBOUND__TRANSPORT="direct")) == {
        "outbound.transport"
    }
    assert load_with(**proxies).settings.outbound.transport == "auto"


def test_payers_over_http_need_an_address(faults_with: Faults, load_with: Load) -> None:
    over_http = {"EXTERNAL_GATE_PAYERS__SOURCE": "http"}

    assert set(faults_with(**over_http)) == {"payers.url"}
    loaded = load_with(**over_http, EXTERNAL_GATE_PAYERS__URL="http://127.0.0.1:1/payers")
    assert loaded.settings.payers.source == "http"


def test_notices_are_never_unsigned(faults_with: Faults, load_with: Load) -> None:
    to = {"EXTERNAL_GATE_NOTICES__URL": "https://host.example/notices"}

    assert set(faults_with(**to)) == {"notices.secret"}
    loaded = load_with(**to, EXTERNAL_GATE_NOTICES__SECRET="s")
    assert loaded.settings.notices.secret.get_secret_value() == "s"
    (default,) = loaded.settings.notices.every_endpoint().items()
    assert default[0] == "default"
    assert [secret.get_secret_value() for secret in default[1].secrets] == ["s"]


SOUND_ENDPOINT = "[notices.erp]\nurl = 'https://host.example'\nsecrets = ['s']\n"


def test_named_endpoint_is_set_by_file_and_environment(load_with: Load) -> None:
    loaded = load_with(
        f"{SOUND_ENDPOINT}events = ['workflow.held']\n",
        EXTERNAL_GATE_NOTICES__ERP__ALLOW_PRIVATE="true",
    )

    (erp,) = loaded.settings.notices.every_endpoint().values()
    assert erp.events == (NoticeType.HELD,)
    assert erp.allow_private
    assert loaded.sources["notices.erp.timeout_seconds"] == "default"
    assert loaded.sources["notices.erp.allow_private"].startswith("environment ")


@pytest.mark.parametrize(
    ("more", "keys"),
    [
        ("[notices.erp]\nevents = []\n", {"notices.erp.url", "notices.erp.secrets"}),
        ("[notices.erp]\nsink = 'queue'\n", set()),
        (f"{SOUND_ENDPOINT}events = ['workflow.sold']\n", {"notices.erp.events"}),
        (f"{SOUND_ENDPOINT}timeout_seconds = 30\n", {"notices.erp.timeout_seconds"}),
        (f"{SOUND_ENDPOINT}uri = 'x'\n", {"notices.erp.uri"}),
        (f"[notices]\nurl = 'https://h'\nsecret = 's'\n{SOUND_ENDPOINT}", set()),
        (
            "[notices]\nurl = 'https://h'\nsecret = 's'\n"
            + SOUND_ENDPOINT.replace("erp", "default"),
            {"notices.default"},
        ),
    ],
)
def test_faults_of_a_named_endpoint(faults_with: Faults, more: str, keys: set[str]) -> None:
    assert set(faults_with(more)) == keys


@pytest.mark.parametrize(
    "host", ["127.0.0.1:3000", "localhost", "[::1]", "10.1.2.3", "app.localhost"]
)
def test_private_address_of_notices_must_be_allowed(
    faults_with: Faults, load_with: Load, host: str
) -> None:
    named = SOUND_ENDPOINT.replace("https://host.example", f"http://{host}/notices")
    default = f"[notices]\nurl = 'http://{host}'\nsecret = 's'\n"

    assert set(faults_with(named)) == {"notices.erp.url"}
    assert set(faults_with(default)) == {"notices.url"}
    load_with(f"{named}allow_private = true\n")
    load_with(f"{default}allow_private = true\n")


def test_every_operator_has_a_token_of_their_own(faults_with: Faults) -> None:
    faults = faults_with(
        f"[operators.alice]\ntoken_sha256 = '{DIGEST}'\n"
        f"[operators.bob]\ntoken_sha256 = '{DIGEST.upper()}'\n"
        "[operators.carol]\nrole = 'admin'\n"
    )

    assert "is also that of alice" in faults["operators.bob.token_sha256"]
    assert "is empty" in faults["operators.carol.token_sha256"]
    assert len(faults) == 2


def test_a_breaker_that_stops_the_schedule_of_one_workflow_is_a_fault(
    faults_with: Faults, load_with: Load
) -> None:
    twice = {"EXTERNAL_GATE_RETRY__SOFT_DECLINE_SCHEDULE": '["1h", "1d"]'}

    faults = faults_with(**twice, EXTERNAL_GATE_GUARDS__BREAKER_DECLINES="2")

    assert set(faults) == {"guards.breaker_declines"}
    loaded = load_with(**twice, EXTERNAL_GATE_GUARDS__BREAKER_DECLINES="3")
    assert loaded.settings.guards.breaker_declines == 3


def test_a_cap_of_a_currency_that_is_never_charged_is_a_fault(faults_with: Faults) -> None:
    faults = faults_with(
        EXTERNAL_GATE_GUARDS__CURRENCIES='["USD"]',
        EXTERNAL_GATE_GUARDS__CAPS='{"EUR": "50 per 1d", "USD": "50 per 1d"}',
    )

    assert set(faults) == {"guards.caps.EUR"}
