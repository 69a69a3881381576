"""A stranger's application that keeps the wire contract of the `http` gateway; nothing of ours.

As a process of its own: `python tests/gateways/host.py --books FILE [--port 0] [--secret whsec_…]`
prints one line, `listening on http://127.0.0.1:PORT/charges`. Its books survive `kill -9`.

Payment methods: pm_ok, pm_decline_soft, pm_decline_hard, pm_pending, pm_pending_slow (asks not to
be asked for six hours), pm_action (needs the customer), pm_rejected, pm_wrong_amount (takes one
minor unit too much), pm_running (runs until told to finish), and `pm_` with a fault, which then
happens at the first charge of each key.

Faults: drop_before, drop_after, error_before, error_after, hang_before, hang_after (the effect;
before it, nothing is stored), garbage, wrong_key. Ordered for the next call of a kind by
`--faults charge:drop_after,lookup:error_before`, or by POST /_control/faults with
`[{"on":"charge","fault":"drop_after"}]`; kinds are charge, lookup, cancel, refund.

POST /_control/finish `{"attempt_key":"…","status":"succeeded"|"declined"}` ends what is pending or
running, and says so to `--notify-url`. GET /_control/charges counts captures per workflow and key,
GET /_control/requests tells what came in.
"""

import argparse
import asyncio
import hashlib
import json
import sqlite3
import urllib.request
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

Json = dict[str, Any]  # whatever JSON holds

SCHEMA = """
CREATE TABLE IF NOT EXISTS charges (
    attempt_key TEXT PRIMARY KEY, workflow_id TEXT, digest TEXT, method TEXT, state TEXT,
    minor INTEGER, currency TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS captures (number INTEGER PRIMARY KEY, attempt_key TEXT) STRICT;
"""
ENDS = {"pm_decline_soft": "declined", "pm_decline_hard": "declined", "pm_cancelled": "declined"}
PENDING = {"pm_pending", "pm_pending_slow", "pm_action"}
FAULTS = ("drop", "error", "hang")
AFTER = ("drop_after", "error_after", "hang_after", "garbage", "wrong_key")


class Drop(Exception):
    """Close the connection without an answer."""


class Hang(Exception):
    """Never answer."""


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Host:
    books: sqlite3.Connection
    secret: str = ""
    notify_url: str = ""
    faults: list[tuple[str, str]] = field(default_factory=list)
    requests: list[Json] = field(default_factory=list)
    seen_ids: set[str] = field(default_factory=set)
    faulted: set[str] = field(default_factory=set)
    finished: dict[str, asyncio.Event] = field(default_factory=dict)

    def open(self) -> None:
        self.books.execute("PRAGMA synchronous = FULL")
        self.books.executescript(SCHEMA)
        # What ran when we were killed was not charged yet: effect and end are one transaction.
        for (key,) in self.books.execute(
            "SELECT attempt_key FROM charges WHERE state = 'running' AND method != 'pm_running'"
        ).fetchall():
            self.end(key)

    # The books ---------------------------------------------------------------------------------

    def find(self, key: str) -> Json | None:
        cursor = self.books.execute("SELECT * FROM charges WHERE attempt_key = ?", [key])
        row = cursor.fetchone()
        return row and dict(zip((d[0] for d in cursor.description), row, strict=True))

    def store(self, key: str, order: Json, digest: str, *, method: str, state: str) -> None:
        money = order.get("amount", {})
        row = [key, order.get("workflow_id"), digest, method, state]
        row += [money.get("minor"), money.get("currency")]
        self.books.execute("INSERT INTO charges VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def end(self, key: str, state: str | None = None) -> None:
        """Take the money and write down that it was taken, in one transaction."""
        charge = self.find(key)
        assert charge is not None
        method = charge["method"]
        state = state or ("pending" if method in PENDING else ENDS.get(method, "succeeded"))
        self.books.execute("BEGIN IMMEDIATE")
        if state == "succeeded":
            self.books.execute("INSERT INTO captures (attempt_key) VALUES (?)", [key])
        self.books.execute("UPDATE charges SET state = ? WHERE attempt_key = ?", [state, key])
        self.books.execute("COMMIT")

    def captures(self) -> Json:
        found: Json = {}
        for workflow, key, count in self.books.execute(
            "SELECT workflow_id, charges.attempt_key, count(number) FROM charges"
            " LEFT JOIN captures USING (attempt_key) GROUP BY charges.attempt_key"
        ):
            found.setdefault(workflow or "", {})[key] = count
        return found

    # The contract ------------------------------------------------------------------------------

    def record(self, charge: Json) -> Json:
        """Answer from the books."""
        key, method = charge["attempt_key"], charge["method"]
        said: Json = {"attempt_key": key, "charge_id": f"host-{key}", "status": charge["state"]}
        match charge["state"]:
            case "succeeded" | "refunded":
                taken = charge["minor"] + (method == "pm_wrong_amount")
                amount = {"minor": taken, "currency": charge["currency"]}
                return {**said, "status": "succeeded", "amount": amount}
            case "declined" | "cancelled":
                kind = "soft" if method == "pm_decline_soft" else "hard"
                decline = {"kind": kind, "code": charge["state"], "message": "no"}
                return {**said, "status": "declined", "decline": decline}
            case _:
                action = {"action_url": "https://host.example/act"} if method == "pm_action" else {}
                poll = 6 * 3600 if method == "pm_pending_slow" else 2
                return {**said, "status": "pending", "next_poll_seconds": poll, **action}

    async def charge(self, request: Request) -> tuple[int, Json | bytes]:
        order = json.loads(request.body)
        key = order["attempt_key"]
        digest = hashlib.sha256(request.body).hexdigest()
        if request.headers.get("idempotency-key") != key:
            return 422, {"status": "rejected", "message": "Idempotency-Key is not attempt_key"}
        known = self.find(key)
        if known is not None:
            burnt = known["digest"] == ""
            same = burnt or known["digest"] == digest
            return (200, self.record(known)) if same else (409, {"status": "conflict"})
        method = order["payer"]["payment_method"]
        if method == "pm_rejected":
            return 422, {"status": "rejected", "message": f"no such customer; {self.secret}"}
        fault = self.next_fault("charge") or self.fault_of(method, key)
        self.before(fault)
        self.store(key, order, digest, method=method, state="running")
        if method == "pm_running":
            await self.finished.setdefault(key, asyncio.Event()).wait()
        else:
            self.end(key)
        return self.after(fault, self.record(self.find(key) or {}))

    def lookup(self, key: str) -> tuple[int, Json | bytes]:
        fault = self.next_fault("lookup")
        self.before(fault)
        known = self.find(key)
        if known is None:
            return self.after(fault, {"status": "never_seen", "attempt_key": key}, status=404)
        return self.after(fault, self.record(known))

    def cancel(self, key: str) -> tuple[int, Json | bytes]:
        fault = self.next_fault("cancel")
        self.before(fault)
        known = self.find(key)
        if known is None:
            self.store(key, {}, "", method="pm_cancelled", state="cancelled")
        elif known["state"] == "pending":
            self.end(key, "cancelled")
        elif known["state"] == "running":
            return self.after(fault, {"status": "pending"})
        elif known["state"] in {"succeeded", "refunded"}:
            return self.after(fault, {"status": "too_late", "message": "money was taken"})
        return self.after(fault, {"status": "undone"})

    def refund(self, key: str) -> tuple[int, Json | bytes]:
        fault = self.next_fault("refund")
        self.before(fault)
        known = self.find(key)
        if known is None or known["state"] not in {"succeeded", "refunded"}:
            return self.after(fault, {"status": "too_late", "message": "nothing was taken"})
        self.end(key, "refunded")
        return self.after(fault, {"status": "undone"})

    # Faults ------------------------------------------------------------------------------------

    def next_fault(self, kind: str) -> str:
        for place, (on, fault) in enumerate(self.faults):
            if on == kind:
                del self.faults[place]
                return fault
        return ""

    def fault_of(self, method: str, key: str) -> str:
        fault = method.removeprefix("pm_")
        if fault.removesuffix("_before").removesuffix("_after") not in (*FAULTS, *AFTER):
            return ""
        first = key not in self.faulted
        self.faulted.add(key)
        return fault if first else ""

    def before(self, fault: str) -> None:
        if fault == "drop_before":
            raise Drop
        if fault == "hang_before":
            raise Hang
        if fault == "error_before":
            raise RuntimeError("as ordered")

    def after(self, fault: str, said: Json, *, status: int = 200) -> tuple[int, Json | bytes]:
        match fault:
            case "drop_after":
                raise Drop
            case "hang_after":
                raise Hang
            case "error_after":
                return 500, {"status": "error"}
            case "garbage":
                return status, b'{"status":"succeeded","charge_id":"x","amount":{"minor":1500.0'
            case "wrong_key":
                return status, {**said, "attempt_key": "a" * 20}
            case _:
                return status, said

    # The door ----------------------------------------------------------------------------------

    async def answer(self, request: Request) -> tuple[int, Json | bytes]:
        if request.path.startswith("/_control/"):
            return await self.control(request)
        names = ("idempotency-key", "webhook-id", "content-type")
        seen = {name: request.headers.get(name) for name in names}
        self.requests.append({"method": request.method, "path": request.path, **seen})
        if not self.is_signed(request):
            return 401, {"status": "rejected", "message": "the signature is wrong"}
        match request.method, request.path.strip("/").split("/"):
            case "POST", ["charges"]:
                return await self.charge(request)
            case "GET", ["charges", key]:
                return self.lookup(key)
            case "POST", ["charges", key, "cancel"]:
                return self.cancel(key)
            case "POST", ["charges", key, "refund"]:
                return self.refund(key)
            case _:
                return 404, {"status": "not_found"}

    def is_signed(self, request: Request) -> bool:
        if not self.secret:
            return True
        try:
            Webhook(self.secret).verify(request.body, request.headers, json_parse=False)
        except WebhookVerificationError:
            return False
        # A replayed call carries an id that we know.
        fresh = request.headers["webhook-id"] not in self.seen_ids
        self.seen_ids.add(request.headers["webhook-id"])
        return fresh

    async def control(self, request: Request) -> tuple[int, Json]:
        match request.path.removeprefix("/_control/"):
            case "faults":
                self.faults += [(item["on"], item["fault"]) for item in json.loads(request.body)]
            case "finish":
                said = json.loads(request.body)
                self.end(said["attempt_key"], said["status"])
                self.finished.setdefault(said["attempt_key"], asyncio.Event()).set()
                if self.notify_url:
                    await asyncio.to_thread(self.notify, said["attempt_key"])
            case "charges":
                return 200, self.captures()
            case "requests":
                return 200, {"requests": self.requests}
        return 200, {}

    def notify(self, key: str) -> None:
        body = json.dumps({"attempt_key": key})
        now, number = datetime.now(UTC), f"note_{uuid.uuid4().hex}"
        headers = {"webhook-id": number, "webhook-timestamp": str(int(now.timestamp()))}
        if self.secret:
            headers["webhook-signature"] = Webhook(self.secret).sign(number, now, body)
        call = urllib.request.Request(self.notify_url, body.encode(), headers, method="POST")  # noqa: S310 # the test's own address
        with urllib.request.urlopen(call, timeout=10) as answer:  # noqa: S310
            answer.read()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await read_request(reader)) is not None:
                try:
                    status, said = await self.answer(request)
                except (RuntimeError, ValueError, KeyError):
                    status, said = 500, {"status": "error"}
                body = said if isinstance(said, bytes) else json.dumps(said).encode()
                head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        except Hang:
            await reader.read()  # until the caller gives up
        except (Drop, ConnectionError, asyncio.IncompleteReadError):
            writer.transport.abort()
        finally:
            writer.close()


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.split("\r\n")
    method, path, _ = first.split(" ")
    pairs = (line.split(":", 1) for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, body)


def read_faults(text: str) -> Iterable[tuple[str, str]]:
    for item in filter(None, text.split(",")):
        on, _, fault = item.partition(":")
        yield on, fault


async def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--books", required=True)
    options.add_argument("--secret", default="")
    options.add_argument("--faults", default="")
    options.add_argument("--notify-url", default="")
    given = options.parse_args()
    books = sqlite3.connect(given.books, isolation_level=None)
    host = Host(books, given.secret, given.notify_url, list(read_faults(given.faults)))
    host.open()
    server = await asyncio.start_server(host.serve, "127.0.0.1", given.port)
    port = server.sockets[0].getsockname()[1]
    print(f"listening on http://127.0.0.1:{port}/charges", flush=True)  # noqa: T201
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
