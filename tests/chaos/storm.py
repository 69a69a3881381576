"""Lets the troubles of a forecast happen to a fleet, each at its time and for its time."""

import heapq
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import httpx

from tests.chaos.cable import Cut
from tests.chaos.fleet import Fleet
from tests.chaos.weather import LASTING, METRONOME, Strike, Trouble
from tests.stories.players import Json, bearer

CUTS = {
    Trouble.CABLE_BROKEN: Cut.BROKEN,
    Trouble.CABLE_SILENT: Cut.SILENT,
    Trouble.CABLE_DEAF: Cut.DEAF,
}

ONE_AT_A_TIME = frozenset({Trouble.RESTARTED, Trouble.DOWN, Trouble.KILLED, Trouble.FROZEN})
"""What can only happen to a process that runs; a cable can be cut at any moment."""

OF_METRONOME: Sequence[Mapping[str, object]] = (
    {"on": "release", "kind": "drop_after"},
    {"on": "release", "kind": "drop_before"},
    {"on": "release", "kind": "status", "status": 500},  # stored under its key, and replayed
    {"on": "release", "kind": "status", "status": 503, "stored": False},
    {"on": "release", "kind": "status", "status": 502, "after": True, "stored": False},
    {"on": "release", "kind": "rate_limited"},
    {"on": "invoice", "kind": "status", "status": 500, "stored": False},
    {"on": "invoice", "kind": "drop_before"},
    {"on": "webhook", "kind": "duplicate"},
    {"on": "webhook", "kind": "lost_acknowledgement"},
    {"on": "webhook", "kind": "reorder"},
)

OF_THE_GATEWAY: Sequence[Mapping[str, str]] = (
    {"on": "lookup", "fault": "drop_before"},
    {"on": "lookup", "fault": "error_after"},
    {"on": "charge", "fault": "drop_after"},
    {"on": "charge", "fault": "error_after"},
)

AT_ONCE = 3
"""Calls that one order of misbehaviour is about."""


@dataclass
class Storm:
    """One course of troubles; `step` is called again and again until it is over."""

    fleet: Fleet
    strikes: Sequence[Strike]
    http: httpx.Client
    struck: Counter[str] = field(default_factory=Counter)
    _began: float = field(default_factory=time.monotonic)
    _ends: list[tuple[float, int, Strike]] = field(default_factory=list)
    _next: int = 0
    _order: "count[int]" = field(default_factory=count)

    @property
    def is_over(self) -> bool:
        """Whether everything has happened, and was made good again."""
        return self._next == len(self.strikes) and not self._ends

    def step(self) -> None:
        """Do what is due."""
        now = time.monotonic() - self._began
        while self._ends and self._ends[0][0] <= now:
            self._end(heapq.heappop(self._ends)[2])
        while self._next < len(self.strikes) and self.strikes[self._next].at_seconds <= now:
            strike = self.strikes[self._next]
            self._next += 1
            if strike.trouble in ONE_AT_A_TIME and self._is_in_trouble(strike):
                continue  # the last one took longer than was forecast
            self._begin(strike)
            if strike.trouble in LASTING:
                over_at = time.monotonic() - self._began + strike.lasts_seconds
                heapq.heappush(self._ends, (over_at, next(self._order), strike))

    def stop(self) -> None:
        """Make everything good at once, for those who come after."""
        while self._ends:
            self._end(heapq.heappop(self._ends)[2])

    def _is_in_trouble(self, strike: Strike) -> bool:
        """Tell whether a process is down or stopped already."""
        return any(
            strike.target == other.target and other.trouble in ONE_AT_A_TIME
            for _, _, other in self._ends
        )

    def _begin(self, strike: Strike) -> None:
        self.struck[strike.trouble] += 1
        match strike.trouble:
            case Trouble.RESTARTED:
                self.fleet.cluster.restart()
            case Trouble.DOWN:
                self.fleet.cluster.stop()
            case Trouble.KILLED:
                self.fleet.kill(strike.target)
            case Trouble.FROZEN:
                self.fleet.freeze(strike.target)
            case Trouble.MISBEHAVES:
                self._misbehave(strike)
            case _:
                self.fleet.cables[strike.target].cut(CUTS[strike.trouble])

    def _end(self, strike: Strike) -> None:
        match strike.trouble:
            case Trouble.DOWN:
                self.fleet.cluster.start()
            case Trouble.KILLED:
                self.fleet.start_one(strike.target)
            case Trouble.FROZEN:
                self.fleet.thaw(strike.target)
            case _:
                self.fleet.cables[strike.target].mend()

    def _misbehave(self, strike: Strike) -> None:
        order: Json | list[Mapping[str, str]]
        if strike.target == METRONOME:
            url = f"{self.fleet.cast.emulator_url}/_emulator/faults"
            order = {**OF_METRONOME[strike.draw % len(OF_METRONOME)], "times": AT_ONCE}
        else:
            url = f"{self.fleet.host_url}/_control/faults"
            order = [OF_THE_GATEWAY[strike.draw % len(OF_THE_GATEWAY)]] * AT_ONCE
        self.http.post(url, json=order, headers=bearer()).raise_for_status()
