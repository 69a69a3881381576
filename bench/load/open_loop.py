"""Open load: so many notifications per second, whether or not the last ones were answered."""

import time
from dataclasses import replace

from bench.load.closed_loop import run_closed
from bench.load.orders import Order, Tally
from bench.load.traffic import Request, Traffic

NEW_CONNECTIONS_AT_ONCE = 32
"""So that answers are read between them."""

WITHOUT_END = 1 << 40


def run_open(order: Order, request: Request) -> Tally:
    """Offer `order.rate` per second; a latency counts from when its notification was due."""
    traffic = Traffic(order.port, request)
    traffic.counted_from = began = time.perf_counter()
    traffic.counted_until = began + order.seconds + 60  # whatever was due in time is counted
    while (now := time.perf_counter()) < began + order.seconds:
        due = int((now - began) * order.rate)
        while traffic.tally.sent < due and _has_place(traffic, order.connections):
            traffic.send(since=began + traffic.tally.sent / order.rate)
        traffic.turn(min(0.05, max(0.0, began + (due + 1) / order.rate - now)))
    tally = traffic.end()
    tally.seconds = order.seconds
    tally.withheld = int(order.seconds * order.rate) - tally.sent
    return tally


def run_overload(order: Order, request: Request) -> tuple[Tally, Tally]:
    """Offer too much, then go on at once as usual; gives what either came to.

    A latency counts from when its notification was sent: what no connection was free for is the
    sender's, and is counted as withheld.
    """
    traffic = Traffic(order.port, request)
    began = time.perf_counter()
    while (now := time.perf_counter()) < began + order.seconds:
        due = int((now - began) * order.rate)
        for _ in range(NEW_CONNECTIONS_AT_ONCE):
            if traffic.tally.sent >= due or not _has_place(traffic, order.connections):
                break
            traffic.send()
        traffic.turn(0.0 if traffic.idle else 0.01)
    offered = int(order.seconds * order.rate)
    stopped = time.perf_counter()
    overload = traffic.end()
    overload.seconds, overload.withheld = order.seconds, offered - overload.sent
    return overload, _normal(order, request, first=overload.sent, stopped=stopped)


def _normal(order: Order, request: Request, *, first: int, stopped: float) -> Tally:
    normal = replace(order, connections=order.normal_connections, seconds=order.normal_seconds)
    tally = run_closed(
        normal, lambda number: request(first + number), prepared=WITHOUT_END, with_times=True
    )
    tally.unacknowledged = [first + number for number in tally.unacknowledged]
    tally.answered_at = [at - stopped for at in tally.answered_at]
    return tally


def _has_place(traffic: Traffic, most: int) -> bool:
    """Tell whether there is an idle connection, opening one where that is still allowed."""
    if not traffic.idle and traffic.connections < most:
        traffic.connect()
    return bool(traffic.idle)
