"""The one thread that writes: whatever has gathered while a commit ran is committed together."""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from external_gate.domain.errors import Unavailable
from external_gate.stores.crowd import Crowd, Together
from external_gate.stores.session import Session
from external_gate.stores.sql_transaction import Transaction

Result = TypeVar("Result")
Stage = Callable[[Transaction], Any]  # Any: each caller of `run` knows its own result

OnCommit = Callable[[int, float], None]
"""Hears, in the writer's thread, how many jobs a commit held and how many seconds it took."""

MOST_JOBS = 512
"""In one commit: some 20 ms of work, so that the first of them does not wait long for the last."""

MOST_TRIES = 4
"""Of a job that stood in somebody's way, as in a deadlock: then its caller hears of it."""


_CLOSED = "the store is closed: start the service again"


@dataclass(slots=True)
class _Job:
    first: Stage | None
    stage: Stage
    done: "asyncio.Future[Any]"  # Any: as above
    crowd: Crowd | None = None
    """How it is run at once with all others of its kind."""
    tries: int = 0


@dataclass(slots=True)
class _Outcome:
    job: _Job
    result: object = None
    error: Exception | None = None


class _TransactionLost(Exception):
    """The whole transaction is undone, not just the statement that failed."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Writer:
    """Runs jobs one after another on one connection; resolves them after a durable commit."""

    def __init__(self, session: Session, *, on_commit: OnCommit | None = None) -> None:
        self._session = session
        self._on_commit = on_commit
        self._waiting: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._stopping = False
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._serve, name="store-writer", daemon=True)
        self._thread.start()

    async def run(
        self,
        stage: Callable[[Transaction], Result],
        *,
        first: Stage | None = None,
        crowd: Crowd | None = None,
    ) -> Result:
        """Run a job and give its result once it is on disk.

        A stage that raises undoes itself alone: what `first` wrote stays when `stage` fails. A
        cancelled caller changes nothing about its job. A job that met a passing obstacle, such as a
        deadlock, is undone as a whole, `first` too, and run again in the next commit; both stages
        must bear that. With a `crowd` it is run at once with all others of the same kind that have
        gathered, as long as all of them succeed. Raises what the stage raised, translated.
        """
        if self._stopping:
            raise Unavailable(_CLOSED)
        job = _Job(first, stage, self._loop.create_future(), crowd)
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
        again: list[_Job] = []
        # Those that are run again come first: they have waited longest.
        while first := again or self._next():
            jobs, last = self._begin(first)
            again = []
            if jobs:
                outcomes, again = self._commit(jobs)
                self._hand_back(outcomes)
                self._session.announce()
            if last:
                self._waiting.put(None)

    def _next(self) -> list[_Job]:
        job = self._waiting.get()
        return [] if job is None else [job]

    def _begin(self, first: list[_Job]) -> tuple[list[_Job], bool]:
        """Begin, then take whatever has gathered; a wait for the database gathers too."""
        try:
            self._session.begin()
        except self._session.faults as error:
            jobs, last = self._gather(first)
            self._hand_back(self._failed(jobs, error))
            return [], last
        return self._gather(first)

    def _gather(self, first: list[_Job]) -> tuple[list[_Job], bool]:
        jobs = list(first)
        with contextlib.suppress(queue.Empty):
            while len(jobs) < MOST_JOBS:
                job = self._waiting.get_nowait()
                if job is None:
                    return jobs, True
                jobs.append(job)
        return jobs, False

    def _commit(self, jobs: list[_Job]) -> tuple[list[_Outcome], list[_Job]]:
        """Run and commit; gives what became of the jobs, and those that are to be run again."""
        error: Exception
        try:
            began = time.monotonic()
            ran = self._run_all(jobs)
            self._session.commit()
            if self._on_commit is not None:
                self._on_commit(len(jobs), time.monotonic() - began)
        except _TransactionLost as lost:
            error = lost.error
        except self._session.faults as refused:
            error = refused
        else:
            outcomes = [outcome for outcome in ran if outcome is not None]
            return outcomes, [job for job, outcome in zip(jobs, ran, strict=True) if not outcome]
        self._session.rollback()
        return self._failed(jobs, error), []

    def _failed(self, jobs: list[_Job], error: Exception) -> list[_Outcome]:
        return [_Outcome(job, error=self._session.translate(error)) for job in jobs]

    def _run_all(self, jobs: list[_Job]) -> list[_Outcome | None]:
        crowds: dict[Together, list[_Job]] = {}
        for job in jobs:
            # One that is run again stood in somebody's way: it goes alone.
            if job.crowd is not None and not job.tries:
                crowds.setdefault(job.crowd.together, []).append(job)
        ran = {
            id(outcome.job): outcome
            for together, crowd in crowds.items()
            if len(crowd) > 1
            for outcome in self._run_crowd(together, crowd)
        }
        return [ran[id(job)] if id(job) in ran else self._run(job) for job in jobs]

    def _run_crowd(self, together: Together, crowd: list[_Job]) -> list[_Outcome]:
        """Run many jobs at once; gives nothing when that failed, so that each is run alone."""
        transaction = self._session.transaction
        transaction.execute("SAVEPOINT crowd")
        try:
            results = together(transaction, [job.crowd.item for job in crowd if job.crowd])
            transaction.execute("RELEASE crowd")
        except Exception as error:  # as in `_run`, which says what it means for each of them
            if not self._session.stands:
                raise _TransactionLost(error) from error
            transaction.execute("ROLLBACK TO crowd")
            transaction.execute("RELEASE crowd")
            return []
        return [_Outcome(job, result) for job, result in zip(crowd, results, strict=True)]

    def _run(self, job: _Job) -> _Outcome | None:
        """Run one job; None when it is undone and to be run again."""
        transaction, undo = self._session.transaction, "job"
        transaction.execute("SAVEPOINT job")
        try:
            if job.first is not None:
                job.first(transaction)
                transaction.execute("SAVEPOINT stage")
                undo = "stage"
            result = job.stage(transaction)
            transaction.execute("RELEASE job")
        except Exception as error:  # for whoever waits for the job: the thread must live on
            if not self._session.stands:
                raise _TransactionLost(error) from error
            passing = self._session.is_passing(error)
            transaction.execute(f"ROLLBACK TO {'job' if passing else undo}")
            transaction.execute("RELEASE job")
            job.tries += 1
            if passing and job.tries < MOST_TRIES:
                return None
            return _Outcome(job, error=self._session.translate(error))
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
