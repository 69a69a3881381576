"""Troubles that come late because an earlier one took longer than was forecast."""

from types import SimpleNamespace
from typing import cast

import httpx

from tests.chaos.fleet import Fleet
from tests.chaos.storm import Storm
from tests.chaos.weather import DATABASE, Strike, Trouble


class Server:
    """A database server that complains, as the real one does, when it is stopped twice."""

    def __init__(self) -> None:
        self.deeds: list[str] = ["start"]

    def stop(self) -> None:
        assert self.deeds[-1] == "start", "stopped while it was down"
        self.deeds.append("stop")

    def start(self) -> None:
        assert self.deeds[-1] == "stop", "started while it ran"
        self.deeds.append("start")

    def restart(self) -> None:
        self.stop()
        self.start()


def test_a_server_that_is_down_is_not_struck_again() -> None:
    server = Server()
    fleet = cast("Fleet", SimpleNamespace(cluster=server))
    late = [
        Strike(0.0, DATABASE, Trouble.DOWN, 60.0),
        Strike(0.0, DATABASE, Trouble.RESTARTED),
        Strike(0.0, DATABASE, Trouble.DOWN, 60.0),
    ]
    with httpx.Client(trust_env=False) as http:
        storm = Storm(fleet, late, http)
        storm.step()
        assert server.deeds[-1] == "stop"
        assert not storm.is_over, "nobody would start it again"
        storm.stop()

    assert server.deeds == ["start", "stop", "start"]
    assert storm.struck == {Trouble.DOWN: 1}
