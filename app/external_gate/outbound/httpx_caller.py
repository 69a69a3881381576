"""A caller over httpx, which knows proxies: it sends a call once and says truthfully how it ended.

Every call has a connection of its own. A kept one can be closed by the peer under our request,
which ends unknown for nothing, and httpcore takes what a peer sent unasked for the answer to the
next call. Nor is it slower than one shared client: scanning its pool costs more than connecting
(encode/httpcore#1035), and a cancelled wait can lose a place in it for ever (encode/httpcore#1093).
"""

import asyncio
import logging
import ssl
from datetime import datetime
from types import TracebackType
from typing import Self

import httpx

from external_gate.domain.clock import Clock, HighWater
from external_gate.outbound.answer_date import observe_date
from external_gate.outbound.answer_reader import ONE_MEBIBYTE, AnswerTooLarge
from external_gate.outbound.calls import Answered, Call, CallEnd, Timeouts
from external_gate.outbound.closing import RESET_ON_CLOSE, close_ordinarily
from external_gate.outbound.departure import DeadlinePassed
from external_gate.outbound.legal_call import IllegalCall, check_call, check_url
from external_gate.outbound.passage import Passage
from external_gate.outbound.places import NoFreePlace, Places
from external_gate.outbound.system_error import system_error
from external_gate.outbound.tls import own_user_agent, tls_context

ONE_CONNECTION = httpx.Limits(max_connections=1, max_keepalive_connections=0)

# Every way in which a call can end without an answer. OSError covers the operating system, TLS and
# our own TimeoutError; ValueError a host name that cannot be looked up; InvalidURL a redirect to
# nowhere, which httpx takes apart although it is not to follow it.
NO_ANSWER = (
    IllegalCall,
    NoFreePlace,
    DeadlinePassed,
    AnswerTooLarge,
    httpx.HTTPError,
    httpx.StreamError,
    httpx.InvalidURL,
    OSError,
    ValueError,
)


class HttpxCaller:
    """A `Caller` over httpx; its promises are written there.

    `tls` says whose certificates are believed, the public authorities' by default. `trust_env`
    takes proxies from the environment. Send deadlines are judged by the latest
    plausible time, `high_water`; with `believes_dates` it learns the `Date` of every answer. At
    most `max_connections` calls run at once, the others wait. For one event loop.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        high_water: HighWater | None,
        believes_dates: bool = True,
        timeouts: Timeouts,
        max_connections: int,
        trust_env: bool = False,
        tls: ssl.SSLContext | None = None,
        user_agent: str | None = None,
        largest_body_bytes: int = ONE_MEBIBYTE,
    ) -> None:
        silence_client_logs()
        self._clock = clock
        self._high_water = high_water or HighWater()
        self._believes_dates = believes_dates
        self._timeouts = timeouts
        self._places = Places(max_connections)
        self._trust_env = trust_env
        self._tls = tls or tls_context(trust_env=trust_env)
        self._user_agent = user_agent or own_user_agent()
        self._largest_body_bytes = largest_body_bytes

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

    async def call(self, call: Call) -> CallEnd:
        """Send `call` at most once and say how it ended; see `Caller.call`."""
        passage = Passage(self._latest_now, call.not_after)
        timeouts = call.timeout or self._timeouts
        try:
            request = self._build(call, passage, timeouts)
            async with asyncio.timeout(timeouts.total.total_seconds()):
                async with self._places.one(timeouts.pool), self._client() as client:
                    passage.hand_over()
                    return await self._exchange(client, request)
        except NO_ANSWER as error:
            return passage.end(_cause(error))

    def _build(self, call: Call, passage: Passage, timeouts: Timeouts) -> httpx.Request:
        check_call(call)
        headers = httpx.Headers({"User-Agent": self._user_agent, "Accept": "*/*"})
        headers.update(call.headers)
        headers.update({"Accept-Encoding": "identity", "Connection": "close"})
        extensions: dict[str, object] = {
            "timeout": _phase_seconds(timeouts),
            "trace": passage.trace,
        }
        url = check_url(call.url)
        if call.connect_to is not None:
            headers["Host"] = url.netloc.decode("ascii")
            extensions["sni_hostname"] = url.raw_host.decode("ascii")  # TLS proves the name by it
            url = url.copy_with(host=call.connect_to)
        return httpx.Request(
            call.method, url, headers=headers, content=call.body, extensions=extensions
        )

    def _latest_now(self) -> datetime:
        return self._high_water.latest(self._clock.now())

    def _client(self) -> httpx.AsyncClient:
        if self._trust_env:
            # Only so does httpx look for proxies; a proxy delivers what it has in any case, so
            # that resetting our end of the connection would prove nothing.
            return httpx.AsyncClient(verify=self._tls, limits=ONE_CONNECTION)
        transport = httpx.AsyncHTTPTransport(
            verify=self._tls,
            trust_env=False,
            limits=ONE_CONNECTION,
            socket_options=[RESET_ON_CLOSE],
        )
        return httpx.AsyncClient(transport=transport, trust_env=False)

    async def _exchange(self, client: httpx.AsyncClient, request: httpx.Request) -> Answered:
        response = await client.send(request, stream=True, auth=None, follow_redirects=False)
        try:
            close_ordinarily(response.extensions["network_stream"].get_extra_info("socket"))
            if self._believes_dates:
                date = response.headers.get("date")
                observe_date(date, self._high_water, now=self._clock.now())
            body = await self._read_body(response)
        finally:
            await response.aclose()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answered(response.status_code, headers, body)

    async def _read_body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self._largest_body_bytes:
                raise AnswerTooLarge(self._largest_body_bytes)
        return bytes(body)


def silence_client_logs() -> None:
    """Keep httpx and httpcore below WARNING out of the logs: they write whole URLs and headers.

    Every caller does this when it is made; do it again after logging has been set up anew.
    """
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _phase_seconds(timeouts: Timeouts) -> dict[str, float]:
    return {
        "connect": timeouts.connect.total_seconds(),
        "read": timeouts.read.total_seconds(),
        "write": timeouts.write.total_seconds(),
        "pool": timeouts.pool.total_seconds(),
    }


def _cause(error: Exception) -> str:
    """Say what went wrong in words that repeat nothing of the request or the answer."""
    match error:
        case IllegalCall() | NoFreePlace() | AnswerTooLarge() | DeadlinePassed():
            return str(error)
        case httpx.ConnectError():
            return f"no connection: {system_error(error)}"
        case httpx.ConnectTimeout():
            return "no connection in time"
        case httpx.WriteTimeout():
            return "the request was not taken in time"
        case httpx.ReadTimeout():
            return "no whole answer in time"
        case TimeoutError():
            return "the call took longer than its total timeout"
        case httpx.RemoteProtocolError() | httpx.InvalidURL():
            return "the answer was missing, cut off or not HTTP"
        case _:
            return f"the connection failed: {type(error).__name__}"
