"""The example configuration, written from the model so that neither can lag behind the other.

Renew it: python -m external_gate.settings.example > config/external-gate.example.toml
"""

import json
import sys
import textwrap
from collections.abc import Iterator

from pydantic import BaseModel

from external_gate.settings.keys import Knob, Shape, fixed_knobs, knob_at, sections
from external_gate.settings.model import ForwardEndpoint, NoticeEndpoint, Operator, Settings
from external_gate.settings.report import shown

_HEAD = """\
Every key of external-gate, with its default. Copy the file to config/external-gate.toml, give the
three things that no default can know (metronome.api_token, metronome.webhook_secrets, a gateway),
and delete what you do not change. `external-gate config check` finds every fault at once.

The file: --config, else EXTERNAL_GATE_CONFIG, else ./config/external-gate.toml if it is there.
The environment overrides it, by the name that stands with each key: text and numbers as they are,
true or false, lists and tables as JSON. A table's single entries can be set too
(EXTERNAL_GATE_GUARDS__LARGEST__USD). Names of gateways and operators are lower case here, upper
case there.

Secrets need not stand here: api_token_file = "path" (a list: webhook_secrets_file, one per line)
and EXTERNAL_GATE_METRONOME__API_TOKEN_FILE name a file that holds the value. A newline at the end
of the file does not count; relative paths start at the working directory.

Times may have fractions. Amounts of money are exact, in whole units, written as text or numbers.
"""

_UNITS = ("bytes", "seconds", "minutes", "hours")

# The gateway of the example: the adapter `http` with its keys, which the model does not know.
_GATEWAY = {
    "adapter": ("http", "Name of the adapter: http, sandbox, or a plugin's."),
    "url": ("http://127.0.0.1:9000/charges", "Address of your application's charges."),
    "secret": ("", "Secret that signs the calls, by Standard Webhooks; empty sends them unsigned."),
    "timeout_seconds": (20, None),
}
_GATEWAY_HEAD = """\
A gateway under a name of your choice, here "main"; the keys besides adapter and timeout_seconds
are the adapter's own. Each of them may stand in a file: secret_file = "path" or
EXTERNAL_GATE_GATEWAYS__MAIN__SECRET_FILE; a key that ends in secrets, tokens or keys is a list.
"""
_OPERATOR_HEAD = "An operator under a name of your choice, such as:"
_ENDPOINT_HEAD = "One more receiver of notices, under a name of your choice, such as:"
_FORWARD_HEAD = "One more receiver of Metronome's notifications, such as:"


def render() -> str:
    """Give the text of the example configuration."""
    lines = list(_comment(_HEAD, wrap=False))
    for section in sections():
        lines += ["", *_gateway()] if section == "gateways" else ["", *_section(section)]
        if section == "operators":
            lines += ["", *_named(_OPERATOR_HEAD, "operators", "alice", Operator)]
        if section == "notices":
            lines += ["", *_named(_ENDPOINT_HEAD, "notices", "erp", NoticeEndpoint)]
        if section == "forward":
            lines += ["", *_named(_FORWARD_HEAD, "forward", "ledger", ForwardEndpoint)]
    return "\n".join(lines) + "\n"


def _section(section: str) -> Iterator[str]:
    model = Settings.model_fields[section].annotation
    yield from _comment(getattr(model, "__doc__", ""))
    yield f"[{section}]"
    for knob in fixed_knobs():
        if knob.path[0] == section:
            yield from _entry(knob, _default(knob))


def _gateway() -> Iterator[str]:
    yield from _comment(_GATEWAY_HEAD, wrap=False)
    yield "[gateways.main]"
    for key, (value, description) in _GATEWAY.items():
        knob = _knob("gateways", "main", key)
        yield from _entry(knob, json.dumps(value), description=description)


def _named(head: str, section: str, name: str, model: type[BaseModel]) -> Iterator[str]:
    yield from _comment(head)
    yield f"# [{section}.{name}]"
    for key in model.model_fields:
        knob = _knob(section, name, key)
        *comments, line = _entry(knob, _default(knob))
        yield from (*comments, f"# {line}")


def _entry(knob: Knob, value: str, *, description: str | None = None) -> Iterator[str]:
    yield ""
    yield from _comment(description or knob.description)
    yield f"# {_facts(knob, value)}{knob.environment_name}{_or_file(knob)}"
    yield f"{knob.path[-1]} = {value}"


def _facts(knob: Knob, value: str) -> str:
    if knob.path[0] == "gateways" and knob.default is None:
        return "Environment: "  # the adapter's own key: its default is not ours to tell
    unit = next((unit for unit in _UNITS if knob.path[-1].endswith(f"_{unit}")), None)
    return f"Default: {value}{f' {unit}' if unit else ''}. Environment: "


def _or_file(knob: Knob) -> str:
    return " or …_FILE" if knob.may_come_from_file else ""


def _default(knob: Knob) -> str:
    if knob.is_secret:
        return '[""]' if knob.shape is Shape.LIST else '""'
    return json.dumps(shown(knob, knob.default)) if knob.default != {} else "{}"


def _knob(*path: str) -> Knob:
    knob = knob_at(path)
    if knob is None:
        raise LookupError(f"the example shows {path}, which is no key of the model")
    return knob


def _comment(text: str, *, wrap: bool = True) -> Iterator[str]:
    lines = textwrap.wrap(text, width=98) if wrap else text.splitlines()
    yield from (f"# {line}".rstrip() for line in lines)


if __name__ == "__main__":
    sys.stdout.write(render())
