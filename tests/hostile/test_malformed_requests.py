"""What is no HTTP, or too much of it: refused and closed, while a signed notification is heard."""

import socket

import pytest

from tests.hostile.conftest import BODY_LIMIT_BYTES, Siege
from tests.hostile.test_slow_senders import CHUNKED, GET, POST
from tests.stories.players import until
from tests.tallies import count

ENDLESS = 4 * 1024 * 1024
"""More than any buffer on the way keeps, so that a service that goes on reading shows."""

NO_HTTP = {
    "http 0.9": b"GET /livez\r\n\r\n",
    "http 9": b"GET /livez HTTP/9.9\r\nHost: x\r\n\r\n",
    "no host": b"GET /livez HTTP/1.1\r\n\r\n",
    "no method": b" /livez HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tls greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    "zeros": bytes(5000),
    "http 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a header without a name": GET + b": x\r\n\r\n",
    "a header with a zero": GET + b"X: \x00\r\n\r\n",
    "a length that is no number": POST + b"Content-Length: many\r\n\r\n",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "an unknown encoding": POST + b"Transfer-Encoding: gzip\r\n\r\n",
    "a chunk without a size": POST + CHUNKED + b"zz\r\n",
    "garbage behind a good request": GET + b"\r\n" + b"\xff" * 5000,
}

TOO_MUCH = {
    "one endless header": (GET + b"X-Long: ", b"x" * 4096),
    "headers without end": (GET, b"X-More: x\r\n" * 400),
    "an endless address": (b"GET /", b"x" * 4096),
    "an endless chunk": (POST + CHUNKED + b"ffffffff\r\n", b"x" * 4096),
    "chunks without end": (POST + CHUNKED, b"400\r\n" + b"x" * 1024 + b"\r\n"),
    "the smallest chunks without end": (POST + CHUNKED, b"1\r\nx\r\n" * 700),
    "an endless size of a chunk": (POST + CHUNKED, b"0" * 4096),
    "endless trailers": (POST + CHUNKED + b"0\r\n", b"X-More: x\r\n" * 400),
    "a body beyond the limit": (POST + b"Content-Length: 99999999\r\n\r\n", b"x" * 4096),
}


@pytest.mark.parametrize("sent", NO_HTTP.values(), ids=NO_HTTP)
def test_what_is_no_http_is_refused_and_closed(siege: Siege, sent: bytes) -> None:
    attacker = siege.attack(sent)

    answer = b""
    while (piece := attacker.next_heard()) is not None:
        answer += piece

    assert b"HTTP/1.1 5" not in answer
    assert siege.deliver() == "200 recorded"
    count("hostile: malformed requests refused")


@pytest.mark.parametrize(("first", "more"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_what_never_ends_is_cut_off(siege: Siege, first: bytes, more: bytes) -> None:
    attackers = [siege.attack(first) for _ in range(4)]

    for _ in range(ENDLESS // len(more)):
        for attacker in attackers:
            attacker.send(more)
    assert siege.deliver() == "200 recorded"

    siege.until_all_are_closed(drip=more)
    count("hostile: endless requests cut off")


def test_chunks_of_next_to_nothing_cost_next_to_nothing(siege: Siege) -> None:
    """One such connection once kept everybody else waiting for five seconds."""
    chunks = b"1\r\nx\r\n" * 700
    before = siege.busy_seconds()

    for target in (POST, GET):
        attacker = siege.attack(target + CHUNKED)
        while not attacker.is_closed():
            attacker.send(chunks)

    assert siege.busy_seconds() - before < 1
    assert siege.deliver() == "200 recorded"


def test_a_half_closed_connection_is_closed(siege: Siege) -> None:
    for first in (b"", POST, POST + b"Content-Length: 9\r\n\r\n{"):
        siege.attack(first).connection.shutdown(socket.SHUT_WR)

    siege.until_all_are_closed()
    assert siege.deliver() == "200 recorded"


def test_requests_sent_in_one_go_are_answered_in_their_order(siege: Siege) -> None:
    missing = b"GET /missing HTTP/1.1\r\nHost: x\r\n\r\n"
    attacker = siege.attack((GET + b"\r\n" + missing) * 20)

    answers = b""

    def all_heard() -> bool:
        nonlocal answers
        answers += attacker.heard()
        return answers.count(b"HTTP/1.1 ") == 40

    until(all_heard, "not every request was answered")
    statuses = [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"404"] * 20


def test_a_body_of_exactly_the_limit_is_still_read(siege: Siege) -> None:
    attacker = siege.attack(POST + b"Content-Length: %d\r\n\r\n" % BODY_LIMIT_BYTES)
    attacker.connection.setblocking(True)
    attacker.connection.sendall(b"x" * BODY_LIMIT_BYTES)
    attacker.connection.setblocking(False)

    assert until(attacker.heard, "no answer").startswith(b"HTTP/1.1 401 ")
