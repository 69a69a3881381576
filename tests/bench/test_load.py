"""The load generator over real sockets, against servers that answer, refuse, close and hang."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import pytest

from bench.faults import WrongAnswer
from bench.load.closed_loop import run_closed
from bench.load.load_process import demand_only_200, load_process
from bench.load.notifications import Notifications
from bench.load.open_loop import run_open, run_overload
from bench.load.orders import Order, Tally
from bench.rows.overload import NORMAL_SECONDS, recovered_after

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
FAREWELL = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

Answer = Callable[[int], bytes]
"""What the request of that number gets; nothing closes the connection."""


@contextmanager
def serving(answer: Answer) -> Iterator[int]:
    """Give the port of a server with a thread per connection; it reads whole requests."""
    numbers = count()

    def serve(connection: socket.socket) -> None:
        with connection:
            while connection.recv(65_536):  # a request of ours comes as one piece
                reply = answer(next(numbers))
                if not reply:
                    return
                connection.sendall(reply)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)


def order(port: int, **knobs: object) -> Order:
    usual = {"kind": "closed", "batch": 0, "connections": 2, "seconds": 0.1}
    return Order(port=port, **(usual | knobs))  # type: ignore[arg-type]  # as each test has them


def closed(answer: Answer, *, prepared: int = 20) -> Tally:
    with serving(answer) as port:
        request = Notifications(0).request
        return run_closed(order(port, seconds=5.0), request, prepared=prepared)


def test_a_closed_loop_sends_what_was_prepared_and_waits_for_every_answer() -> None:
    tally = closed(lambda _number: OK)

    assert (tally.sent, tally.statuses, tally.lost) == (20, {"200": 20}, 0)
    assert tally.unacknowledged == []
    assert demand_only_200(tally) is tally


def test_an_answer_that_comes_in_pieces_is_one() -> None:
    with serving(lambda _number: b"") as port, socket.create_server(("127.0.0.1", 0)) as slow:
        assert port
        received: list[bytes] = []

        def drip() -> None:
            connection, _ = slow.accept()
            with connection:
                received.append(connection.recv(65_536))
                for at in range(len(OK)):
                    connection.sendall(OK[at : at + 1])
                connection.recv(1)

        threading.Thread(target=drip, daemon=True).start()
        there = order(int(slow.getsockname()[1]), connections=1, seconds=5.0)
        tally = run_closed(there, Notifications(0).request, prepared=1)

    assert tally.statuses == {"200": 1}
    assert received == [Notifications(0).request(0)]


def test_any_other_status_is_a_wrong_answer() -> None:
    tally = closed(lambda number: BUSY if number == 7 else OK)

    assert tally.statuses == {"200": 19, "503": 1}
    assert len(tally.unacknowledged) == 1
    with pytest.raises(WrongAnswer, match="503"):
        demand_only_200(tally)


def test_a_connection_that_is_closed_without_an_answer_is_lost_and_replaced() -> None:
    tally = closed(lambda number: b"" if number == 3 else OK)

    assert (tally.sent, tally.lost) == (20, 1)
    assert tally.statuses == {"200": 19}
    with pytest.raises(WrongAnswer, match="1 connections lost"):
        demand_only_200(tally)


def test_a_farewell_is_an_answer() -> None:
    tally = closed(lambda number: FAREWELL if number % 5 == 0 else OK)

    assert (tally.statuses, tally.lost) == ({"200": 20}, 0)


def test_open_load_keeps_its_rate() -> None:
    with serving(lambda _number: OK) as port:
        tally = run_open(order(port, seconds=0.5, rate=100.0), Notifications(0).request)

    assert tally.sent + tally.withheld == 50
    assert len(tally.latencies_us) == tally.sent > 0


def test_overload_tells_what_could_not_be_sent_and_when_it_went_on() -> None:
    release = threading.Event()

    def answer(number: int) -> bytes:
        release.wait(0.02)
        return BUSY if number % 2 else OK

    with serving(answer) as port:
        overload, normal = run_overload(
            order(port, seconds=0.3, rate=2_000, normal_connections=2, normal_seconds=0.2),
            Notifications(0).request,
        )

    assert overload.sent + overload.withheld == 600
    assert overload.withheld > 0
    assert sum(overload.statuses.values()) == overload.sent
    assert normal.answered_at
    assert all(at >= 0 for at in normal.answered_at)
    assert all(number >= overload.sent for number in normal.unacknowledged)


def test_full_speed_is_found_where_it_begins() -> None:
    stalled = [at / 100 for at in range(100, int(NORMAL_SECONDS * 100))]  # 100 per second, from 1 s

    assert recovered_after(stalled, 100.0) == pytest.approx(0.9)
    assert recovered_after(stalled, 1_000.0) == NORMAL_SECONDS
    assert recovered_after([], 100.0) == NORMAL_SECONDS


def test_the_process_carries_orders_out_and_remembers_what_it_sent() -> None:
    with serving(lambda number: BUSY if number == 0 else OK) as port, load_process() as load:
        tally = load.carry_out(order(port, batch=5, most=10, seconds=5.0))[0]

    assert tally.statuses == {"200": 9, "503": 1}
    (sent,) = load.sent[port]
    assert (sent.batch, sent.count, len(sent.unacknowledged)) == (5, 10, 1)
