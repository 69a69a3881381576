"""Customers who reach their thresholds, one after another, with payment methods drawn by a seed."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from metronome import MetronomeError
from tests.chaos.fleet import KEYLESS, MAIN
from tests.stories.players import Account

METHODS = {
    "pm_ok": 40,
    "pm_keyless": 20,  # takes the money again at every repeat, whatever the key
    "pm_drop_after": 8,  # the money is taken, the answer is lost
    "pm_error_after": 7,
    "pm_garbage": 6,
    "pm_drop_before": 3,  # sent again once its absence is certain, after seconds
    "pm_error_before": 2,
    "pm_hang_after": 3,
    "pm_wrong_key": 3,
    "pm_decline_hard": 7,
    "pm_wrong_amount": 1,  # ends held: the proof does not match
}
"""What the host does with a charge, and how often of a hundred."""

OPENERS = 4
"""Threads that open workflows; one call to the emulator takes some 50 ms."""

PER_CUSTOMER = 10
"""Workflows of one customer: those are serialised where a charge is begun."""


@dataclass
class Orders:
    """Opens a number of workflows at a steady pace."""

    metronome: Account
    seed: int
    number: int
    per_second: float
    opened: int = 0
    trouble: Exception | None = None
    """What kept a thread from opening what was left to it."""
    _threads: list[threading.Thread] = field(default_factory=list)
    _counting: threading.Lock = field(default_factory=threading.Lock)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begin."""
        random = Random(f"{self.seed} orders")  # noqa: S311 - a mix, not a secret
        drawn = random.choices(list(METHODS), list(METHODS.values()), k=self.number)
        shares = [drawn[place::OPENERS] for place in range(OPENERS)]
        self._threads = [
            threading.Thread(target=self._open, args=(share,), daemon=True) for share in shares
        ]
        for thread in self._threads:
            thread.start()

    @property
    def is_done(self) -> bool:
        """Whether everything is opened."""
        return not any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Open nothing more."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _open(self, methods: Sequence[str]) -> None:
        try:
            self._open_all(methods)
        except (MetronomeError, OSError) as error:  # told by whoever counts what was opened
            self.trouble = error

    def _open_all(self, methods: Sequence[str]) -> None:
        customers: dict[str, tuple[str, int]] = {}
        for number, method in enumerate(methods):
            if self._stopping.wait(OPENERS / self.per_second):
                return
            customer_id, left = customers.get(method, ("", 0))
            if not left:
                gateway = KEYLESS if method == "pm_keyless" else MAIN
                customer_id = self.metronome.customer(method, gateway=gateway)
                left = PER_CUSTOMER
            customers[method] = (customer_id, left - 1)
            contract_id = self.metronome.contract(customer_id)
            self.metronome.use(customer_id, contract_id, str(1000 + number))
            with self._counting:
                self.opened += 1
