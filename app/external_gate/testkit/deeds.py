"""One call to an adapter, watched: what it answered or raised, how long it took, what it sent."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from external_gate.domain.charge import Charge
from external_gate.domain.outcome import Answer
from external_gate.testkit.call_trace import TracedCall
from external_gate.testkit.rig import Taking
from external_gate.testkit.scenario import Deed
from external_gate.testkit.stage import Stage, heartbeat_gap

LONGEST = timedelta(seconds=10)
"""After that a call is given up; the fault proxy holds nothing for longer than four seconds."""


@dataclass(slots=True)
class Deeded:
    """What came of one step's call or calls."""

    deed: Deed
    charge: Charge
    answers: list[object] = field(default_factory=list)
    error: BaseException | None = None
    """What escaped the adapter."""
    timed_out: bool = False
    seconds: float = 0.0
    gap_seconds: float = 0.0
    """For how long the event loop stood still, where that was measured."""
    calls: list[TracedCall] = field(default_factory=list)
    caller_calls: int = 0
    books: list[Taking] | None = None
    """The takings of the attempt afterwards; None when the books cannot be read."""
    took_before: int = 0
    input_changed: bool = False
    sends: int = 1

    @property
    def answer(self) -> object:
        """Give the answer that counts: the last one; None when there is none."""
        return self.answers[-1] if self.answers else None


async def watched(
    stage: Stage,
    deed: Deed,
    charge: Charge,
    work: Callable[[], Awaitable[Answer]],
    *,
    sends: int = 1,
    heartbeat: bool = False,
) -> Deeded:
    """Do `work`, `sends` times at once, and write down everything about it."""
    done = Deeded(deed, charge, sends=sends)
    before = deepcopy(charge)
    seen, called = len(stage.trace), stage.caller.calls
    done.took_before = len(await stage.takings(charge.attempt_key) or ())
    began = time.monotonic()
    try:
        async with asyncio.timeout(LONGEST.total_seconds()):
            if heartbeat:
                task = asyncio.ensure_future(work())
                done.gap_seconds = await heartbeat_gap(task)
                done.answers = [await task]
            else:
                done.answers = list(await asyncio.gather(*(work() for _ in range(sends))))
    except TimeoutError as error:
        done.timed_out, done.error = _is_ours(began), error
    except Exception as error:  # noqa: BLE001 - that nothing escapes is what is examined
        done.error = error
    done.seconds = time.monotonic() - began
    await _look_around(stage, done, seen=seen, called=called)
    done.input_changed = before != charge
    return done


async def cut(stage: Stage, charge: Charge, work: Callable[[], Awaitable[Answer]]) -> Deeded:
    """Do `work` and cancel its task once the call has arrived at the proxy."""
    done = Deeded(Deed.CHARGE_CUT, charge)
    seen, called = len(stage.trace), stage.caller.calls
    done.took_before = len(await stage.takings(charge.attempt_key) or ())
    task: asyncio.Task[Any] = asyncio.ensure_future(work())
    if stage.proxy is not None:
        arriving = asyncio.ensure_future(stage.backstage.call(stage.proxy.arrived()))
        await asyncio.wait({task, arriving}, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        arriving.cancel()
        await asyncio.gather(arriving, return_exceptions=True)
    task.cancel()
    began = time.monotonic()
    _, running = await asyncio.wait({task}, timeout=5)
    done.seconds = time.monotonic() - began
    if running:
        done.timed_out = True
        task.cancel()
    elif not task.cancelled():
        done.error = task.exception()
        done.answers = [] if done.error else [task.result()]
    await _look_around(stage, done, seen=seen, called=called)
    return done


async def _look_around(stage: Stage, done: Deeded, *, seen: int, called: int) -> None:
    done.calls = await stage.calls_since(seen)
    done.caller_calls = stage.caller.calls - called
    done.books = await stage.takings(done.charge.attempt_key)


def _is_ours(began: float) -> bool:
    return time.monotonic() - began >= LONGEST.total_seconds() - 1
