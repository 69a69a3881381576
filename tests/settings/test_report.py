"""What people are shown: every key, its source, and nothing secret, in faults neither (P7)."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from external_gate.settings import Fault, Loaded, SettingsFaulty, load
from external_gate.settings.report import Row, rows, without_credentials

Load = Callable[..., Loaded]
Faults = Callable[..., dict[str, str]]

CANARY = "c4n4ry"

SECRETS = """\
[metronome]
api_token = "c4n4ry-token"
webhook_secrets = ["c4n4ry-one", "c4n4ry-two"]

[store]
url = "postgresql://gate:c4n4ry@d/b@db.example/gate?password=c4n4ry"

[payers]
secret = "c4n4ry-payers"

[notices]
url = "https://host.example/notices?key=c4n4ry"
secret = "c4n4ry-notices"

[gateways.main]
adapter = "http"
url = "http://user:c4n4ry@127.0.0.1:9000/charges?key=c4n4ry"
secret = "c4n4ry-gateway"
anything = "c4n4ry-of-a-plugin"
api_keys = ["c4n4ry-key"]
nested = {deep = ["c4n4ry-deep"]}

[operators.alice]
token_sha256 = "DIGEST"
""".replace("DIGEST", "c4" * 32)


def shown(loaded: Loaded) -> dict[str, Row]:
    return {row.key: row for row in rows(loaded)}


@pytest.fixture
def full(tmp_path: Path) -> Loaded:
    file = tmp_path / "full.toml"
    file.write_text(SECRETS)
    return load(file, {})


def test_no_secret_is_shown_whatever_its_place(full: Loaded) -> None:
    written = json.dumps([row.value for row in rows(full)])

    assert CANARY not in written
    assert "c4c4" not in written
    assert CANARY not in repr(full)
    assert "c4c4" not in repr(full)


def test_a_mask_tells_neither_length_nor_number_nor_beginning(full: Loaded) -> None:
    seen = shown(full)

    assert seen["metronome.api_token"].value == "********"
    assert seen["metronome.webhook_secrets"].value == ["********"]
    assert seen["operators.alice.token_sha256"].value == "********"
    assert seen["gateways.main.anything"].value == "********"
    assert seen["store.url"].value == "postgresql://********@db.example/gate?********"
    assert seen["gateways.main.url"].value == "http://********@127.0.0.1:9000/charges?********"


def test_a_secret_that_is_empty_is_shown_as_empty(load_with: Load) -> None:
    assert shown(load_with())["payers.secret"].value == ""


def test_values_are_shown_as_they_would_be_written(load_with: Load) -> None:
    more = (
        "[guards]\ncurrencies = ['USD']\nlargest = {USD = '5.1'}\n"
        "[retry]\nsoft_decline_schedule = ['6h', 0.5]\n"
        "[log]\nlevel = 'debug'\n"
    )

    seen = shown(load_with(more))

    assert seen["guards.largest.USD"].value == "5.10"
    assert seen["guards.approval_above"].value == {}
    assert seen["retry.soft_decline_schedule"].value == [21_600, 0.5]
    assert seen["server.body_timeout_seconds"].value == 10
    assert seen["log.level"].value == "debug"
    assert seen["metronome.unverified_unit"].value == ""


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("sqlite:///gate.db", "sqlite:///gate.db"),
        ("postgresql://db/gate", "postgresql://db/gate"),
        ("postgresql://u:p@ss@db/gate", "postgresql://********@db/gate"),
        ("http://h/p?token=t#f", "http://h/p?********"),
    ],
)
def test_addresses_are_shown_without_credentials(url: str, seen: str) -> None:
    assert without_credentials(url) == seen


MALFORMED = {
    "token with a space": "[metronome]\napi_token = 'c4n4ry c4n4ry'\n",
    "token that is a list": "[metronome]\napi_token = ['c4n4ry']\n",
    "token that is a table": "[metronome.api_token]\nc = 'c4n4ry'\n",
    "secrets that are text": "[metronome]\nwebhook_secrets = 'c4n4ry'\n",
    "secrets of another kind": "[metronome]\nwebhook_secrets = [1, {c = 'c4n4ry'}, ' c4n4ry']\n",
    "secret as file name": "[metronome]\napi_token_file = 'c4n4ry'\n",
    "secret without quotes": "[metronome]\napi_token = c4n4ry\n",
    "secret with one quote": "[metronome]\napi_token = 'c4n4ry\n",
    "secret twice": "[metronome]\napi_token = 'c4n4ry'\napi_token = 'c4n4ry'\n",
    "secret at an unknown key": "[metronome]\napi_tokn = 'c4n4ry'\n",
    "secret as digest": "[operators.alice]\ntoken_sha256 = 'c4n4ry'\n",
    "password in a bad address": "[store]\nurl = 'postgres://u:c4n4ry@h/d'\n",
    "password in an address": "[notices]\nurl = 'https://u:c4n4ry@h/'\n",
    "secret as a number's value": "[server]\nport = 'c4n4ry'\n",
    "secret as a choice": "[log]\nlevel = 'c4n4ry'\n",
    "secret as a currency": "[guards]\ncurrencies = ['c4n4ry']\n",
    "secret as an amount": "[guards]\nlargest = {USD = 'c4n4ry'}\n",
    "secret as a duration": "[retry]\nsoft_decline_schedule = ['c4n4ry']\n",
    "secret as a timeout": "[gateways.main]\nadapter = 'http'\ntimeout_seconds = 'c4n4ry'\n",
    "secret as an adapter": "[gateways.main]\nadapter = ['c4n4ry']\n",
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_no_fault_repeats_what_was_given(tmp_path: Path, text: str) -> None:
    file = tmp_path / "malformed.toml"
    file.write_text(text)

    with pytest.raises(SettingsFaulty) as faulty:
        load(file, {})

    assert CANARY not in str(faulty.value)
    assert CANARY not in repr(faulty.value)
    assert faulty.value.__cause__ is None
    assert faulty.value.__context__ is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("METRONOME__API_TOKEN", " c4n4ry"),
        ("METRONOME__API_TOKEN_FILE", "c4n4ry"),
        ("METRONOME__WEBHOOK_SECRETS", "c4n4ry"),
        ("METRONOME__WEBHOOK_SECRETS", '["c4n4ry"'),
        ("METRONOME__WEBHOOK_SECRETS_FILE", "c4n4ry"),
        ("METRONOME__API_TOKN", "c4n4ry"),
        ("NOTICES__SECRET", "c4n4ry\n"),
        ("STORE__URL", "postgres://u:c4n4ry@h/d"),
        ("GATEWAYS__MAIN__SECRET_FILE", "c4n4ry"),
        ("GATEWAYS__MAIN__SECRETS", "c4n4ry"),
        ("OPERATORS__ALICE__TOKEN_SHA256", "c4n4ry"),
    ],
)
def test_no_fault_repeats_what_the_environment_gave(
    faults_with: Faults, name: str, text: str
) -> None:
    faults = faults_with(**{f"EXTERNAL_GATE_{name}": text})

    assert faults
    assert CANARY not in str(faults)


def test_a_talkative_adapter_cannot_repeat_a_secret(sound: Path) -> None:
    def check(name: str, adapter: str, values: Mapping[str, object]) -> list[Fault]:
        wrong, cure = f"dislikes {values['secret']}", f"not {values['nested']}"
        return [Fault(f"gateways.{name}", wrong, cure)]

    with pytest.raises(SettingsFaulty) as faulty:
        load(
            sound,
            {
                "EXTERNAL_GATE_GATEWAYS__MAIN__SECRET": "c4n4ry-secret",
                "EXTERNAL_GATE_GATEWAYS__MAIN__NESTED": '{"deep": ["c4n4ry-nested"]}',
            },
            check_gateway=check,
        )

    assert "dislikes ********" in str(faulty.value)
    assert CANARY not in str(faulty.value)
