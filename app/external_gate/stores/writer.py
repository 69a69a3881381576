"""The one thread that writes: whatever has gathered while a commit ran is committed together."""

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from external_gate.domain.errors import Unavailable

Result = TypeVar("Result")
Stage = Callable[[sqlite3.Connection], Any]  # Any: each caller of `run` knows its own result

OnCommit = Callable[[int, float], None]
"""Hears, in the writer's thread, how many jobs a commit held and how many seconds it took."""

MOST_JOBS = 512
"""In one commit: some 20 ms of work, so that the first of them does not wait long for the last."""


@dataclass(slots=True)
class _Job:
    stages: tuple[Stage, ...]
    done: "asyncio.Future[Any]"  # Any: as above


@dataclass(slots=True)
class _Outcome:
    job: _Job
    result: object = None
    error: Exception | None = None


class _TransactionLost(Exception):
    """SQLite has undone the whole transaction, not just the statement that failed."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Writer:
    """Runs jobs one after another on one connection; resolves them after a durable commit."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        translate: Callable[[Exception], Exception],
        on_commit: OnCommit | None = None,
    ) -> None:
        self._connection = connection
        self._on_commit = on_commit
        self._translate = translate
        self._waiting: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._stopping = False
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._serve, name="store-writer", daemon=True)
        self._thread.start()

    async def run(
        self, stage: Callable[[sqlite3.Connection], Result], *, first: Stage | None = None
    ) -> Result:
        """Run a job and give its result once it is on disk.

        A stage that raises undoes itself alone: what `first` wrote stays when `stage` fails. A
        cancelled caller changes nothing about its job. Raises what the stage raised, translated.
        """
        if self._stopping:
            raise Unavailable("the store is closed: start the service again")
        job = _Job((stage,) if first is None else (first, stage), self._loop.create_future())
        self._waiting.put(job)
        result: Result = await job.done
        return result

    def stop(self) -> None:
        """Finish what was submitted, then end. Blocks until then; repeatable."""
        if not self._stopping:
            self._stopping = True
            self._waiting.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while (job := self._waiting.get()) is not None:
            jobs, last = self._begin(job)
            if jobs:
                self._hand_back(self._commit(jobs))
            if last:
                return

    def _begin(self, first: _Job) -> tuple[list[_Job], bool]:
        """Take the write lock, then whatever has gathered; the wait for the lock gathers too."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            jobs, last = self._gather(first)
            self._hand_back([_Outcome(job, error=self._translate(error)) for job in jobs])
            return [], last
        return self._gather(first)

    def _gather(self, first: _Job) -> tuple[list[_Job], bool]:
        jobs = [first]
        with contextlib.suppress(queue.Empty):
            while len(jobs) < MOST_JOBS:
                job = self._waiting.get_nowait()
                if job is None:
                    return jobs, True
                jobs.append(job)
        return jobs, False

    def _commit(self, jobs: list[_Job]) -> list[_Outcome]:
        error: Exception
        try:
            began = time.monotonic()
            outcomes = [self._run(job) for job in jobs]
            self._connection.execute("COMMIT")
            if self._on_commit is not None:
                self._on_commit(len(jobs), time.monotonic() - began)
        except _TransactionLost as lost:
            error = lost.error
        except sqlite3.Error as refused:
            error = refused
        else:
            return outcomes
        # SQLite may already have rolled back by itself; then this fails and changes nothing.
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")
        return [_Outcome(job, error=self._translate(error)) for job in jobs]

    def _run(self, job: _Job) -> _Outcome:
        result: object = None
        for stage in job.stages:
            self._connection.execute("SAVEPOINT stage")
            try:
                result = stage(self._connection)
            except Exception as error:  # for whoever waits for the job: the thread must live on
                if not self._connection.in_transaction:
                    raise _TransactionLost(error) from error
                self._connection.execute("ROLLBACK TO stage")
                self._connection.execute("RELEASE stage")
                return _Outcome(job, error=self._translate(error))
            self._connection.execute("RELEASE stage")
        return _Outcome(job, result)

    def _hand_back(self, outcomes: list[_Outcome]) -> None:
        # A closed loop means that nobody waits any more; what is committed stays committed.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(_resolve, outcomes)


def _resolve(outcomes: list[_Outcome]) -> None:
    for outcome in outcomes:
        done = outcome.job.done
        if done.done():  # its caller was cancelled
            continue
        if outcome.error is not None:
            done.set_exception(outcome.error)
        else:
            done.set_result(outcome.result)
