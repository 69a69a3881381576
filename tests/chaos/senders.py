"""Constant load: workflows that open one after another, and senders that keep their connections.

The emulator tries again what was refused; these senders do not, and remember every refusal.
"""

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from external_gate.emulator.signing import signed_headers
from tests.chaos.orders import PER_CUSTOMER
from tests.stories.players import PATIENCE_SECONDS, SECRET, Account

SENDERS = 4
"""Each sends the next notification as soon as the last is answered, on the same connection."""

BREATH_SECONDS = 0.005
"""Between two notifications: others need the machine as well."""


@dataclass
class Senders:
    """What was sent, and what came of it."""

    metronome: Account
    url: str
    opened: list[str] = field(default_factory=list)
    """The contracts whose threshold was reached; a workflow each."""
    answered: int = 0
    refused: list[str] = field(default_factory=list)
    """Whatever was not answered 200."""
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)

    def start(self) -> None:
        """Begin with the load."""
        jobs = [self._keep_opening, *[self._keep_sending] * SENDERS]
        self._threads = [threading.Thread(target=job) for job in jobs]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the load. Repeatable."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def go_on_for(self, notifications: int) -> None:
        """Wait until so many more were answered, and a workflow more was opened."""
        with self._news:
            answered, opened = self.answered + notifications, len(self.opened) + 1
            goes_on = self._news.wait_for(
                lambda: self.answered >= answered and len(self.opened) >= opened, PATIENCE_SECONDS
            )
        assert all(thread.is_alive() for thread in self._threads), "a sender has ended"
        assert goes_on, f"nobody is answered: {self.refused[-3:]}"

    def _keep_opening(self) -> None:
        customer_id = ""
        while not self._stopping.wait(0.05):
            if len(self.opened) % PER_CUSTOMER == 0:
                customer_id = self.metronome.customer()
            contract_id = self.metronome.contract(customer_id)
            with self._news:
                self.opened.append(contract_id)
                self._news.notify_all()
            self.metronome.use(customer_id, contract_id, "1500")

    def _keep_sending(self) -> None:
        with httpx.Client(trust_env=False, timeout=10) as client:
            while not self._stopping.wait(BREATH_SECONDS):
                said = _send_test(client, f"{self.url}/webhooks/metronome")
                with self._news:
                    if said:
                        self.refused.append(said)
                    else:
                        self.answered += 1
                    self._news.notify_all()


def _send_test(client: httpx.Client, url: str) -> str:
    """Send a valid notification that asks for nothing; gives what was wrong with its answer."""
    body = json.dumps({"id": str(uuid.uuid4()), "type": "webhooks.test"}).encode()
    headers = signed_headers(body, secret=SECRET, wall_now=datetime.now(UTC))
    try:
        answer = client.post(url, content=body, headers=headers)
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}"
    return "" if answer.status_code == 200 else f"{answer.status_code}: {answer.text}"


@contextmanager
def crowd(metronome: Account, url: str) -> Iterator[Senders]:
    """Give senders that are at work; they have ended afterwards."""
    found = Senders(metronome, url)
    found.start()
    try:
        yield found
    finally:
        found.stop()
