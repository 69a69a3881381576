"""An ear on a host that runs by its own clock: which charges are pending, and for how long."""

import json
import time
from dataclasses import replace

from external_gate.gateways.gateway import Surroundings
from external_gate.gateways.http_gateway import HttpGateway, HttpSettings
from external_gate.outbound.calls import Answered, Call, CallEnd, Caller
from external_gate.testkit.kit_clock import KitClock

LOOKS = 5
"""In which the wait for a pending charge is shared out; the kit looks once more than that."""


class OpenCharges:
    """Which charges were last told to be pending, and how long each has been waited for."""

    def __init__(self, settle_seconds: float) -> None:
        self._settle_seconds = settle_seconds
        self._since: dict[str, float] = {}

    def heard(self, end: CallEnd) -> None:
        """Take note of an answer, told by the key in its own words."""
        match _said(end):
            case {"attempt_key": str(key), "status": "pending"}:
                self._since.setdefault(key, time.monotonic())
            case {"attempt_key": str(key)}:
                self._since.pop(key, None)

    def next_wait_seconds(self) -> float:
        """Give a part of what is left of the wait; 0 when nothing is open that may yet settle."""
        now = time.monotonic()
        left = [self._settle_seconds - (now - since) for since in self._since.values()]
        return min(max([0.0, *left]), self._settle_seconds / LOOKS)


def _said(end: CallEnd) -> object:
    if not isinstance(end, Answered) or end.status != 200:
        return None
    try:
        said: object = json.loads(end.body)
    except (ValueError, RecursionError):
        return None
    return said


class InRealTime:
    """The `http` adapter by the real clock, with an ear on its answers."""

    settings_model = HttpSettings

    def __init__(self, open_charges: OpenCharges) -> None:
        self._open = open_charges
        # How a report names what it certifies.
        self.__module__, self.__qualname__ = HttpGateway.__module__, HttpGateway.__qualname__

    def __call__(self, settings: HttpSettings, surroundings: Surroundings) -> HttpGateway:
        """Make the adapter. The kit moves its own clock; the host would refuse such signatures."""
        heard = _Heard(surroundings.caller, self._open)
        clock = KitClock(waits=True)
        return HttpGateway(settings, replace(surroundings, caller=heard, clock=clock))


class _Heard:
    def __init__(self, caller: Caller, open_charges: OpenCharges) -> None:
        self._caller = caller
        self._open = open_charges

    async def call(self, call: Call) -> CallEnd:
        end = await self._caller.call(call)
        self._open.heard(end)
        return end
