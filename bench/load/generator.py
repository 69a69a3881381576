"""`python -m bench.load.generator`: reads orders, one a line, and writes what each came to."""

import gc
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta

from bench.load.closed_loop import LEAD_IN_SHARE, run_closed
from bench.load.notifications import Notifications
from bench.load.open_loop import run_open, run_overload
from bench.load.orders import Order, Tally

FIRST_GUESS = 6_000
"""Answers per second of a server that was not loaded yet."""

MARGIN = 1.5
"""How much faster than ever before a server may be and still find requests prepared."""


class Generator:
    """Carries orders out. Requests are prepared before any clock starts, save for overloads."""

    def __init__(self) -> None:
        self._fastest: dict[int, float] = {}

    def carry_out(self, order: Order) -> list[Tally]:
        """Load a server as ordered."""
        notifications = Notifications(order.batch, timedelta(seconds=order.age_seconds))
        if order.kind == "overload":
            return list(run_overload(order, notifications.request))
        requests = [notifications.request(number) for number in range(self._needed(order))]
        if order.kind == "open":
            return [run_open(order, requests.__getitem__)]
        tally = run_closed(order, requests.__getitem__, prepared=len(requests))
        if tally.seconds:
            rate = len(tally.latencies_us) / tally.seconds
            self._fastest[order.port] = max(rate, self._fastest.get(order.port, 0.0))
        return [tally]

    def _needed(self, order: Order) -> int:
        if order.kind == "open":
            return int(order.seconds * order.rate) + 1
        if order.most:
            return order.most
        rate = self._fastest.get(order.port, FIRST_GUESS)
        return int(rate * order.seconds * (1 + LEAD_IN_SHARE) * MARGIN) + order.connections * 2


def main() -> None:
    """Serve orders until the input ends."""
    generator = Generator()
    gc.disable()  # a pause of ours would look like one of the server's
    for order in _orders():
        tallies = generator.carry_out(order)
        sys.stdout.write(json.dumps([asdict(tally) for tally in tallies]) + "\n")
        sys.stdout.flush()
        gc.collect()


def _orders() -> Iterator[Order]:
    for line in sys.stdin:
        yield Order(**json.loads(line))


if __name__ == "__main__":
    main()
