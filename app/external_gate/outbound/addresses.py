"""The addresses of a host, and a connection to the first of them that accepts one."""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Address = tuple[int, Any]
"""Family, and what the system calls an address of it: Any, because each family has its own."""

Ask = Callable[[str, int], Sequence[Address]]

HEAD_START_SECONDS = 0.25
"""Before the next address is tried beside the one that has not answered: RFC 8305, section 5."""

HOSTS_AT_ONCE = 8
"""Threads. The system may take half a minute over a name whose servers are down, and meanwhile the
names of the others must be found, and nothing else of the process may wait for a thread."""


def ask_the_system(host: str, port: int) -> Sequence[Address]:
    """Look up a host; blocks. Raises `OSError`, or `ValueError` for what can be no name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


class Addresses:
    """Looks hosts up, each once at a time: calls that want the same one share the answer."""

    def __init__(self, ask: Ask = ask_the_system) -> None:
        self._ask = ask
        self._threads = ThreadPoolExecutor(HOSTS_AT_ONCE, thread_name_prefix="look-up")
        self._asked: dict[tuple[str, int], asyncio.Future[Sequence[Address]]] = {}

    async def of(self, host: str, port: int) -> Sequence[Address]:
        """Give at least one address. Raises as `ask_the_system` does."""
        for family in (socket.AF_INET, socket.AF_INET6):
            with contextlib.suppress(OSError, ValueError):
                socket.inet_pton(family, host)
                return [(family, (host, port))]
        asked = self._asked.get((host, port))
        if asked is None:
            asked = self._asked[host, port] = self._begin_to_ask(host, port)
        return await asyncio.shield(asked)  # whoever gives up leaves the answer to the others

    def close(self) -> None:
        """Wait for nothing: what is still asked for is wanted by nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin_to_ask(self, host: str, port: int) -> asyncio.Future[Sequence[Address]]:
        loop = asyncio.get_running_loop()

        def forget(answer: asyncio.Future[Sequence[Address]]) -> None:
            del self._asked[host, port]
            if not answer.cancelled():
                answer.exception()  # seen, even if nobody waits for it any more

        asked = loop.run_in_executor(self._threads, self._ask, host, port)
        asked.add_done_callback(forget)
        return asked


async def connect(
    addresses: Sequence[Address], options: Sequence[tuple[int, int, Any]]
) -> socket.socket:
    """Give a connection to the first address that accepts one, with these options set before.

    Raises the `OSError` of the last address when none does. Cancelled, it leaves nothing open.
    """
    if len(addresses) == 1:
        return await _connect(addresses[0], options)
    untried, trying = deque(addresses), set[asyncio.Task[socket.socket]]()
    try:
        while True:
            if untried:
                trying.add(asyncio.create_task(_connect(untried.popleft(), options)))
            wait = HEAD_START_SECONDS if untried else None
            done, _ = await asyncio.wait(trying, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                trying.discard(task)
                error = task.exception()
                if error is None:
                    trying |= done - {task}
                    return task.result()
                if not untried and not trying:
                    raise error
    finally:
        for task in trying:
            task.cancel()
            task.add_done_callback(_close_unused)


async def _connect(address: Address, options: Sequence[tuple[int, int, Any]]) -> socket.socket:
    family, where = address
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(0)
        for option in options:
            connection.setsockopt(*option)
        await asyncio.get_running_loop().sock_connect(connection, where)
    except BaseException:
        connection.close()
        raise
    return connection


def _close_unused(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()
