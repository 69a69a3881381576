"""Notice sinks by name, ours and those of strangers."""

import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from external_gate.domain.errors import Broken, GateError
from external_gate.notices.notice_sink import SinkSurroundings
from external_gate.notices.sink_registry import (
    GROUP,
    build_sink,
    installed_sinks,
    load_sink_class,
)
from external_gate.notices.webhook_sink import WebhookSink
from external_gate.outbound.calls import Call, CallEnd
from external_gate.settings.model import NoticeEndpoint
from tests.metronome.conftest import StandingClock


class Unasked:
    """Surroundings that building a sink must leave alone."""

    async def call(self, call: Call) -> CallEnd:
        raise AssertionError("no call while building")

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        raise AssertionError("no look-up while building")


def surroundings() -> SinkSurroundings:
    return SinkSurroundings("erp", Unasked(), StandingClock(), Unasked().resolve)


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group=GROUP)


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a file that is importable as `a_sink_plugin`."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "a_sink_plugin", raising=False)
    return tmp_path / "a_sink_plugin.py"


def test_our_own_sink_comes_through_the_same_door() -> None:
    assert load_sink_class("webhook") is WebhookSink
    (ours,) = [one for one in installed_sinks() if one.name == "webhook"]
    assert (ours.distribution, ours.fault) == ("external-gate", None)


def test_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(Broken, match=r'"sqs" is not installed; there are: queue, webhook'):
        load_sink_class("sqs", installed=[point("webhook", "a:B"), point("queue", "a:C")])


def test_two_of_one_name_are_refused_and_both_named() -> None:
    installed = [point("sqs", "one:Sink"), point("sqs", "other:Sink")]

    with pytest.raises(Broken, match=r"more than once: one:Sink of .*, other:Sink of "):
        load_sink_class("sqs", installed=installed)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import a_package_that_is_not_there", "ModuleNotFoundError"),
        ("raise SystemExit('boom')", "SystemExit: boom"),
        ("", "AttributeError"),
        ("class Sink: ...", "has no from_settings"),
    ],
)
def test_broken_plugin_is_listed_with_its_fault_beside_the_others(
    plugin: Path, source: str, said: str
) -> None:
    plugin.write_text(source)
    ours = point("webhook", "external_gate.notices.webhook_sink:WebhookSink")

    broken, sound = installed_sinks(installed=[ours, point("sqs", "a_sink_plugin:Sink")])

    assert said in (broken.fault or "")
    assert broken.cure
    assert sound.fault is None


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ("KeyError('s3cret')", "notices.erp cannot be built .*: KeyError; mend"),
        ("Refused('no, because')", "no, because"),
    ],
)
def test_plugin_that_cannot_be_built_says_so_without_secrets(
    plugin: Path, raised: str, said: str
) -> None:
    plugin.write_text(
        "from external_gate.domain.errors import Refused\n"
        "class Sink:\n"
        "    @classmethod\n"
        f"    def from_settings(cls, endpoint, surroundings): raise {raised}\n"
    )

    with pytest.raises(GateError, match=said) as caught:
        build_sink(
            NoticeEndpoint(sink="sqs"),
            surroundings(),
            installed=[point("sqs", "a_sink_plugin:Sink")],
        )

    assert "s3cret" not in str(caught.value)
