"""The network between one process and the database; it can be cut in three ways.

A cable listens on TCP and leads to the database's socket, on this machine a file.
"""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tests.chaos.wires import Line, Wires, pass_on


class Cut(StrEnum):
    """How a cable fails."""

    BROKEN = "broken"  # connections end at once, and no new one is made
    SILENT = "silent"  # nothing arrives any more on either side; nobody hears of an end
    DEAF = "deaf"  # what the process sends arrives and takes effect; no answer comes back


@dataclass
class Cable:
    """Carries connections while it is whole."""

    wires: Wires
    database: Path
    """The socket that PostgreSQL listens on."""
    port: int = 0
    _cut: Cut | None = None
    _whole: asyncio.Event = field(default_factory=asyncio.Event)
    _ends: set[Line] = field(default_factory=set)

    def start(self) -> None:
        """Listen on a free port."""
        self.wires.run(self._start())

    def cut(self, how: Cut) -> None:
        """Fail from now on."""
        self.wires.run(self._fail(how))

    def mend(self) -> None:
        """Carry again. What was held back by a silent cable arrives late, as from a real one."""
        self.wires.run(self._mend())

    async def _start(self) -> None:
        self._whole.set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.wires.keep(self._keep_listening(server))

    async def _keep_listening(self, server: asyncio.Server) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            server.close()

    async def _fail(self, how: Cut) -> None:
        self._cut = how
        match how:
            case Cut.BROKEN:
                self._end_all()
            case Cut.SILENT:
                self._whole.clear()
            case Cut.DEAF:
                pass

    async def _mend(self) -> None:
        if self._cut is Cut.DEAF:
            self._end_all()  # answers are missing in them
        self._cut = None
        self._whole.set()

    def _end_all(self) -> None:
        for end in self._ends:
            end.cut()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.wires.keep(self._carry(Line(reader, writer)))

    async def _carry(self, process: Line) -> None:
        self._ends.add(process)
        try:
            await self._whole.wait()
            if self._cut is not Cut.BROKEN:
                await self._carry_to_database(process)
        except OSError:
            pass  # it is down
        finally:
            process.cut()
            self._ends.discard(process)

    async def _carry_to_database(self, process: Line) -> None:
        database = Line(*await asyncio.open_unix_connection(self.database))
        self._ends.add(database)
        try:
            await asyncio.gather(
                pass_on(process, database, through=self._when_whole),
                pass_on(database, process, through=self._unless_deaf),
            )
        finally:
            database.cut()
            self._ends.discard(database)

    async def _when_whole(self, sent: bytes) -> bytes:
        await self._whole.wait()
        return sent

    async def _unless_deaf(self, sent: bytes) -> bytes:
        await self._whole.wait()
        return b"" if self._cut is Cut.DEAF else sent
