"""The three calls of a workflow, made bare: read the invoice, charge, release. Lanes make them."""

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable, Iterator

from bench.faults import WrongAnswer
from bench.load.notifications import CUSTOMERS, TOTAL, contract_of, identity
from bench.working.turn import CONCURRENCY, Done, Turn
from external_gate.outbound.calls import Call

MakeCall = Callable[[Call], Awaitable[int]]
"""Sends one call and gives the status of its answer."""

_HEADERS = {"Authorization": "Bearer bench-token", "Accept": "application/json"}


def three_calls(outside_url: str, batch: int, number: int) -> tuple[Call, Call, Call]:
    """Write the calls that external-gate makes for a workflow: same addresses, like bodies."""
    customer, invoice = identity("customer", number % CUSTOMERS), identity("i", batch, number)
    workflow, json_too = identity("w", batch, number), {"Content-Type": "application/json"}
    key = f"{workflow}-1"
    charge = {
        "attempt_key": key,
        "workflow_id": workflow,
        "workflow_type": "spend",
        "customer_id": customer,
        "contract_id": contract_of(customer),
        "invoice_id": invoice,
        "amount": {"minor": TOTAL, "currency": "USD"},
        "payer": {"customer": f"cus_{customer[:8]}", "payment_method": "pm_ok"},
    }
    release = {"workflow_id": workflow, "outcome": "paid"}
    address = f"{outside_url}/v1"
    return (
        Call("GET", f"{address}/customers/{customer}/invoices/{invoice}", _HEADERS),
        Call(
            "POST",
            f"{outside_url}/charges",
            {"idempotency-key": key, **json_too},
            json.dumps(charge).encode(),
        ),
        Call(
            "POST",
            f"{address}/contracts/commits/threshold-billing/release",
            {**_HEADERS, **json_too, "Idempotency-Key": f"{workflow}-paid"},
            json.dumps(release).encode(),
        ),
    )


class Lanes:
    """A crew without books: so many lanes make the calls of one workflow after the other."""

    def __init__(self, outside_url: str, make_call: MakeCall) -> None:
        self._outside_url = outside_url
        self._make_call = make_call

    async def work(self, turn: Turn) -> Done:
        """Begin workflows until the time is over; all that were begun are finished and counted."""
        numbers, cpu, began = itertools.count(), time.process_time(), time.perf_counter()
        until = began + turn.seconds
        async with asyncio.TaskGroup() as lanes:
            made = [
                lanes.create_task(self._lane(turn.batch, numbers, until))
                for _ in range(CONCURRENCY)
            ]
        return Done(
            count=sum(lane.result() for lane in made),
            seconds=time.perf_counter() - began,
            cpu_seconds=time.process_time() - cpu,
        )

    async def _lane(self, batch: int, numbers: Iterator[int], until: float) -> int:
        count = 0
        while time.perf_counter() < until:
            for call in three_calls(self._outside_url, batch, next(numbers)):
                demand_200(await self._make_call(call))
            count += 1
        return count


def demand_200(status: int) -> None:
    """Raise `WrongAnswer` for anything else."""
    if status != 200:
        raise WrongAnswer(f"a call was answered {status}")
