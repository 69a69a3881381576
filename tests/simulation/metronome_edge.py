"""Our way to Metronome: releases and reads over a network that loses, repeats and delays."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from external_gate.domain.clock import HighWater
from external_gate.domain.errors import Broken, Unavailable
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.workflow import Verdict
from external_gate.metronome.billing import (
    Contract,
    Customer,
    Invoice,
    ReleaseAnswer,
    ReleaseResult,
)
from tests.simulation.metronome_books import Course, MetronomeBooks
from tests.simulation.process import Process
from tests.simulation.world import World

TIMEOUT_SECONDS = 30.0
HANGS_SECONDS = 200.0


class MetronomeEdge:
    """One process's `Billing`."""

    def __init__(
        self, world: World, process: Process, books: MetronomeBooks, high_water: HighWater
    ) -> None:
        self._world = world
        self._process = process
        self._books = books
        self._high_water = high_water

    async def release(
        self, workflow_id: WorkflowId, verdict: Verdict, *, key: str, not_after: datetime
    ) -> ReleaseAnswer:
        await self._process.edge("before the release")
        if self._high_water.latest(self._process.clock.now()) >= not_after:
            return ReleaseAnswer(ReleaseResult.NOT_SENT, "the send deadline had passed")
        world, chances = self._world, self._world.chances
        if chances.strikes("not_sent"):
            return ReleaseAnswer(ReleaseResult.NOT_SENT, "connection refused")
        self._tell("sends {} of {} as {}", verdict, workflow_id, key)
        world.truth.release_sent(workflow_id, verdict, durable=self._is_durable(verdict, key))
        if self._is_down() or chances.strikes("lost_request"):
            await asyncio.sleep(TIMEOUT_SECONDS)
            answer = ReleaseAnswer(ReleaseResult.UNANSWERED, "timeout")
        elif chances.strikes("late_request"):
            delay = chances.between(0, 3 * TIMEOUT_SECONDS)
            self._reaches(workflow_id, verdict)
            world.loop.later(delay, self._books.release, workflow_id, verdict, key)
            await asyncio.sleep(TIMEOUT_SECONDS)
            answer = ReleaseAnswer(ReleaseResult.UNANSWERED, "timeout")
        else:
            answer = await self._travel(workflow_id, verdict, key)
        if chances.strikes("hang"):
            await asyncio.sleep(HANGS_SECONDS)
            answer = ReleaseAnswer(ReleaseResult.UNANSWERED, "timeout")
        if chances.strikes("lost_answer"):
            answer = ReleaseAnswer(ReleaseResult.UNANSWERED, "connection lost")
        self._tell("release answered {}", answer.result)
        await self._process.edge("after the release")
        return answer

    async def invoice(self, customer_id: CustomerId, invoice_id: InvoiceId) -> Invoice | None:
        await self._read()
        return self._books.invoice(invoice_id)

    async def customer(self, customer_id: CustomerId) -> Customer | None:
        await self._read()
        return Customer(customer_id, "Somebody")

    async def contract(self, customer_id: CustomerId, contract_id: ContractId) -> Contract | None:
        await self._read()
        return self._books.contract()

    async def edit_contract(
        self,
        customer_id: CustomerId,
        contract_id: ContractId,
        *,
        changes: Mapping[str, Any],  # whatever Metronome's edit endpoint takes
        uniqueness_key: str | None = None,
    ) -> None:
        raise AssertionError("the engine edits no contract")

    async def _travel(self, workflow_id: str, verdict: Verdict, key: str) -> ReleaseAnswer:
        fate = self._world.truth.fates[workflow_id]
        fate.failed_under_way += verdict is Verdict.FAILED
        try:
            await asyncio.sleep(self._world.chances.between(0, 0.3))
            return self._arrive(workflow_id, verdict, key)
        finally:  # who is killed meanwhile has sent nothing
            fate.failed_under_way -= verdict is Verdict.FAILED

    def _arrive(self, workflow_id: str, verdict: Verdict, key: str) -> ReleaseAnswer:
        chances = self._world.chances
        if chances.strikes("busy"):
            return ReleaseAnswer(ReleaseResult.BUSY, "429", timedelta(seconds=7))
        if chances.strikes("unauthorized"):
            return ReleaseAnswer(ReleaseResult.UNAUTHORIZED, "401")
        if chances.strikes("error_before_effect"):
            return self._books.spoil(key)
        self._reaches(workflow_id, verdict)
        if chances.strikes("duplicate_request"):
            self._books.release(workflow_id, verdict, key)
            return ReleaseAnswer(ReleaseResult.CONFLICT, "409: in progress")
        answer = self._books.release(workflow_id, verdict, key)
        if answer.result is ReleaseResult.NOT_COMMITTING:
            self._world.truth.fates[workflow_id].metronome_takes_nothing = True
        if chances.strikes("error_after_effect"):
            return ReleaseAnswer(ReleaseResult.FAILED, "500")
        return answer

    def _reaches(self, workflow_id: str, verdict: Verdict) -> None:
        """Note a `failed` that arrives, but where it is refused because Metronome was paid."""
        is_paid = self._books.workflows[workflow_id].course is Course.COMMITTED
        if verdict is Verdict.FAILED and not is_paid:
            self._world.truth.fates[workflow_id].failed_reached = True

    async def _read(self) -> None:
        await self._process.edge("before reading from Metronome")
        chances = self._world.chances
        if self._is_down() or chances.strikes("lost_answer"):
            raise Unavailable("Metronome does not answer")
        if chances.strikes("unauthorized"):
            raise Broken("Metronome refuses our token")
        await asyncio.sleep(chances.between(0, 0.2))
        await self._process.edge("after reading from Metronome")

    def _is_down(self) -> bool:
        return self._world.loop.time() < self._world.metronome_down_until

    def _is_durable(self, verdict: Verdict, key: str) -> bool:
        """Whether the database says that this verdict is decided and this release begun."""
        row = self._world.database.reader.execute(
            "SELECT 1 FROM releases JOIN workflows USING (workflow_id)"
            " WHERE release_key = ? AND releases.verdict = ? AND workflows.verdict = ?",
            (key, verdict.value, verdict.value),
        ).fetchone()
        return row is not None

    def _tell(self, what: str, *about: object) -> None:
        self._world.timeline.tell(f"{self._process.name}→Metronome", what, *about)
