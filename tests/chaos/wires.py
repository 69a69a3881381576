"""An event loop in a thread of its own, and how bytes are passed on between two connections."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

Result = TypeVar("Result")

CHUNK = 64 * 1024


@dataclass(eq=False)
class Line:
    """One end of a connection that is passed on."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def cut(self) -> None:
        """End it as a broken network does: without a farewell, whatever was not sent yet."""
        with suppress(OSError):
            self.writer.transport.abort()


@dataclass
class Wires:
    """The loop; others give it work from their own threads."""

    loop: asyncio.AbstractEventLoop
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:  # Any: as the standard library
        """Run something to its end, and give its result."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=30)

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something until the wires are taken down; called in the loop."""
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


@contextmanager
def wires() -> Iterator[Wires]:
    """Give a running loop; everything in it has ended afterwards."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="wires", daemon=True)
    thread.start()
    found = Wires(loop)
    try:
        yield found
    finally:
        asyncio.run_coroutine_threadsafe(_end_all(), loop).result(timeout=30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for _ in range(3):
        await asyncio.sleep(0)  # connections are closed a turn or two later


Through = Callable[[bytes], Awaitable[bytes]]
"""What a piece becomes on its way; it may take its time."""


async def untouched(sent: bytes) -> bytes:
    """Let a piece through as it is."""
    return sent


async def pass_on(one: Line, other: Line, *, through: Through = untouched) -> None:
    """Carry bytes one way until the sender ends, and then tell the receiver of that end."""
    try:
        while sent := await one.reader.read(CHUNK):
            other.writer.write(await through(sent))
            await other.writer.drain()
        await through(b"")
        other.writer.write_eof()
    except OSError:
        one.cut()
        other.cut()
