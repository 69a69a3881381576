"""Targets of the whole receiving side: the application with a real store, called as a server does.

What a server has done before is done here: names of headers in lower case, the path decoded. All
that is logged meanwhile is looked at before anything is masked in it.
"""

import asyncio
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp, Message
from structlog.testing import capture_logs

from external_gate.domain.workflow import HeldReason
from external_gate.gateways.gateway import Gateway, Surroundings
from external_gate.gateways.http_gateway import HttpGateway, HttpSettings
from external_gate.gateways.sandbox import SandboxGateway, SandboxSettings
from external_gate.intake.gateway_notices import NoticeReceiver
from external_gate.intake.receive import Receiver
from external_gate.intake.signature import AgeLimits, http_date, sign
from external_gate.observe.metrics import Metrics
from external_gate.observe.notice_observer import LoggingNoticeObserver, NoticeKept, NoticeTold
from external_gate.observe.observer import LoggingObserver, NotificationKept
from external_gate.observe.redaction import Redactor
from external_gate.outbound import standard_webhooks
from external_gate.stores.sqlite import SqliteStore
from external_gate.web.app import create_app
from external_gate.web.bearer import Bearers
from external_gate.web.gateway_webhooks import GatewayWebhook
from external_gate.web.health import Health, Readiness
from external_gate.web.payer_changes import PayerChanges
from external_gate.web.webhooks import MetronomeWebhook
from tests.hostile_input.canary import CANARY, WHSEC, tells_canary
from tests.hostile_input.planned_caller import NOW, PlannedCaller, StandingClock
from tests.hostile_input.samples import PAIR, notifications
from tests.hostile_input.target import Judge, Target, fields, header_lines, joined

BODY_LIMIT = 262_144
"""The default of server.body_limit_bytes."""

AGES = {
    b"signed": timedelta(0),
    b"stale": timedelta(hours=80),
    b"old": timedelta(days=8),
    b"early": timedelta(minutes=-10),
}
"""How old a delivery is that we sign; every other one is sent with nothing but its own headers."""

Headers = list[tuple[bytes, bytes]]


class Heard(LoggingObserver):
    """Remembers under which number a delivery was kept."""

    number: int | None = None

    def recorded(
        self,
        recorded: NotificationKept,
        kind: str,
        age: timedelta,
        flaw: str | None,
        *,
        held: HeldReason | None = None,
    ) -> None:
        """Remember, and log as usual."""
        self.number = recorded.number
        super().recorded(recorded, kind, age, flaw, held=held)


class HeardNotices(LoggingNoticeObserver):
    """Remembers the notices that were kept."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__(metrics)
        self.taken: list[NoticeTold] = []

    def notice_taken(self, notice: NoticeTold, taken: NoticeKept) -> None:
        """Remember, and log as usual."""
        self.taken.append(notice)
        super().notice_taken(notice, taken)


@dataclass
class Served:
    """The application, and what became of the last request."""

    app: ASGIApp
    store: SqliteStore
    heard: Heard
    notices: HeardNotices
    runner: asyncio.Runner
    redactor: Redactor = field(default_factory=lambda: Redactor([CANARY]))

    def post(self, path: str, headers: Headers, body: bytes) -> int:
        """Send one request; gives the status once answer and log have been looked at."""
        self.heard.number = None
        self.notices.taken.clear()
        answer: list[Message] = []
        with capture_logs() as logged:
            self.runner.run(self._call(path, headers, body, answer))
        self._look_at_log(logged, may_tell=CANARY.encode() in body)
        start = next(said for said in answer if said["type"] == "http.response.start")
        said = b"".join(part.get("body", b"") for part in answer)
        assert isinstance(json.loads(said), dict)
        assert len(said) <= 2000, "an answer repeats what came in"
        assert CANARY.encode() not in said
        assert all(b"\n" not in name + value for name, value in start["headers"])
        return int(start["status"])

    async def _call(self, path: str, headers: Headers, body: bytes, answer: list[Message]) -> None:
        parts = [body[:1], body[1:]] if len(body) % 2 else [body]
        coming: list[Message] = [
            {"type": "http.request", "body": part, "more_body": place < len(parts)}
            for place, part in enumerate(parts, 1)
        ]

        async def receive() -> Message:
            return coming.pop(0) if coming else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            answer.append(message)

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
            "scheme": "http", "path": path, "raw_path": b"/", "query_string": b"", "root_path": "",
            "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8080),
        }  # fmt: skip
        await self.app(scope, receive, send)

    def _look_at_log(self, logged: Sequence[Any], *, may_tell: bool) -> None:
        # Any: structlog's records. Looked at before anything is masked: what is never said cannot
        # slip through. Only a sender who knows the secret can make us say it, as an id of theirs.
        for record in logged:
            assert may_tell or not tells_canary(record), "a secret was logged"
            written = json.dumps(self.redactor(None, "info", record))
            assert CANARY not in written
            assert len(written) <= 5000

    def kept_body(self) -> bytes | None:
        """Give the body of the delivery that was recorded last."""
        if self.heard.number is None:
            return None
        found = self.runner.run(self.store.notification(self.heard.number))
        return None if found is None else found.body


@contextmanager
def served() -> Iterator[Served]:
    """Put the receiving side together on a file of its own."""
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        store = SqliteStore(Path(folder) / "gate.db")
        runner.run(store.open())
        clock, metrics = StandingClock(), Metrics(CollectorRegistry())
        heard, notices = Heard(metrics), HeardNotices(metrics)
        gateways = _gateways(Path(folder))
        webhook = MetronomeWebhook(
            Receiver(store, [CANARY], AgeLimits(), clock, heard),
            body_limit_bytes=BODY_LIMIT,
            body_timeout_seconds=10,
            wake=lambda: None,
        )
        gateway_webhook = GatewayWebhook(
            NoticeReceiver(store, gateways, clock, notices),
            body_limit_bytes=BODY_LIMIT,
            body_timeout_seconds=10,
            wake=lambda: None,
        )
        health = Health(store, clock, metrics, Readiness(), lambda: 0)
        payer_changes = PayerChanges(
            store, Bearers({}), clock, body_limit_bytes=BODY_LIMIT, body_timeout_seconds=10
        )
        app = create_app(webhook, gateway_webhook, payer_changes, health)
        yield Served(app, store, heard, notices, runner)
        runner.run(store.close())


def _gateways(folder: Path) -> dict[str, Gateway]:
    def http(name: str, **settings: object) -> HttpGateway:
        values = HttpSettings.model_validate({"url": "http://127.0.0.1:9/charges", **settings})
        return HttpGateway(values, Surroundings(name, PlannedCaller(), StandingClock()))

    sandbox = SandboxSettings(books=folder / "books.db")
    return {
        "main": http("main", secret=WHSEC),
        "quiet": http("quiet"),
        "sandbox": SandboxGateway(
            sandbox, Surroundings("sandbox", PlannedCaller(), StandingClock())
        ),
    }


@contextmanager
def judging_deliveries() -> Iterator[Judge]:
    """What Metronome signed is kept whatever it says; nobody else changes anything."""
    with served() as service:

        def judge(data: bytes) -> None:
            mode, raw, body = fields(data, 3)
            age = AGES.get(mode)
            ours = [] if age is None else _metronome_headers(body, NOW - age)
            theirs = [(b"authorization", f"Bearer {CANARY}".encode()), *header_lines(raw)]
            status = service.post("/webhooks/metronome", [*ours, *theirs], body)
            assert status == _expected(mode, body)
            assert service.kept_body() == (body if status == 200 else None)

        yield judge


def _expected(mode: bytes, body: bytes) -> int:
    if len(body) > BODY_LIMIT:
        return 413
    return 200 if mode in {b"signed", b"stale"} else 401


def _metronome_headers(body: bytes, date: datetime) -> Headers:
    written = http_date(date)
    signature = sign(CANARY, date=written, body=body)
    return [
        (b"x-metronome-date", written.encode()),
        (b"metronome-webhook-signature", signature.encode()),
    ]


@contextmanager
def judging_notices() -> Iterator[Judge]:
    """A gateway's notification is kept only when it was signed; one that is not says nothing."""
    with served() as service:

        def judge(data: bytes) -> None:
            mode, path, raw, body = fields(data, 4)
            name = path.decode("utf-8", "replace")
            signed = mode == b"signed"
            ours = _standard_headers(body) if signed else []
            theirs = [(b"authorization", f"Bearer {CANARY}".encode()), *header_lines(raw)]
            # Of two headers of one name the adapter takes the last, so the forged ones come first.
            status = service.post(f"/webhooks/gateways/{name}", [*theirs, *ours], body)
            assert status in {200, 400, 401, 404, 413}
            if not (signed and name == "main"):
                assert status in {401, 404, 413}
            assert (status == 200) == bool(service.notices.taken)

        yield judge


def _standard_headers(body: bytes) -> Headers:
    signed = standard_webhooks.sign(WHSEC, message_id="msg_1", timestamp=NOW, body=body)
    return [(name.encode(), value.encode()) for name, value in signed.items()]


def _delivery(body: bytes) -> bytes:
    return joined(b"signed", b"", body)


def _notice(body: bytes) -> bytes:
    return joined(b"signed", b"main", b"", body)


SERVED_TARGETS = (
    Target(
        "webhook",
        judging_deliveries,
        [
            *map(_delivery, notifications()),
            joined(b"stale", b"content-type: text/plain", notifications()[0]),
            joined(b"old", b"", b"{}"),
            joined(b"early", b"", b"{}"),
            joined(b"", b"metronome-webhook-signature: 00\nx-metronome-date: x", b"{}"),
        ],
        bodies=_delivery,
        growing={"long header": lambda size: joined(b"", b"date: " + b"1" * size)},
        longest=8192,
    ),
    Target(
        "gateway_webhook",
        judging_notices,
        [
            _notice(PAIR),
            joined(b"signed", b"quiet", b"", PAIR),
            joined(b"signed", b"sandbox", b"", PAIR),
            joined(b"signed", b"nobody", b"", PAIR),
            joined(
                b"", b"main", b"webhook-id: a\nwebhook-timestamp: 1\nwebhook-signature: v1,", PAIR
            ),
        ],
        bodies=_notice,
        growing={"long name": lambda size: joined(b"signed", b"m" * size, b"", PAIR)},
        longest=8192,
    ),
)
