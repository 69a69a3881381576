"""The stranger's host of the `http` gateway, with more ways to behave; its books are its own.

More payment methods: pm_pending_soft and pm_pending_wrong are pending, and end as a soft decline or
with one minor unit too much; pm_pending_long asks for a day of silence, and its end is told by a
notification, again and again until it is acknowledged; pm_no_refund cannot be given back; pm_slow
is answered half a second after its effect; pm_keyless takes the money again at every repeat;
pm_liar does so too, and says that it has never seen the charge.

GET /_control/books tells all, POST /_control/mend ends every fault that was ordered.
"""

import asyncio
import json
import sqlite3
from dataclasses import dataclass, field
from typing import Any

from tests.gateways.host import PENDING, Host, Json, Request

PENDING |= {"pm_pending_soft", "pm_pending_wrong", "pm_pending_long"}
SLOW_SECONDS = 0.5


@dataclass
class SweepHost(Host):
    """Keeps the wire contract, and a little more than its parent can go wrong."""

    telling: list[asyncio.Task[None]] = field(default_factory=list)

    def record(self, charge: Json) -> Json:
        said = super().record(charge)
        match charge["method"], said["status"]:
            case "pm_pending_soft", "declined":
                said["decline"]["kind"] = "soft"
            case "pm_pending_wrong", "succeeded":
                said["amount"]["minor"] += 1
            case "pm_pending_long", "pending":
                said["next_poll_seconds"] = 86_400
        return said

    async def charge(self, request: Request) -> tuple[int, Json | bytes]:
        order = json.loads(request.body)
        key, method = order["attempt_key"], order["payer"]["payment_method"]
        if method in {"pm_keyless", "pm_liar"} and self.find(key) is not None:
            self.end(key)  # once more
            return 200, self.record(self.find(key) or {})
        answer = await super().charge(request)
        if method == "pm_slow":
            await asyncio.sleep(SLOW_SECONDS)
        return answer

    def lookup(self, key: str) -> tuple[int, Json | bytes]:
        known = self.find(key)
        if known is not None and known["method"] == "pm_liar":
            return 404, {"status": "never_seen", "attempt_key": key}
        return super().lookup(key)

    def refund(self, key: str) -> tuple[int, Json | bytes]:
        known = self.find(key)
        if known is not None and known["method"] == "pm_no_refund":
            return 200, {"status": "too_late", "message": "it was paid out"}
        return super().refund(key)

    async def control(self, request: Request) -> tuple[int, Json]:
        match request.path.removeprefix("/_control/"):
            case "books":
                return 200, {"charges": self.everything()}
            case "finish":
                said = json.loads(request.body)
                key = said["attempt_key"]
                self.end(key, said["status"])
                known = self.find(key)
                if known is not None and known["method"] == "pm_pending_long":
                    self.telling.append(asyncio.create_task(self.keep_telling(key)))
                return 200, {}
            case "mend":
                self.faults.clear()
                return 200, {}
            case _:
                return await super().control(request)

    async def keep_telling(self, key: str) -> None:
        """Notify until it is acknowledged, as gateways do."""
        while True:
            try:
                return await asyncio.to_thread(self.notify, key)
            except OSError:
                await asyncio.sleep(0.2)

    def everything(self) -> list[Json]:
        """Give every charge with how often its money was taken."""
        cursor = self.books.execute(
            "SELECT charges.*, count(number) AS captures FROM charges"
            " LEFT JOIN captures USING (attempt_key)"
            " GROUP BY charges.attempt_key ORDER BY charges.rowid"
        )
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


async def run(books: str, *, port: int, secret: str, notify_url: str) -> None:
    """Listen until killed."""
    connection: Any = sqlite3.connect(books, isolation_level=None)
    host = SweepHost(connection, secret, notify_url)
    host.open()
    server = await asyncio.start_server(host.serve, "127.0.0.1", port)
    await server.serve_forever()
