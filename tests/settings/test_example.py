"""The example and the demo configuration: complete, equal to the model, and without faults."""

import re
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from external_gate.settings import Settings, SettingsFaulty, load
from external_gate.settings.example import render
from external_gate.settings.keys import Knob, fixed_knobs
from external_gate.settings.model import Operator

CONFIG = Path(__file__).parents[2] / "config"
EXAMPLE = CONFIG / "external-gate.example.toml"
SECRETS = {
    "EXTERNAL_GATE_METRONOME__API_TOKEN": "token",
    "EXTERNAL_GATE_METRONOME__WEBHOOK_SECRETS": '["secret"]',
}


def test_example_is_what_the_model_says() -> None:
    assert EXAMPLE.read_text() == render(), (
        "renew it: python -m external_gate.settings.example > config/external-gate.example.toml"
    )


def test_example_has_every_key_once_and_no_other() -> None:
    tree = tomllib.loads(EXAMPLE.read_text(), parse_float=Decimal)
    gateways = tree.pop("gateways")

    keys = [f"{section}.{key}" for section, table in tree.items() for key in table]

    assert keys == [knob.key for knob in fixed_knobs()]
    assert set(gateways["main"]) == {"adapter", "url", "secret", "timeout_seconds"}
    for key in Operator.model_fields:
        assert len(re.findall(rf"^# {key} = ", EXAMPLE.read_text(), re.MULTILINE)) == 1


def test_example_loads_once_the_secrets_are_given_and_holds_the_defaults() -> None:
    loaded = load(EXAMPLE, SECRETS).settings

    apart = {"gateways": True, "metronome": {"api_token", "webhook_secrets"}}
    assert loaded.model_dump(exclude=apart) == Settings().model_dump(exclude=apart)  # type: ignore[arg-type]  # mypy does not see the mix that pydantic takes


def test_example_lacks_nothing_but_the_secrets() -> None:
    with pytest.raises(SettingsFaulty) as faulty:
        load(EXAMPLE, {})

    lacking = [fault.key for fault in faulty.value.faults]
    assert lacking == ["metronome.api_token", "metronome.webhook_secrets"]


def test_every_key_is_explained_with_its_environment_name_and_unit() -> None:
    lines = set(EXAMPLE.read_text().splitlines())

    for knob in fixed_knobs():
        unit = re.search("_(bytes|seconds|minutes|hours)$", knob.key)
        default = re.escape(example_value(knob)) + (f" {unit[1]}" if unit else "")
        fact = rf"# Default: {default}\. Environment: {knob.environment_name}( or …_FILE)?"
        assert knob.description.endswith(".")
        assert any(re.fullmatch(fact, line) for line in lines), knob.key


def example_value(knob: Knob) -> str:
    """Give the text of a key's value in the example file."""
    _, _, section = EXAMPLE.read_text().partition(f"\n[{knob.path[0]}]\n")
    found = re.search(rf"^{knob.path[1]} = (.*)$", section, re.MULTILINE)
    assert found
    return found[1]


def test_demo_configuration_has_no_faults() -> None:
    loaded = load(CONFIG / "demo.toml", {}).settings

    assert loaded.gateways["main"].adapter == "sandbox"
    assert loaded.metronome.base_url == "http://127.0.0.1:9090"
