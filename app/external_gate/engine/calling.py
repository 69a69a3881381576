"""Calls to an adapter, fenced in: whatever escapes it is `Unknown`, and no call lasts for ever."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import fields, replace
from datetime import timedelta
from enum import Enum
from typing import TypeVar, get_args

from external_gate.domain.charge import ChargeRequest, SentCharge
from external_gate.domain.evidence import Attempt, Evidence, Source
from external_gate.domain.identifiers import undo_key
from external_gate.domain.outcome import (
    Answer,
    NotFound,
    NotSent,
    Outcome,
    Undo,
    UndoUnknown,
    Unknown,
)
from external_gate.engine.context import Engine

GRACE = timedelta(seconds=2)
"""How much longer than its declared timeout an adapter may take to come back with an answer."""

_Answer = TypeVar("_Answer", bound=Answer)


def sent_charge(attempt: Attempt) -> SentCharge:
    """Give what an adapter may know about a charge that may have been sent."""
    key = attempt.charge.attempt_key
    return SentCharge(
        charge=attempt.charge,
        charge_id=attempt.charge_id,
        first_sent_at=attempt.first_sent_at,
        cancel_key=undo_key(key, "cancel"),
        refund_key=undo_key(key, "refund"),
    )


async def send_charge(engine: Engine, attempt: Attempt, request: ChargeRequest) -> Evidence:
    """Send a charge once and give its answer as evidence, whatever the adapter does."""
    if engine.latest_now() > request.not_after:  # stopped after the save; no adapter need notice
        return not_sent(engine, attempt, "the send deadline had passed")
    gateway = engine.gateways[attempt.gateway]
    return await _ask(
        engine,
        attempt,
        Source.CHARGE,
        lambda: gateway.charge(request),
        Outcome,
        send=attempt.sends,
    )


def not_sent(engine: Engine, attempt: Attempt, cause: str) -> Evidence:
    """Give the evidence that the send whose intent was saved last is never made."""
    now = engine.clock.now()
    return Evidence(Source.CHARGE, NotSent(cause), asked_at=now, at=now, send=attempt.sends)


async def look_up(engine: Engine, attempt: Attempt) -> Evidence:
    """Ask what became of a charge, as evidence."""
    gateway = engine.gateways[attempt.gateway]
    return await _ask(
        engine,
        attempt,
        Source.LOOKUP,
        lambda: gateway.lookup(sent_charge(attempt)),
        Outcome | NotFound,
    )


async def cancel(engine: Engine, attempt: Attempt) -> Evidence:
    """Stop a charge that has moved no money, as evidence."""
    gateway = engine.gateways[attempt.gateway]
    sent = sent_charge(attempt)
    return await _ask(engine, attempt, Source.CANCEL, lambda: gateway.cancel(sent), Undo)


async def refund(engine: Engine, attempt: Attempt) -> Evidence:
    """Give a charge back, as evidence."""
    gateway = engine.gateways[attempt.gateway]
    sent = sent_charge(attempt)
    return await _ask(engine, attempt, Source.REFUND, lambda: gateway.refund(sent), Undo)


async def _ask(
    engine: Engine,
    attempt: Attempt,
    source: Source,
    call: Callable[[], Awaitable[_Answer]],
    expected: object,
    *,
    send: int = 0,
) -> Evidence:
    asked_at = engine.clock.now()
    limit = engine.capabilities(attempt.gateway).request_timeout + GRACE
    answer = await _bounded(call, limit, source)
    if not isinstance(answer, get_args(expected)):
        answer = _lost(source, f"the adapter answered {type(answer).__name__}")
    answer = _storable(answer)
    now = engine.clock.now()
    engine.observer.gateway_called(attempt.gateway, source, answer, now - asked_at)
    # Asked at the earliest plausible time, answered at the latest: whoever waits from here waits
    # long enough, also when our clock was set back and is put right meanwhile.
    at = engine.high_water.latest(now)
    return Evidence(source, answer, asked_at=asked_at, at=at, send=send)


def _storable(answer: Answer) -> Answer:
    """Give an answer whose words any database takes: an answer that cannot be saved is lost."""
    words = {
        field.name: value.encode(errors="replace").decode().replace("\0", "?")
        for field in fields(answer)
        if isinstance(value := getattr(answer, field.name), str) and not isinstance(value, Enum)
    }
    return replace(answer, **words)  # type: ignore[arg-type]  # texts replace texts


async def _bounded(
    call: Callable[[], Awaitable[_Answer]], limit: timedelta, source: Source
) -> Answer:
    task = asyncio.current_task()
    try:
        async with asyncio.timeout(limit.total_seconds()):
            return await call()
    except TimeoutError:
        return _lost(source, "the adapter did not come back in time")
    except asyncio.CancelledError:
        if task is not None and task.cancelling():
            raise  # it is we who are being stopped; the next claim finds `charging`
        return _lost(source, "the adapter was cancelled")
    except Exception as error:  # noqa: BLE001 - whatever an adapter raises means: nobody knows
        return _lost(source, f"the adapter raised {type(error).__name__}")


def _lost(source: Source, cause: str) -> Answer:
    return UndoUnknown(cause) if source in {Source.CANCEL, Source.REFUND} else Unknown(cause)
