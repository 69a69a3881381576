"""The page "Other notifications": its configuration loads, its receiver takes what we forward."""

import hashlib
import hmac
import tomllib
from typing import Any

import pytest

from external_gate.cli.main import cli
from external_gate.domain.forwarding import KEPT_HERE
from external_gate.notices.endpoints import forwarding_of
from external_gate.settings.model import ForwardSettings
from tests.docs.conftest import ROOT
from tests.docs.page import blocks_of

PAGE = (ROOT / "docs" / "other-notifications.md").read_text("utf-8")
BLOCKS = {block.language: block.text for block in blocks_of(PAGE)}
SECRET = "the secret of Metronome's webhook"
DATE = "Mon, 02 Jan 2006 22:04:05 GMT"


@pytest.fixture
def receiver() -> dict[str, Any]:
    """Give the names of the page's receiver, run as it stands there."""
    names: dict[str, Any] = {}
    exec(compile(BLOCKS["python"], "receiver.py", "exec"), names)  # noqa: S102 - the page's own words
    return names


def signed(body: bytes) -> dict[str, str]:
    signature = hmac.new(SECRET.encode(), DATE.encode() + b"\n" + body, hashlib.sha256)
    return {"x-metronome-date": DATE, "metronome-webhook-signature": signature.hexdigest()}


def test_configuration_of_the_page_forwards_what_it_says() -> None:
    told = tomllib.loads(BLOCKS["toml"])["forward"]
    named = {name: told.pop(name) for name in list(told) if isinstance(told[name], dict)}
    forwarding = forwarding_of(ForwardSettings.model_validate({**told, "endpoints": named}))

    assert forwarding.wanted_by("invoice.finalized") == ("forward.default", "forward.ledger")
    assert forwarding.wanted_by("contract.start") == ("forward.ledger",)
    assert forwarding.wanted_by(KEPT_HERE) == ()


def test_receiver_of_the_page_takes_each_once_and_nothing_that_metronome_did_not_sign(
    receiver: dict[str, Any],
) -> None:
    body = b'{"id": "n-1", "type": "invoice.finalized"}'

    assert [receiver["receive"](signed(body), body) for _ in range(2)] == [204, 204]
    assert receiver["receive"](signed(body), body + b" ") == 401
    assert receiver["handled"] == [{"id": "n-1", "type": "invoice.finalized"}]


def test_commands_of_the_page_are_ours() -> None:
    for line in BLOCKS["sh"].splitlines():
        group, act, *_ = line.removeprefix("external-gate ").split()
        command = cli.get_command(None, group)  # type: ignore[arg-type]  # the group asks no context
        assert act in command.commands  # type: ignore[union-attr]  # a group
