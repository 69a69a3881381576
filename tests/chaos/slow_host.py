"""The gateway's host, slow where it forgives nothing: many die while such a charge is under way.

`python -m tests.chaos.slow_host BOOKS PORT` listens until killed.
"""

import asyncio
import json
import sqlite3
import sys
from typing import Any

from tests.crashes.sweep_host import SweepHost
from tests.gateways.host import Json, Request

SLOW_SECONDS = 0.4
"""Between the effect and the answer; well below the timeout of a call."""


class SlowHost(SweepHost):
    """Takes the money at once, and takes its time to say so."""

    async def charge(self, request: Request) -> tuple[int, Json | bytes]:
        answer = await super().charge(request)
        if json.loads(request.body)["payer"]["payment_method"] == "pm_keyless":
            await asyncio.sleep(SLOW_SECONDS)  # the fault itself
        return answer


async def main(books: str, port: str) -> None:
    """Listen until killed."""
    connection: Any = sqlite3.connect(books, isolation_level=None)
    host = SlowHost(connection)
    host.open()
    server = await asyncio.start_server(host.serve, "127.0.0.1", int(port))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
