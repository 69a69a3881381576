"""Closed load: so many senders, each of which sends again as soon as it is answered."""

import time

from bench.load.orders import Order, Tally
from bench.load.traffic import PATIENCE_SECONDS, Request, Traffic

LEAD_IN_SHARE = 0.1
"""Of an order's time before anything is counted: connections are accepted, queues fill."""

LATER_SECONDS = 0.05
"""How long a late answer is waited for at a time."""


def run_closed(order: Order, request: Request, *, prepared: int, with_times: bool = False) -> Tally:
    """Load a server for `order.seconds`, or until `prepared` requests were sent.

    `with_times` counts from the first moment on, and tells when each answer came.
    """
    traffic = Traffic(order.port, request)
    traffic.keeps_times = with_times
    for _ in range(order.connections):
        traffic.connect()
    began = time.perf_counter()
    traffic.counted_from = began + (0.0 if with_times else LEAD_IN_SHARE * order.seconds)
    traffic.counted_until = float("inf")
    until = traffic.counted_from + order.seconds
    while _goes_on(traffic, until, order.connections) and traffic.tally.sent < prepared:
        _send_all(traffic, prepared)
        traffic.turn(max(0.0, until - time.perf_counter()) or LATER_SECONDS)
        _replace_lost(traffic, order.connections)
    # The senders have stopped: what still comes is no full load.
    traffic.counted_until = ended = time.perf_counter()
    tally = traffic.end()
    tally.seconds = max(0.0, ended - traffic.counted_from)
    return tally


def _goes_on(traffic: Traffic, until: float, connections: int) -> bool:
    """Tell whether there is time left, or too little was counted to speak of a rate."""
    now = time.perf_counter()
    if len(traffic.tally.latencies_us) < connections:
        return now < until + PATIENCE_SECONDS
    return now < until


def _send_all(traffic: Traffic, prepared: int) -> None:
    while traffic.idle and traffic.tally.sent < prepared:
        traffic.send()


def _replace_lost(traffic: Traffic, wanted: int) -> None:
    for _ in range(wanted - traffic.connections):
        traffic.connect()
