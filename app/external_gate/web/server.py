"""The listener: uvicorn without signals of its own, because the process drains in its own order."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from external_gate.domain.errors import Broken

LARGEST_HEADERS_BYTES = 32 * 1024
"""More than any sender of ours needs; uvicorn would take twice as much."""

BACKLOG = 2048
"""Connections that may wait to be accepted, for a burst after an outage of Metronome's."""

CONNECTIONS_END_WITHIN_SECONDS = 15
"""How long open requests may take to end once the listener is closed."""


class DrainingServer(uvicorn.Server):
    """Leaves signals to the process.

    uvicorn alone closes the listener the instant SIGTERM arrives, before any load balancer has
    noticed, and ends the process before charges in flight are saved.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing."""
        yield


def make_server(app: ASGIApp) -> DrainingServer:
    """Make a server that is not started yet; its sockets come from `listen`."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # one line per step is enough, and the access log costs a third of them
        lifespan="off",
        server_header=False,
        h11_max_incomplete_event_size=LARGEST_HEADERS_BYTES,
        timeout_graceful_shutdown=CONNECTIONS_END_WITHIN_SECONDS,
    )
    return DrainingServer(config)


@contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on an address; port 0 takes any free one. Raises `Broken` when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(BACKLOG)
        except OSError as error:
            raise Broken(
                f"cannot listen on {host}:{port} ({error.strerror}): "
                "choose another server.host or server.port"
            ) from error
        yield listener
