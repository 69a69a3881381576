"""The listener's sockets, as the event loop finds them."""

import asyncio
import socket

from external_gate.web.server import listen


async def test_no_part_of_an_answer_waits_for_the_one_before_it() -> None:
    """Else every second answer of a kept connection comes 40 ms late."""
    told: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        told.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with listen("127.0.0.1", 0) as listener:
        async with await asyncio.start_server(accept, sock=listener):
            _, sender = await asyncio.open_connection(*listener.getsockname())
            assert await told == 1
            sender.close()
