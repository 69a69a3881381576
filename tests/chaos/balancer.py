"""A small load balancer as Kubernetes has it: it asks who is ready, and chooses per connection.

It looks into no request. A connection stays with its replica until either side ends it, also when
that replica is not ready any more; so does kube-proxy.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.wires import Line, Wires, pass_on

ASK_EVERY_SECONDS = 0.1
ANSWER_WITHIN_SECONDS = 2.0


@dataclass
class Balancer:
    """Listens on one address for several replicas, each by its port."""

    wires: Wires
    replicas: Mapping[str, int]
    ready: set[str] = field(default_factory=set)
    """Who answered 200 when last asked."""
    port: int = 0
    turn: "itertools.count[int]" = field(default_factory=itertools.count)

    def start(self) -> None:
        """Listen on a free port, and begin to ask."""
        self.wires.run(self._start())

    @property
    def url(self) -> str:
        """Give the address at which the service is to be reached."""
        return f"http://127.0.0.1:{self.port}"

    async def _start(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        self.wires.keep(self._keep_listening(server))
        for name in self.replicas:
            self.wires.keep(self._keep_asking(name))

    async def _keep_listening(self, server: asyncio.Server) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            server.close()

    async def _keep_asking(self, name: str) -> None:
        while True:
            if await _is_ready(self.replicas[name]):
                self.ready.add(name)
            else:
                self.ready.discard(name)
            await asyncio.sleep(ASK_EVERY_SECONDS)  # as a balancer does

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.wires.keep(self._serve(Line(reader, writer)))

    async def _serve(self, client: Line) -> None:
        try:
            async with self._a_replica() as replica:
                if replica is not None:
                    await asyncio.gather(pass_on(client, replica), pass_on(replica, client))
        finally:
            client.writer.close()

    @contextlib.asynccontextmanager
    async def _a_replica(self) -> AsyncIterator[Line | None]:
        """Connect to one that is ready, in turns; to the next where one has just gone."""
        for name in self._in_turn():
            with contextlib.suppress(OSError):
                line = Line(*await asyncio.open_connection("127.0.0.1", self.replicas[name]))
                break
        else:
            yield None
            return
        try:
            yield line
        finally:
            line.writer.close()

    def _in_turn(self) -> Sequence[str]:
        names = sorted(self.ready)
        first = next(self.turn) % len(names) if names else 0
        return [*names[first:], *names[:first]]


async def _is_ready(port: int) -> bool:
    try:
        async with asyncio.timeout(ANSWER_WITHIN_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET /readyz HTTP/1.1\r\nhost: replica\r\nconnection: close\r\n\r\n")
                return b" 200 " in await reader.readline()
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError):
        return False
