"""The two others of a run, by their control addresses: the emulator and the gateway's host."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.crashes.doom import edge_of
from tests.stories.players import Json, bearer


@dataclass(frozen=True)
class MetronomeDesk:
    """Orders and books of the emulator."""

    http: httpx.Client
    url: str

    def control(self, path: str, **order: object) -> None:
        """Use a control."""
        answer = self.http.post(f"{self.url}/_emulator/{path}", json=order, headers=bearer())
        answer.raise_for_status()

    def misbehave(self, on: str, kind: str, **order: object) -> None:
        """Order a fault."""
        self.control("faults", on=on, kind=kind, **order)

    def behave(self) -> None:
        """End every fault that was ordered."""
        url = f"{self.url}/_emulator/faults"
        self.http.delete(url, headers=bearer()).raise_for_status()

    def is_slow_now(self) -> bool:
        """Tell whether the request for which a `slow` fault was ordered has come."""
        url = f"{self.url}/_emulator/faults"
        orders = self.http.get(url, headers=bearer()).json()["faults"]
        return not any(order["kind"] == "slow" for order in orders)

    def books(self) -> Json:
        """Give everything it knows."""
        found: Json = self.http.get(f"{self.url}/_emulator/books", headers=bearer()).json()
        return found


@dataclass(frozen=True)
class HostDesk:
    """Orders and books of the host."""

    http: httpx.Client
    url: str

    def misbehave(self, on: str, fault: str, *, times: int = 1) -> None:
        """Order a fault."""
        self._ask("POST", "faults", [{"on": on, "fault": fault}] * times)

    def mend(self) -> None:
        """End every fault that was ordered."""
        self._ask("POST", "mend")

    def finish(self, key: str, status: str) -> None:
        """End a pending charge."""
        self._ask("POST", "finish", {"attempt_key": key, "status": status})

    def has_been_asked(self, edge: str) -> bool:
        """Tell whether such a request has come."""
        told = self._ask("GET", "requests")["requests"]
        return any(edge_of(request["method"], request["path"]) == edge for request in told)

    def charges(self) -> list[Json]:
        """Give every charge that it has heard of, oldest first."""
        found: list[Json] = self._ask("GET", "books")["charges"]
        return found

    def _ask(self, method: str, path: str, order: Any = None) -> Json:
        # Any: what a control takes
        answer = self.http.request(method, f"{self.url}/_control/{path}", json=order)
        answer.raise_for_status()
        found: Json = answer.json()
        return found
