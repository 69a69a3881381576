"""The page "After a failed payment": its configuration loads, its words and commands are ours."""

import tomllib

from external_gate.cli.main import cli
from external_gate.domain.aftermath import Stage, Way
from external_gate.settings.model import AfterFailedSettings, Operator
from external_gate.web.payer_changes import PATH
from tests.docs.conftest import ROOT
from tests.docs.page import blocks_of

PAGE = (ROOT / "docs" / "failed-payments.md").read_text("utf-8")
BLOCKS = blocks_of(PAGE)


def test_configuration_of_the_page_is_sound() -> None:
    (text,) = (block.text for block in BLOCKS if block.language == "toml")
    told = tomllib.loads(text)

    knobs = AfterFailedSettings.model_validate(told["after_failed"])
    assert (knobs.soft, knobs.hard) == (Way.SCHEDULE, Way.PAYER_CHANGE)
    assert Operator.model_validate(told["operators"]["shop"]).role == "operator"


def test_every_word_stands_on_the_page() -> None:
    for word in (*Way, *Stage):
        assert f"`{word}`" in PAGE


def test_address_of_the_page_is_the_one_that_is_served() -> None:
    (text,) = (block.text for block in BLOCKS if block.language == "http")

    address = text.split()[1]
    before, _, after = PATH.partition("{customer_id}")
    assert address.startswith(before)
    assert address.endswith(after)


def test_commands_of_the_page_exist() -> None:
    context = cli.make_context("external-gate", [], resilient_parsing=True)
    for block in BLOCKS:
        if block.language != "sh":
            continue
        for line in block.text.splitlines():
            _, name, word, *more = line.split()
            group = cli.get_command(context, name)
            assert group is not None
            command = group.get_command(context, word)  # type: ignore[attr-defined]  # a group
            command.make_context(word, more)
