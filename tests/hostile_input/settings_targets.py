"""Targets of the configuration: a file, the environment, and secrets in files of their own."""

import json
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from external_gate.gateways import registry
from external_gate.settings import SettingsFaulty, load
from external_gate.settings.report import rows
from tests.hostile_input.canary import CANARY, WHSEC, names_tell, only
from tests.hostile_input.target import SEPARATOR, Judge, Target, joined

PREFIX = "EXTERNAL_GATE_"

ENOUGH = f"""
[metronome]
api_token = "{CANARY}"
webhook_secrets = ["{CANARY}"]
[gateways.main]
adapter = "http"
url = "https://shop.example/charges"
secret = "{WHSEC}"
"""

ALL = f"""
[metronome]
api_token = "{CANARY}"
webhook_secrets = ["{CANARY}", "{CANARY}2"]
verify_invoice = false
unverified_unit = "cents"
total_timeout_seconds = 30.5
act_limit_hours = 76
units = {{"2714e483" = "cents"}}
[gateways.main]
adapter = "http"
url = "https://shop.example/charges"
secret = "{WHSEC}"
previous_secrets = ["{WHSEC}"]
window_days = 30
currencies = ["USD"]
[gateways."box"]
adapter = "sandbox"
pending_lookups = 2
delay_seconds = 0.1
[guards]
largest = {{USD = 500.00, JPY = "50000"}}
[retry]
soft_decline_schedule = [1.5, "6h"]
[notices]
url = "https://shop.example/notices"
secret = "{CANARY}"
[operators.alice]
token_sha256 = "{"ab" * 32}"
role = "admin"
[server]
port = 8080
[payers]
secret = "{CANARY}"
[log]
level = "debug"
"""

PAIRS = (
    f"METRONOME__API_TOKEN={CANARY}",
    f"METRONOME__API_TOKEN_FILE={CANARY}\n",
    f"METRONOME__WEBHOOK_SECRETS_FILE={CANARY}\n{CANARY}2\n",
    f'METRONOME__WEBHOOK_SECRETS=["{CANARY}"]',
    f"GATEWAYS__MAIN__SECRET={WHSEC}",
    f"GATEWAYS__BOX__SECRET_FILE={CANARY}",
    'GUARDS__LARGEST={"USD": 5.10}',
    "GUARDS__LARGEST__USD=5.10",
    'RETRY__SOFT_DECLINE_SCHEDULE=[1.5, "6h"]',
    "OPERATORS__ALICE__TOKEN_SHA256=" + "ab" * 32,
    "SERVER__PORT=8080",
    "PORT=tcp://10.0.0.1:80",
)

SPECIAL_FILES = ("", "/nonexistent/file", "/dev/zero", ".", "a\x00b", "x" * 5000)
"""Names of secret files that are no file of ours."""


@contextmanager
def judging_toml() -> Iterator[Judge]:
    """A file gives settings, or every fault of it and no secret."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "gate.toml"

        def judge(data: bytes) -> None:
            file.write_bytes(data)
            judge_loading(file, {}, may_tell=names_tell(_toml(data)))

        yield judge


@contextmanager
def judging_environment() -> Iterator[Judge]:
    """The environment gives settings, or every fault of it and no secret."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "gate.toml").write_text(ENOUGH)

        def judge(data: bytes) -> None:
            environ = _environ(data, Path(folder))
            tells = any(CANARY.lower() in name.lower() for name in environ)
            tells |= any(names_tell(_json(value)) for value in environ.values())
            judge_loading(Path(folder) / "gate.toml", environ, may_tell=tells)

        yield judge


@contextmanager
def judging_secret_file() -> Iterator[Judge]:
    """What stands in a secret's file is that secret, or a fault that does not repeat it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "gate.toml").write_text(ENOUGH)
        secret = Path(folder) / "secret"
        names = ("METRONOME__API_TOKEN", "METRONOME__WEBHOOK_SECRETS", "GATEWAYS__MAIN__SECRET")

        def judge(data: bytes) -> None:
            secret.write_bytes(data)
            for name in names:
                environ = {f"{PREFIX}{name}_FILE": str(secret)}
                judge_loading(Path(folder) / "gate.toml", environ, may_tell=False)

        yield judge


def judge_loading(file: Path, environ: Mapping[str, str], *, may_tell: bool) -> None:
    """Load, and show what was loaded; names are shown, so a secret as a name may be."""
    given = file.stat().st_size + sum(len(name) + len(value) for name, value in environ.items())
    # Every fault names its key and where it stands, so the sentences grow with the input.
    with only(SettingsFaulty, may_tell=may_tell, longest=20_000 + 40 * given):
        loaded = load(file, environ, check_gateway=registry.check)
        assert loaded.settings.gateways
        for row in rows(loaded):
            str(row).encode("utf-8", "surrogateescape")


def _environ(data: bytes, folder: Path) -> dict[str, str]:
    """Read `NAME=value` pairs; what a `…_FILE` names is written into a file first."""
    environ: dict[str, str] = {}
    for number, pair in enumerate(data.split(SEPARATOR)):
        name, _, value = pair.decode("utf-8", "surrogateescape").partition("=")
        if name.endswith("_FILE") and value not in SPECIAL_FILES:
            file = folder / f"secret-{number}"
            file.write_bytes(value.encode("utf-8", "surrogateescape"))
            value = str(file)
        environ[PREFIX + name] = value
    environ.pop("EXTERNAL_GATE_CONFIG", None)  # `load` is given its file
    return environ


def _toml(data: bytes) -> object:
    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError):
        return None  # what is no TOML is told without a word of it


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


SETTINGS_TARGETS = (
    Target(
        "settings_toml",
        judging_toml,
        [ENOUGH.encode(), ALL.encode(), b"", f'metronome = "{CANARY}"'.encode()],
        growing={
            "unknown keys": lambda size: b"".join(b"k%d=1\n" % row for row in range(size // 8)),
            "keys of an adapter": lambda size: (
                b"[gateways.main]\n" + b"".join(b"k%d=1\n" % row for row in range(size // 8))
            ),
            "long list": lambda size: b"[guards]\ncurrencies=[" + b'"x",' * (size // 4) + b"]",
            "long text": lambda size: b'[store]\nurl="' + b"x" * size + b'"',
            "nested": lambda size: b"a=" + b"[" * size,
            "hex": lambda size: b"[server]\nport=0x" + b"f" * size,
        },
        memory_factor=400,
        largest=32_768,
        longest=2048,
    ),
    Target(
        "settings_environment",
        judging_environment,
        [pair.encode() for pair in PAIRS]
        + [joined(*(pair.encode() for pair in PAIRS))]
        + [f"METRONOME__API_TOKEN_FILE={name}".encode() for name in SPECIAL_FILES],
        growing={
            "nested": lambda size: b"GUARDS__LARGEST=" + b'{"USD":' * (size // 7),
            "long list": lambda size: b"GUARDS__CURRENCIES=[" + b'"x",' * (size // 4) + b'"x"]',
            "digits": lambda size: b'GUARDS__LARGEST={"USD":' + b"1" * size + b"}",
            "long name": lambda size: b"X" * size + b"__Y=1",
        },
        memory_factor=400,
        largest=131_072,  # what Linux allows one variable
        longest=1024,
    ),
    Target(
        "settings_secret_file",
        judging_secret_file,
        [
            f"{WHSEC}\n".encode(),
            f"{CANARY}\r\n{CANARY}\n".encode(),
            b"\xff",
            b" " + CANARY.encode(),
        ],
        growing={"lines": lambda size: b"x\n" * (size // 2), "long": lambda size: b"x" * size},
    ),
)
