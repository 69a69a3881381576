"""Which way out is taken; every test of the room besides runs over both."""

from datetime import timedelta
from pathlib import Path

import pytest

from external_gate.domain.errors import Broken
from external_gate.outbound.calls import Answered, Timeouts
from external_gate.outbound.direct_caller import DirectCaller
from external_gate.outbound.httpx_caller import HttpxCaller
from external_gate.outbound.transport import CallerMaker, OwnCaller, WayOut
from tests.outbound.conftest import Connection, HandClock, Peer, post, use_proxy


def made(way: WayOut | None = None) -> OwnCaller:
    return CallerMaker(way).make(
        HandClock(),
        high_water=None,
        timeouts=Timeouts.within(timedelta(seconds=2)),
        max_connections=1,
    )


@pytest.mark.parametrize(
    ("way", "kind"),
    [
        (None, DirectCaller),
        (WayOut(transport="auto"), DirectCaller),
        (WayOut(transport="direct"), DirectCaller),
        (WayOut(transport="httpx"), HttpxCaller),
        (WayOut(trust_env=True), HttpxCaller),
    ],
)
def test_way_out(way: WayOut | None, kind: type[OwnCaller]) -> None:
    assert type(made(way)) is kind


async def test_proxy_is_used_by_whoever_asked_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Peer(Connection.answer) as proxy, Peer(Connection.answer) as peer:
        use_proxy(monkeypatch, proxy)
        async with made(WayOut(trust_env=True)) as caller:
            assert isinstance(await caller.call(post(peer.url)), Answered)

    assert peer.connections == []
    assert len(proxy.connections) == 1


def test_missing_file_is_found_before_the_first_call(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="none\\.pem"):
        CallerMaker(WayOut(certificate=str(tmp_path / "none.pem")))
