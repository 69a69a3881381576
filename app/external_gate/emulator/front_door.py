"""What every call to the pretend API passes: token, faults, idempotency key; then its handler."""

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from external_gate.emulator.books import Books
from external_gate.emulator.call import Call, Handler, Reply
from external_gate.emulator.connections import drop
from external_gate.emulator.decimal_json import parse_json
from external_gate.emulator.emulated_time import EmulatedTime
from external_gate.emulator.faults import Fault, FaultDesk, Sighting
from external_gate.emulator.records import ReleaseCall
from external_gate.emulator.refusals import Refusal, invalid
from external_gate.emulator.replays import Replays


@dataclass(frozen=True, slots=True)
class ApiRoute:
    """One endpoint; `target` is the name by which faults aim at it."""

    method: str
    path: str
    handler: Handler
    target: str = "other"
    ignore: Handler | None = None
    """Answers as `handler` does, without its effect; None where that was never seen."""


@dataclass(slots=True)
class FrontDoor:
    """Answer calls; `on_change` runs after each one that may have queued a webhook."""

    books: Books
    time: EmulatedTime
    faults: FaultDesk
    replays: Replays
    token: str | None
    on_change: Callable[[], None]

    async def answer(self, request: Request, route: ApiRoute) -> Response:
        """Answer one request from its arrival to its last byte, or close its connection."""
        raw = await request.body()
        try:
            self._check_token(request)
            call = self._read(request, raw)
            visit = self._admit(request, route, call, raw)
        except Refusal as refusal:
            return respond(Reply(refusal.status, refusal.body()))
        return await self._serve(request, visit)

    def _check_token(self, request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        known = self.token is None or hmac.compare_digest(given.encode(), self.token.encode())
        if scheme.lower() != "bearer" or not given or not known:
            raise Refusal(401, "Unauthorized")

    def _read(self, request: Request, raw: bytes) -> Call:
        try:
            body = parse_json(raw) if raw else None
        except ValueError as failure:
            raise invalid(f"The body is not JSON: {failure}") from failure
        now = self.time.now()
        return Call(self.books, now, request.path_params, request.query_params, body)

    def _admit(self, request: Request, route: ApiRoute, call: Call, raw: bytes) -> "_Visit":
        key = request.headers.get("idempotency-key") if route.method == "POST" else None
        fingerprint = hashlib.sha256(request.url.path.encode() + b"\n" + raw).digest()
        visit = _Visit(route, call, key, fingerprint)
        try:
            if key is not None:
                visit.stored = self.replays.recall(key, fingerprint=fingerprint, now=call.now)
        except Refusal as conflict:
            self._note_release(visit, status=conflict.status)
            raise
        visit.fault = self.faults.take(
            Sighting(
                route.target,
                workflow_id=call.field("workflow_id"),
                customer_id=call.field("customer_id"),
            ),
            # A stored result is replayed as it is; the order for another status waits.
            unless=lambda fault: visit.stored is not None and fault.kind == "status",
        )
        return visit

    async def _serve(self, request: Request, visit: "_Visit") -> Response:
        kind = visit.fault.kind if visit.fault else None
        if kind == "drop_before":
            self._note_release(visit, status=None, answered=False)
            return await drop(request)
        if visit.fault and kind == "rate_limited":
            self._note_release(visit, status=429)
            return respond(_rate_limited(visit.fault))
        reply, bound = (visit.stored, False) if visit.stored else self._execute(visit)
        self._note_release(visit, status=reply.status, answered=kind != "drop_after")
        self.on_change()
        if visit.fault and kind == "slow":
            await asyncio.sleep(float(visit.fault.seconds))
        self._settle_key(visit, reply, bound=bound)
        return await drop(request) if kind == "drop_after" else respond(reply)

    def _execute(self, visit: "_Visit") -> tuple[Reply, bool]:
        """Run the handler; also tell whether the result is bound to the idempotency key."""
        if visit.key is not None:
            self.replays.begin(visit.key, fingerprint=visit.fingerprint, now=visit.call.now)
        failure = visit.fault if visit.fault and visit.fault.kind == "status" else None
        if failure and not failure.after:
            return _failed(failure), failure.stored
        try:
            reply = _handler_of(visit)(visit.call).frozen()
        except Refusal as refusal:
            return Reply(refusal.status, refusal.body()), refusal.executed
        return (_failed(failure), failure.stored) if failure else (reply, True)

    def _settle_key(self, visit: "_Visit", reply: Reply, *, bound: bool) -> None:
        if visit.key is None or visit.stored:
            return
        if bound:
            self.replays.store(visit.key, reply)
        else:
            self.replays.forget(visit.key)

    def _note_release(self, visit: "_Visit", *, status: int | None, answered: bool = True) -> None:
        workflow = self.books.workflows.get(visit.call.field("workflow_id") or "")
        if visit.route.target != "release" or workflow is None:
            return
        workflow.release_calls.append(
            ReleaseCall(
                at=visit.call.now,
                outcome=visit.call.field("outcome") or "",
                idempotency_key=visit.key,
                status=status,
                replayed=visit.stored is not None,
                answered=answered,
            )
        )


@dataclass(slots=True)
class _Visit:
    """One admitted request: what it asks, its key, and what shall go wrong."""

    route: ApiRoute
    call: Call
    key: str | None
    fingerprint: bytes
    stored: Reply | None = None
    fault: Fault | None = None


def respond(reply: Reply) -> Response:
    """Turn an answer into HTTP, with exact numbers; no body stays no body."""
    content = reply.content()
    media_type = None if content is None else "application/json"
    return Response(content, reply.status, dict(reply.headers), media_type)


def _handler_of(visit: _Visit) -> Handler:
    is_ignored = visit.fault is not None and visit.fault.kind == "ignored"
    return visit.route.ignore if is_ignored and visit.route.ignore else visit.route.handler


def _failed(fault: Fault) -> Reply:
    return Reply(fault.status, {"message": f"The emulator was told to answer {fault.status}"})


def _rate_limited(fault: Fault) -> Reply:
    headers = {"Retry-After": str(fault.retry_after), "X-Metronome-Rate-Limit-Type": "client"}
    return Reply(429, {"message": "Too many requests"}, headers)
