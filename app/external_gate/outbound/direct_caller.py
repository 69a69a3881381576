"""A caller that writes the request to the socket itself: it knows exactly whether a byte has left.

Linear on purpose: look up, connect, prove the peer, judge the deadline, write, read, close. Every
call has a connection of its own, for the reasons that `httpx_caller` gives. It knows no proxies.
"""

import contextlib
import socket
import ssl
from datetime import datetime
from types import TracebackType
from typing import Self

from external_gate.domain.clock import Clock, HighWater
from external_gate.domain.errors import Unavailable
from external_gate.outbound.addresses import Addresses, Ask, ask_the_system, connect
from external_gate.outbound.answer_date import observe_date
from external_gate.outbound.answer_reader import (
    ONE_MEBIBYTE,
    AnswerReader,
    AnswerTooLarge,
    NoAnswer,
)
from external_gate.outbound.calls import Answered, Call, CallEnd, Timeouts
from external_gate.outbound.closing import RESET_ON_CLOSE, close_ordinarily
from external_gate.outbound.departure import DeadlinePassed, Departure
from external_gate.outbound.legal_call import IllegalCall, check_header
from external_gate.outbound.line import Line, PlainLine, TlsLine
from external_gate.outbound.patience import OutOfPatience, Patience
from external_gate.outbound.places import NoFreePlace, Places
from external_gate.outbound.request_bytes import Request, write_request
from external_gate.outbound.system_error import system_error
from external_gate.outbound.tls import own_user_agent, tls_context

# A request is one piece: waiting to make the last part of it larger gains nothing.
SEND_AT_ONCE = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class NoConnection(Unavailable):
    """No address of the host took us in, or it could not prove who it is."""


class SpokeFirst(Unavailable):
    """The peer spoke or left before it was asked: whatever it says is no answer to us."""


# Every way in which a call can end without an answer.
NO_ANSWER = (
    IllegalCall,
    NoFreePlace,
    DeadlinePassed,
    NoConnection,
    SpokeFirst,
    OutOfPatience,
    AnswerTooLarge,
    NoAnswer,
    OSError,  # the system, and TLS
)


class DirectCaller:
    """A `Caller` over bare sockets; its promises are written there.

    `tls` says whose certificates are believed, the public authorities' by default. Send deadlines
    are judged by the latest plausible time, `high_water`; with `believes_dates` it learns the
    `Date` of every answer. At most `max_connections` calls run at once, the others wait. For one
    event loop.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        high_water: HighWater | None,
        believes_dates: bool = True,
        timeouts: Timeouts,
        max_connections: int,
        tls: ssl.SSLContext | None = None,
        user_agent: str | None = None,
        largest_body_bytes: int = ONE_MEBIBYTE,
        look_up: Ask = ask_the_system,
    ) -> None:
        self._clock = clock
        self._high_water = high_water or HighWater()
        self._believes_dates = believes_dates
        self._timeouts = timeouts
        self._places = Places(max_connections)
        self._tls = tls or tls_context()
        self._user_agent = user_agent or own_user_agent()
        check_header("user-agent", self._user_agent)
        self._largest_body_bytes = largest_body_bytes
        self._addresses = Addresses(look_up)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Take no more calls and wait for those in flight, at most for their total timeouts."""
        await self._places.aclose()
        self._addresses.close()

    async def call(self, call: Call) -> CallEnd:
        """Send `call` at most once and say how it ended; see `Caller.call`."""
        departure = Departure(self._latest_now, call.not_after)
        timeouts = call.timeout or self._timeouts
        try:
            request = write_request(call, self._user_agent)
            async with Patience(timeouts.total) as patience, self._places.one(timeouts.pool):
                departure.keep_back_when_late()
                patience.allow(timeouts.connect, "no connection in time")
                connection = await self._connect(request)
                try:
                    return await self._exchange(connection, request, departure, patience, timeouts)
                finally:
                    connection.close()
        except NO_ANSWER as error:
            return departure.end(_cause(error))

    def _latest_now(self) -> datetime:
        return self._high_water.latest(self._clock.now())

    async def _connect(self, request: Request) -> socket.socket:
        try:
            addresses = await self._addresses.of(request.host, request.port)
            return await connect(addresses, (RESET_ON_CLOSE, SEND_AT_ONCE))
        except ValueError as error:
            raise IllegalCall("the address has a host that is no name") from error
        except OSError as error:
            raise NoConnection(f"no connection: {system_error(error)}") from error

    async def _exchange(
        self,
        connection: socket.socket,
        request: Request,
        departure: Departure,
        patience: Patience,
        timeouts: Timeouts,
    ) -> Answered:
        line = await self._open(connection, request)
        departure.begin()
        with contextlib.suppress(OSError):  # the peer may have answered before it closed its ear
            await line.send(
                request.sent,
                lambda: patience.allow(timeouts.write, "the request was not taken in time"),
            )
        reader = self._reader(connection, request)
        while True:
            patience.allow(timeouts.read, "no whole answer in time")
            if answer := reader.take(await line.receive()):
                return answer

    async def _open(self, connection: socket.socket, request: Request) -> Line:
        """Give the line on which the request may go out."""
        try:
            if request.tls_name is None:
                line: Line = PlainLine(connection)
            else:
                line = under_tls = TlsLine(connection, self._tls, request.tls_name)
                await under_tls.shake_hands()
            has_spoken = line.has_spoken()
        except (OSError, ValueError) as error:
            raise NoConnection(f"no connection: {system_error(error)}") from error
        if has_spoken:
            raise SpokeFirst("the peer spoke or left before it was asked")
        return line

    def _reader(self, connection: socket.socket, request: Request) -> AnswerReader:
        def on_head(head: Answered) -> None:
            close_ordinarily(connection)
            if self._believes_dates:
                date = head.headers.get("date")
                observe_date(date, self._high_water, now=self._clock.now())

        return AnswerReader(
            request.http, on_head=on_head, largest_body_bytes=self._largest_body_bytes
        )


def _cause(error: Exception) -> str:
    """Say what went wrong in words that repeat nothing of the request or the answer."""
    if isinstance(error, OSError):
        return f"the connection failed: {type(error).__name__}"
    return str(error)
