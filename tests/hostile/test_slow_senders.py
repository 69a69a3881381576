"""Who sends or reads too slowly is closed; signed notifications are answered meanwhile."""

import time

import pytest

from tests.hostile.conftest import HEADER_TIMEOUT_SECONDS, Siege
from tests.stories.players import until
from tests.tallies import count

POST = b"POST /webhooks/metronome HTTP/1.1\r\nHost: x\r\n"
GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"

SLOW = {
    "silent": (b"", b""),
    "after one byte": (b"P", b""),
    "between headers": (POST, b""),
    "within a header": (POST + b"X-Slow: ", b""),
    # Every byte is a sign of life; the whole head still has to be there in time.
    "byte by byte": (POST + b"X-Slow: ", b"x"),
    "line by line": (POST, b"X-Slow: x\r\n"),
    "in the second head": (GET + b"\r\n" + POST + b"X-Slow: ", b"x"),
    "in the body": (POST + b"Content-Length: 1000\r\n\r\n", b"x"),
    "in a chunked body": (POST + CHUNKED, b"1\r\nx\r\n"),
    # Answered long ago, the sender goes on: it belongs to no request any more.
    "in a body that nobody wants": (GET + CHUNKED, b"1\r\nx\r\n"),
}


@pytest.mark.parametrize(("first", "drip"), SLOW.values(), ids=SLOW)
def test_slow_senders_are_closed_and_stop_nobody(siege: Siege, first: bytes, drip: bytes) -> None:
    with siege.under_attack(first, drip=drip, attackers=40):
        assert siege.deliver() == "200 recorded"

    siege.until_all_are_closed(drip=drip)
    count("hostile: slow connections closed", 40)


def test_a_body_that_drips_is_answered_408(siege: Siege) -> None:
    attacker = siege.attack(POST + b"Content-Length: 1000\r\n\r\n{")

    assert until(attacker.heard, "no answer").startswith(b"HTTP/1.1 408 ")


def test_whoever_never_reads_his_answers_is_closed(siege: Siege) -> None:
    """Each answer is a page of metrics; they fill every buffer on the way, then the service's."""
    ask = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    for _ in range(5):
        siege.attack(ask * 1000, receive_buffer=4096)

    assert siege.deliver() == "200 recorded"

    for attacker in siege.attackers:
        until(attacker.is_reset, "the service waits for a reader who never reads")


def test_a_good_sender_keeps_his_connection(siege: Siege) -> None:
    """The limit is for one head, not for the life of a connection."""
    until_seconds = time.monotonic() + 3 * HEADER_TIMEOUT_SECONDS
    with siege.kept_connection() as deliver:
        while time.monotonic() < until_seconds:
            assert deliver() == "200 recorded"
            time.sleep(HEADER_TIMEOUT_SECONDS / 5)  # a pause that he may make
