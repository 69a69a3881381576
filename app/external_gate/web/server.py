"""The listener: uvicorn that drains in the process' own order, and is patient with nobody for ever.

uvicorn alone has no limit on connections that never finish their headers, nor on ones that never
read; see `open_connections`.
"""

import asyncio
import importlib.util
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from external_gate.domain.errors import Broken
from external_gate.observe import events
from external_gate.settings.model import HttpParser, ServerSettings
from external_gate.web.open_connections import OpenConnections
from external_gate.web.wary_h11 import WaryH11Protocol

LARGEST_HEADERS_BYTES = 32 * 1024
"""More than any sender of ours needs; uvicorn would take twice as much."""

BACKLOG = 2048
"""Connections that may wait to be accepted, for a burst after an outage of Metronome's."""

RECEIVE_BUFFER_BYTES = 16 * 1024
"""What the system keeps of a connection before we read it. It bounds the memory of many, and how
long one can keep the others waiting: what arrives at once is also read and parsed at once."""

PART_ACCEPTED_AT_ONCE = 8
"""The part, one in so many, of all connections that is taken in before the others are read again: a
crowd that is taken in all at once would push out a sender whose request has arrived but was not
read yet, and one that is taken in slowly waits for longer than its answer takes."""

CONNECTIONS_END_WITHIN_SECONDS = 15
"""How long open requests may take to end once the listener is closed."""

FILES_KEPT_FREE = 200
"""Of those that the system lets us open: for the store, the log, and the calls to Metronome and
gateways at the usual concurrency. A listener that took them all would stop the charging too."""

FEWEST_CONNECTIONS = 16
"""Where the system allows hardly any files: better to fail at times than to receive nothing."""

TELL_EVERY_TICKS = 100
"""uvicorn ticks ten times a second; an attack is worth a line every ten seconds, not more."""


class DrainingServer(uvicorn.Server):
    """Leaves signals to the process, and closes connections that only stand about.

    uvicorn alone closes the listener the instant SIGTERM arrives, before any load balancer has
    noticed, and ends the process before charges in flight are saved.
    """

    def __init__(self, config: uvicorn.Config, connections: OpenConnections) -> None:
        super().__init__(config)
        self._open_connections = connections
        # Every connection of uvicorn's enters and leaves by this set, whatever parses it.
        self.server_state.connections = connections  # type: ignore[assignment]  # it is a set to uvicorn

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept; the queue at the listener stays as long as `listen` made it."""
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(BACKLOG)  # asyncio has one number for the queue and for a turn's share

    async def on_tick(self, counter: int) -> bool:
        """Look at the connections; uvicorn calls it ten times a second."""
        self._open_connections.sweep(asyncio.get_running_loop().time())
        if counter % TELL_EVERY_TICKS == 0 and (closed := self._open_connections.taken_closed()):
            events.log().warning(events.CONNECTIONS_CLOSED, **closed)
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing."""
        yield


def make_server(app: ASGIApp, knobs: ServerSettings | None = None) -> DrainingServer:
    """Make a server that is not started yet; its sockets come from `listen`.

    Without `knobs` it has the default limits.
    """
    knobs = knobs or ServerSettings()
    most = fitting(knobs.max_connections)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # one line per step is enough, and the access log costs a third of them
        proxy_headers=False,  # nobody is told from others by his address
        lifespan="off",
        http=_parser(knobs.http_parser),
        ws="none",
        backlog=max(1, most // PART_ACCEPTED_AT_ONCE),
        server_header=False,
        h11_max_incomplete_event_size=LARGEST_HEADERS_BYTES,
        timeout_graceful_shutdown=CONNECTIONS_END_WITHIN_SECONDS,
    )
    connections = OpenConnections(most=most, patience_seconds=knobs.header_timeout_seconds)
    return DrainingServer(config, connections)


def _parser(wanted: HttpParser) -> type[asyncio.Protocol]:
    if wanted == "h11" or (wanted == "auto" and importlib.util.find_spec("httptools") is None):
        return WaryH11Protocol
    try:
        from external_gate.web.wary_httptools import WaryHttpToolsProtocol  # noqa: PLC0415
    except ImportError as error:
        raise Broken(
            "server.http_parser is httptools, which is not installed: "
            "pip install 'external-gate[fast]'"
        ) from error
    return WaryHttpToolsProtocol


def fitting(most_connections: int) -> int:
    """Give how many connections fit beside our own files into what the system lets us open."""
    open_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if open_files == resource.RLIM_INFINITY:
        return most_connections
    return min(most_connections, max(FEWEST_CONNECTIONS, open_files - FILES_KEPT_FREE))


@contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on an address; port 0 takes any free one. Raises `Broken` when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol must be named: only then asyncio sends the parts of an answer without waiting for
    # the sender to confirm the first, which takes him 40 ms.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit it.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        try:
            listener.bind((host, port))
            listener.listen(BACKLOG)
        except OSError as error:
            raise Broken(
                f"cannot listen on {host}:{port} ({error.strerror}): "
                "choose another server.host or server.port"
            ) from error
        yield listener
