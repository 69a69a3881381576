"""Targets of the way out: answers byte by byte over a real socket, and what is logged."""

import asyncio
import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cache, partial

from external_gate.domain.clock import HighWater
from external_gate.observe.redaction import DEEPEST, Redactor
from external_gate.outbound.answer_date import BELIEVED_AHEAD, observe_date
from external_gate.outbound.answer_reader import ONE_MEBIBYTE
from external_gate.outbound.calls import Answered, Call, CallEnd, SentUnanswered, Timeouts
from external_gate.outbound.transport import CallerMaker, Transport, WayOut
from tests.hostile_input.canary import CANARY, is_line, tells_canary
from tests.hostile_input.gateway_targets import REQUEST, http_gateway, judge_outcome
from tests.hostile_input.planned_caller import NOW, PlannedCaller, StandingClock, at_once
from tests.hostile_input.samples import CHARGE_ANSWERS
from tests.hostile_input.target import Judge, Target, without_stage


def judge_answer_date(data: bytes) -> None:
    """A `Date` moves the mark by a day at most, whatever it says."""
    mark = HighWater()
    observe_date(data.decode("latin-1"), mark, now=NOW)
    assert mark.latest(NOW) <= NOW + BELIEVED_AHEAD


class _Wire:
    """A server that sends given bytes as its answer and closes."""

    def __init__(self) -> None:
        self.answer = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self.answer)
            await writer.drain()
        writer.close()


@contextmanager
def judging_raw_answers(transport: Transport) -> Iterator[Judge]:
    """Whatever comes over the socket ends the call, and nothing of it is unpacked or believed."""
    wire = _Wire()
    with asyncio.Runner() as runner:
        server = runner.run(_listening(wire))
        port = server.sockets[0].getsockname()[1]
        mark = HighWater()
        caller = CallerMaker(WayOut(transport=transport)).make(
            StandingClock(),
            high_water=mark,
            timeouts=Timeouts.within(timedelta(seconds=5)),
            max_connections=1,
        )
        call = Call("GET", f"http://127.0.0.1:{port}/", {"authorization": f"Bearer {CANARY}"})

        def judge(data: bytes) -> None:
            wire.answer = data
            _judge_end(runner.run(caller.call(call)))
            assert mark.latest(NOW) <= NOW + BELIEVED_AHEAD

        yield judge
        runner.run(caller.aclose())
        runner.run(_closed(server))


def _judge_end(end: CallEnd) -> None:
    match end:
        case Answered(body=body):
            assert len(body) <= ONE_MEBIBYTE
            judge_outcome(at_once(http_gateway(PlannedCaller(end)).charge(REQUEST)), end)
        case SentUnanswered(cause):
            assert is_line(cause, longest=300)
            assert not tells_canary(cause)
        case _:
            raise AssertionError("the request has left: the server answers only after it")


async def _listening(wire: _Wire) -> asyncio.Server:
    return await asyncio.start_server(wire.serve, "127.0.0.1", 0)


async def _closed(server: asyncio.Server) -> None:
    server.close()
    await server.wait_closed()


REDACTOR = Redactor([CANARY])


def judge_log(data: bytes) -> None:
    """Whatever is logged comes out bounded, as JSON, and without the secret."""
    record: dict[str, object] = {"event": data.decode("utf-8", "replace")}
    with suppress(ValueError, RecursionError):
        record["said"] = json.loads(data)
    plain = REDACTOR(None, "info", record)
    written = json.dumps(plain)
    assert CANARY not in written
    assert len(written) <= 60_000 + 14 * len(data), "a line grows past what came in"
    assert _depth(plain) <= DEEPEST + 1


def _depth(tree: object) -> int:
    inner = list(tree.values()) if isinstance(tree, dict) else tree
    return 1 + max(map(_depth, inner), default=0) if isinstance(inner, list) else 0


def _raw(body: bytes, *lines: str) -> bytes:
    head = "\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *lines, "", ""])
    return head.encode() + body


@cache
def _bomb(size: int) -> bytes:
    """Give about as many bytes as asked for that unpack to a thousand times as many."""
    return gzip.compress(b"0" * min(1000 * size, MOST_UNPACKED))


MOST_UNPACKED = 20_000_000
"""Bytes. Making more takes long, and one that was unpacked would be noticed at a fifth of it."""

_DATES = (
    *(
        b"Sun, 22 Nov 2026 12:00:00 GMT",
        b"Mon, 23 Nov 2026 12:00:01 -0000",
        b"1 Jan 9999 23:59:59 -2300",
    ),
    *(
        b"Sunday, 22-Nov-26 12:00:00 GMT",
        b"Sun Nov 22 12:00:00 2026",
        b"22-Nov-2026 12.00.00 +9959",
    ),
)

_LINES = {
    "secret = x": b"secret=",
    "quotes": b'token="\\"',
    "digits": b"4242 ",
    "hex": b"deadbeef",
    "dashes": b"-----BEGIN PRIVATE KEY-----",
    "names": b"secret-secret",
    "spaces": b"bearer      ",
    "addresses": b"://a",
    "tokens": b"eyJaaaaaaaaaa.aaaa.",
    "keys": b"sk_sk_sk_",
    "client secrets": b"a_secret_",
    "uuids": b"d7abd0cd-4ae9-4db7-8676-e986a4ebd8dc",
    "pydantic": b"input_value=",
}


def _repeated(text: bytes, size: int) -> bytes:
    return text * (size // len(text))


_TRANSPORTS: dict[str, Transport] = {"raw_answer": "direct", "raw_answer_httpx": "httpx"}


def _raw_answers(name: str, transport: Transport) -> Target:
    return Target(
        name,
        partial(judging_raw_answers, transport),
        [
            _raw(CHARGE_ANSWERS[0], "Date: Sun, 22 Nov 2026 12:00:00 GMT"),
            _raw(gzip.compress(b"0" * 1_000_000), "Content-Encoding: gzip"),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
            b"HTTP/1.0 302 Found\r\nLocation: http://127.0.0.1:1/\r\nSet-Cookie: a=b\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
            b"",
        ],
        growing={
            "headers": lambda size: b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * (size // 6) + b"\r\n",
            "endless body": lambda size: b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * size,
            "small chunks": lambda size: (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                + b"1\r\nx\r\n" * (size // 6)
            ),
            "bomb": lambda size: _raw(_bomb(size), "Content-Encoding: gzip"),
            "interim answers": lambda size: b"HTTP/1.1 100 Continue\r\n\r\n" * (size // 25),
        },
    )


OUTBOUND_TARGETS = (
    Target(
        "answer_date",
        without_stage(judge_answer_date),
        _DATES,
        growing={
            "digits": lambda size: b"1 Jan " + b"1" * size + b" 00:00:00 GMT",
            "words": lambda size: b"1 " * (size // 2),
            "commas": lambda size: b"," * size,
        },
        longest=128,
    ),
    *(_raw_answers(name, transport) for name, transport in _TRANSPORTS.items()),
    Target(
        "log_line",
        without_stage(judge_log),
        [
            json.dumps({"a": [CANARY, {"token": "x"}], "card": "4242 4242 4242 4242"}).encode(),
            f"POST https://u:{CANARY}@host/?api_key={CANARY} -> 'Cookie': 'a=b'".encode(),
        ],
        bodies=bytes,
        growing={name: partial(_repeated, text) for name, text in _LINES.items()},
    ),
)
