"""Environment over file over default; every value's source is known; every fault comes at once."""

import contextlib
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from external_gate.domain.errors import Broken
from external_gate.domain.limits import Cap
from external_gate.domain.money import Money, Unit
from external_gate.settings import Fault, Loaded, Role, Settings, SettingsFaulty, load
from external_gate.settings.keys import fixed_knobs
from external_gate.settings.report import rows

Load = Callable[..., Loaded]
Faults = Callable[..., dict[str, str]]


def test_nothing_but_secrets_and_a_gateway_is_required(load_with: Load) -> None:
    loaded = load_with()

    given = {"metronome", "gateways"}
    assert loaded.settings.model_dump(exclude=given) == Settings().model_dump(exclude=given)
    assert loaded.settings.metronome.api_token.get_secret_value() == "token-of-the-file"


def test_environment_overrides_the_file_and_the_file_the_default(load_with: Load) -> None:
    loaded = load_with("[server]\nhost = '::1'\nport = 1111\n", EXTERNAL_GATE_SERVER__PORT="2222")

    assert (loaded.settings.server.host, loaded.settings.server.port) == ("::1", 2222)
    assert loaded.settings.server.body_limit_bytes == 262_144
    assert loaded.sources["server.port"] == "environment EXTERNAL_GATE_SERVER__PORT"
    assert loaded.sources["server.host"] == f"file {loaded.file}"
    assert loaded.sources["server.body_limit_bytes"] == "default"


def test_secret_in_a_file_overrides_one_in_the_toml_file(load_with: Load, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("token-behind-a-name\n")

    loaded = load_with(EXTERNAL_GATE_METRONOME__API_TOKEN_FILE=str(secret))

    assert loaded.settings.metronome.api_token.get_secret_value() == "token-behind-a-name"
    name = "EXTERNAL_GATE_METRONOME__API_TOKEN_FILE"
    assert loaded.sources["metronome.api_token"] == f"file behind {name}"


def test_every_key_has_a_source(load_with: Load) -> None:
    loaded = load_with("[operators.alice]\ntoken_sha256 = '" + "ab" * 32 + "'\n")

    assert {knob.key for knob in fixed_knobs()} < set(loaded.sources)
    assert loaded.sources["gateways.main.timeout_seconds"] == "default"
    assert loaded.sources["operators.alice.role"] == "default"
    assert loaded.settings.operators.people["alice"].role is Role.VIEWER


def test_every_fixed_key_can_be_set_by_its_environment_name(load_with: Load) -> None:
    written = {
        "metronome.unverified_unit": "whole",
        "metronome.base_url": "http://127.0.0.1:1",
        "store.url": "postgresql://db/other",
        "payers.url": "http://127.0.0.1:1",
        "notices.url": "http://127.0.0.1:1",
        "forward.url": "http://127.0.0.1:1",
        "forward.types": '["invoice.*"]',
        "routing.default": "main",
        "server.http_parser": "h11",
        "outbound.transport": "httpx",
        "log.level": "debug",
        "log.format": "console",
        "guards.currencies": '["USD"]',
        "guards.paused_gateways": '["main"]',
        "guards.largest": '{"USD": 5.10}',
        "guards.approval_above": '{"USD": "5.10"}',
        "guards.caps": '{"USD": "50.10 per 1d"}',
        "guards.velocity": "10 per 1h",
        "guards.breaker_declines": "3",
        "metronome.units": '{"id": "whole"}',
        "metronome.webhook_secrets": '["one"]',
        "retry.soft_decline_schedule": '[1.5, "6h"]',
        "after_failed.soft": "schedule",
        "after_failed.hard": "payer_change",
        "after_failed.customer_action": "command",
        "after_failed.no_decline": "nothing",
        "after_failed.schedule": '["1d", "3d"]',
        "after_failed.limit": "7",
    }
    texts = {bool: "true", int: "4096", float: "29.5"}
    environ = {
        knob.environment_name: written.get(knob.key) or texts.get(type(knob.default), "other")
        for knob in fixed_knobs()
    }

    loaded = load_with(**environ)

    tables = {
        **dict.fromkeys(("guards.largest", "guards.approval_above", "guards.caps"), "USD"),
        "metronome.units": "id",
    }
    for knob in fixed_knobs():
        key = f"{knob.key}.{tables[knob.key]}" if knob.key in tables else knob.key
        assert loaded.sources[key] == f"environment {knob.environment_name}"
    assert loaded.settings.guards.largest == {"USD": Money(510, "USD")}
    assert loaded.settings.guards.caps == {"USD": Cap(Money(5010, "USD"), timedelta(days=1))}
    assert loaded.settings.retry.soft_decline_schedule == (
        timedelta(seconds=1.5),
        timedelta(hours=6),
    )


def test_one_entry_of_a_table_can_be_overridden(load_with: Load) -> None:
    loaded = load_with(
        "[guards]\nlargest = {USD = '1.00', EUR = 2}\n", EXTERNAL_GATE_GUARDS__LARGEST__USD="9.99"
    )

    assert loaded.settings.guards.largest == {"USD": Money(999, "USD"), "EUR": Money(200, "EUR")}
    assert loaded.sources["guards.largest.USD"].startswith("environment ")


def test_a_table_given_whole_replaces_the_one_below(load_with: Load) -> None:
    loaded = load_with(
        "[guards]\nlargest = {USD = '1.00', EUR = 2}\n", EXTERNAL_GATE_GUARDS__LARGEST="{}"
    )

    assert loaded.settings.guards.largest == {}


def test_decimals_of_the_file_never_become_binary_fractions(load_with: Load) -> None:
    loaded = load_with("rate = 0.1\n[guards]\nlargest = {USD = 4503599627370.53}\n")

    assert loaded.settings.guards.largest["USD"].minor == 450359962737053
    assert loaded.settings.gateways["main"].settings["rate"] == Decimal("0.1")


def test_gateway_and_operator_can_come_from_the_environment_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = load(
        None,
        {
            "EXTERNAL_GATE_METRONOME__API_TOKEN": "t",
            "EXTERNAL_GATE_METRONOME__WEBHOOK_SECRETS": '["s"]',
            "EXTERNAL_GATE_METRONOME__UNITS__2714E483-4FF1-48E4-9E25-AC732E8F24F2": "whole",
            "EXTERNAL_GATE_GATEWAYS__MAIN__ADAPTER": "http",
            "EXTERNAL_GATE_GATEWAYS__MAIN__HEADERS": '{"X-Shop": "1"}',
            "EXTERNAL_GATE_GATEWAYS__MAIN__TIMEOUT_SECONDS": "2.5",
            "EXTERNAL_GATE_OPERATORS__ALICE__TOKEN_SHA256": "AB" * 32,
            "EXTERNAL_GATE_OPERATORS__ALICE__ROLE": "admin",
            "EXTERNAL_GATE_OPERATORS__SECOND_PERSON": "true",
        },
    ).settings

    assert loaded.gateways["main"].settings == {"headers": {"X-Shop": "1"}, "timeout_seconds": 2.5}
    assert loaded.operators.people["alice"].role is Role.ADMIN
    assert loaded.operators.second_person
    assert loaded.metronome.units == {"2714e483-4ff1-48e4-9e25-ac732e8f24f2": Unit.WHOLE}


def test_file_is_named_by_argument_else_environment_else_usual_place(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = tmp_path / "config" / "external-gate.toml"
    usual.parent.mkdir()
    usual.write_text(sound.read_text() + "[server]\nport = 1\n")
    other = tmp_path / "other.toml"
    other.write_text(sound.read_text() + "[server]\nport = 2\n")
    monkeypatch.chdir(tmp_path)
    named = {"EXTERNAL_GATE_CONFIG": str(other)}

    assert load(None, {}).settings.server.port == 1
    assert load(None, named).settings.server.port == 2
    assert load(sound, named).settings.server.port == 8080
    usual.unlink()
    with pytest.raises(SettingsFaulty) as faulty:
        load(None, {})
    assert "metronome.api_token" in str(faulty.value)


def test_every_fault_comes_at_once(faults_with: Faults, tmp_path: Path) -> None:
    faults = faults_with(
        "[server]\nport = 'x'\n[worker]\nconcurrency = 0\nlease_secnds = 3\n[grds]\na = 1\n",
        EXTERNAL_GATE_METRONOME__API_TOKEN_FILE=str(tmp_path / "absent"),
        EXTERNAL_GATE_METRONOME__WEBHOOK_SECRETS="[]",
        EXTERNAL_GATE_METRONOME__VERIFY_INVOICE="false",
        EXTERNAL_GATE_GUARDS__LARGEST='{"usd": 1}',
        EXTERNAL_GATE_WORKER__DRAIN="1",
        EXTERNAL_GATE_GATEWAYS__MAIN__TIMEOUT_SECONDS="never",
    )

    assert set(faults) == {
        "server.port",
        "worker.concurrency",
        "worker.lease_secnds",
        "grds",
        "metronome.api_token",
        "metronome.webhook_secrets",
        "metronome.unverified_unit",
        "guards.largest",
        "EXTERNAL_GATE_WORKER__DRAIN",
        "gateways.main.timeout_seconds",
    }
    assert all(". Cure: " in line for line in faults.values())


def test_fault_says_where_the_value_came_from_and_what_belongs_there(
    faults_with: Faults, sound: Path
) -> None:
    faults = faults_with("[server]\nport = 70000\n", EXTERNAL_GATE_LOG__LEVEL="loud")

    assert faults["server.port"] == (
        f"server.port: must be less than or equal to 65535 (file {sound})."
        " Cure: what belongs here: TCP port to listen on; 0 takes any free one."
    )
    assert "(environment EXTERNAL_GATE_LOG__LEVEL)" in faults["log.level"]


def test_faults_are_an_error_of_ours_that_lists_each_on_a_line(sound: Path) -> None:
    with pytest.raises(Broken) as broken:
        load(sound, {"EXTERNAL_GATE_SERVER__PORT": "x", "EXTERNAL_GATE_LOG__LEVEL": "x"})

    assert len(str(broken.value).splitlines()) == 2


def test_adapters_add_their_faults_to_the_same_report(sound: Path) -> None:
    asked: list[tuple[str, str, Mapping[str, object]]] = []

    def check(name: str, adapter: str, values: Mapping[str, object]) -> list[Fault]:
        asked.append((name, adapter, values))
        return [Fault(f"gateways.{name}.url", "is of the wrong colour", "paint it")]

    with pytest.raises(SettingsFaulty) as faulty:
        load(sound, {"EXTERNAL_GATE_SERVER__PORT": "x"}, check_gateway=check)

    assert [fault.key for fault in faulty.value.faults] == ["server.port", "gateways.main.url"]
    assert asked == [("main", "http", {"url": "http://127.0.0.1:9000/charges"})]


def test_adapter_does_not_repeat_a_fault_that_is_known(sound: Path) -> None:
    def check(name: str, adapter: str, values: Mapping[str, object]) -> list[Fault]:
        return [Fault(f"gateways.{name}.secret", "is missing", "give it")]

    with pytest.raises(SettingsFaulty) as faulty:
        load(
            sound,
            {"EXTERNAL_GATE_GATEWAYS__MAIN__SECRET_FILE": "/nowhere/at/all"},
            check_gateway=check,
        )

    assert len(faulty.value.faults) == 1
    assert "cannot be read" in str(faulty.value)


_JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.decimals(places=2),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)
_KEYS = [knob.environment_name for knob in fixed_knobs()] + [
    "EXTERNAL_GATE_GATEWAYS__MAIN__ADAPTER",
    "EXTERNAL_GATE_GATEWAYS__MAIN__TIMEOUT_SECONDS",
    "EXTERNAL_GATE_GATEWAYS__A__B__C",
    "EXTERNAL_GATE_OPERATORS__ALICE__ROLE",
    "EXTERNAL_GATE_OPERATORS__PEOPLE__TOKEN_SHA256",
    "EXTERNAL_GATE_GUARDS__LARGEST__USD",
    "EXTERNAL_GATE___",
]


_TEXTS = (
    st.text(max_size=8)
    | st.builds(lambda value: json.dumps(value, default=str), _JSON_VALUES)
    | st.sampled_from(["[1]", "{}", '{"USD": 1}'])
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    environ=st.dictionaries(
        st.sampled_from(_KEYS) | st.sampled_from([f"{key}_FILE" for key in _KEYS]),
        _TEXTS,
        max_size=8,
    )
)
def test_no_environment_makes_loading_fail_otherwise_than_by_faults(
    sound: Path, environ: dict[str, str]
) -> None:
    with contextlib.suppress(SettingsFaulty):
        loaded = load(sound, environ)
        assert set(loaded.sources) == {row.key for row in rows(loaded)}
