"""Whole lives: the real engine drives the adapter through faults that a seed draws at the proxy.

The engine, the SQLite store and the caller are those of the service; time is moved by hand. At the
end what was told to Metronome is compared with the fake's books.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from external_gate.domain.errors import Broken
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.money import USD_CENTS_ID, Money
from external_gate.domain.workflow import ENDED, Facts, State, Verdict, Workflow
from external_gate.engine.context import Engine, Policy
from external_gate.engine.worker import Worker
from external_gate.guards.rules import GuardRules
from external_gate.metronome.billing import Invoice, InvoiceStatus
from external_gate.stores.sqlite import SqliteStore
from external_gate.stores.store_records import Dossier, NewNotification
from external_gate.testkit.needs import usual_currency
from external_gate.testkit.pretend_billing import (
    Listening,
    PayersByWorkflow,
    PretendBilling,
    answers_of,
)
from external_gate.testkit.proxy_faults import ProxyFault
from external_gate.testkit.rig import Rig, Situation
from external_gate.testkit.stage import SharedCaller, Stage
from external_gate.testkit.violation import Notebook, ScenarioResult, Violation

SCENARIO = "whole-life"
TITLE = "The real engine drives the adapter through faults drawn from a seed"

MOST_FAULTS = 5
"""In one life; then there is peace."""

FAULTS = tuple(
    fault for fault in ProxyFault if fault not in {ProxyFault.SLOW, ProxyFault.REPLAY_OLDER}
)
"""Slow is an answer like any other here, and an older answer needs an older charge."""

SITUATIONS = (
    *(Situation.SUCCEEDS,) * 3,
    Situation.DECLINED_SOFT,
    Situation.DECLINED_HARD,
    Situation.PENDING_THEN_SUCCEEDS,
    Situation.PENDING_THEN_DECLINED,
    Situation.ANSWER_LOST,
    Situation.REQUEST_LOST,
)
"""Drawn from, as far as the rig plays them; a success is what most harm can come to."""

MOST_CLAIMS = 60
"""Of one life. The ladder is hourly by then, and what has not ended in two days waits for ever."""

MOST_LINES = 24
"""Of calls and answers in a trace; the middle is left out."""

MINOR = 1999
LEASE = timedelta(seconds=120)


@dataclass(slots=True)
class _World:
    stage: Stage
    store: SqliteStore
    billing: PretendBilling
    payers: PayersByWorkflow
    heard: Listening
    worker: Worker


async def live(
    rig: Rig, seeds: Sequence[int], *, name: str, caller: SharedCaller
) -> ScenarioResult:
    """Live one life per seed, all on one fake, and judge each."""
    began = time.monotonic()
    result = ScenarioResult(SCENARIO, TITLE, "P2")
    if not seeds:
        result.not_exercised = "no seed was asked for"
        return result
    with TemporaryDirectory(prefix="gateway-lives-") as folder:
        async with Stage(rig, name, caller) as stage:
            if await stage.takings() is None:
                result.not_exercised = "the fake's books cannot be read"
                return result
            store = SqliteStore(Path(folder) / "lives.db")
            await store.open()
            try:
                world = _make_world(stage, store, seeds[0])
                for seed in seeds:
                    await _live_one(world, Notebook(result, rig.secrets), seed)
            finally:
                await store.close()
    result.seconds = time.monotonic() - began
    return result


def _make_world(stage: Stage, store: SqliteStore, seed: int) -> _World:
    billing, payers, heard = PretendBilling(), PayersByWorkflow(), Listening()
    engine = Engine(
        store=store,
        billing=billing,
        gateways={"certified": stage.gateway},
        payers=payers,
        rules=GuardRules(),
        policy=Policy(default_gateway="certified"),
        clock=stage.engine_clock,
        random=Random(seed),  # noqa: S311 - jitter, not a secret
        observer=heard,
    )
    worker = Worker(engine, owner="kit", concurrency=1, lease=LEASE, poll=timedelta(seconds=1))
    return _World(stage, store, billing, payers, heard, worker)


async def _live_one(world: _World, book: Notebook, seed: int) -> None:
    chances = Random(seed)  # noqa: S311 - a seed to be replayed, not a secret
    stage, workflow_id = world.stage, WorkflowId(f"{world.stage.name}-{seed}")
    offered = [one for one in SITUATIONS if one in stage.rig.payers]
    situation = chances.choice(offered)
    faults: list[ProxyFault] = [
        chances.choice(FAULTS) for _ in range(chances.randint(1, MOST_FAULTS))
    ]
    world.payers.by_workflow[workflow_id] = stage.payer(situation)
    amount = Money(MINOR, usual_currency(stage))
    await _receive(world, workflow_id, amount)
    seen = len(stage.trace)
    await _work_through(world, workflow_id, faults)
    await stage.script(())
    dossier = await _dossier(world, workflow_id)
    calls = await stage.calls_since(seen)
    lines = [f"seed {seed}, payer {situation}", *_shortened([call.line() for call in calls])]
    for attempt in dossier.attempts:
        lines += _shortened(answers_of(attempt.evidence))
    await _judge(world, book, dossier, amount, lines)


def _shortened(lines: list[str]) -> list[str]:
    half, more = MOST_LINES // 2, len(lines) - MOST_LINES
    return lines if more <= 0 else [*lines[:half], f"… {more} more …", *lines[-half:]]


async def _receive(world: _World, workflow_id: WorkflowId, amount: Money) -> None:
    now = world.stage.engine_clock.now()
    invoice_id, is_usd = InvoiceId(f"inv-{workflow_id}"), amount.currency == "USD"
    total = Decimal(amount.minor) if is_usd else amount.decimal()
    facts = Facts(
        workflow_id=workflow_id,
        workflow_type="spend",
        customer_id=CustomerId("customer-1"),
        contract_id=ContractId("contract-1"),
        invoice_id=invoice_id,
        total=total,
        currency=amount.currency,
    )
    world.billing.invoices[invoice_id] = Invoice(
        invoice_id,
        facts.customer_id,
        facts.contract_id,
        InvoiceStatus.FINALIZED,
        total,
        USD_CENTS_ID if is_usd else "some-unit",
        "USD (cents)" if is_usd else amount.currency,
    )
    body = str(workflow_id).encode()
    await world.store.record(
        NewNotification(
            notification_id=f"n-{workflow_id}",
            type="payment_gate.external_initiate",
            digest=body.hex(),
            body=body,
            signed_at=now,
            received_at=now,
            concerns_us=True,
            workflow=Workflow(facts, State.RECEIVED, received_at=now, updated_at=now, due_at=now),
        )
    )


async def _work_through(world: _World, workflow_id: WorkflowId, faults: list[ProxyFault]) -> None:
    """Work whenever something is due, one fault per claim, until it ends or is held."""
    clock = world.stage.engine_clock
    left = list(faults)
    for _ in range(MOST_CLAIMS):
        workflow = (await _dossier(world, workflow_id)).workflow
        if workflow.has_ended or workflow.due_at is None:
            return
        if workflow.state is State.HELD and not left:
            return
        await world.stage.advance(max(workflow.due_at - clock.now(), timedelta(0)))
        await world.stage.script([left.pop(0)] if left else ())
        await world.worker.run_once()


async def _dossier(world: _World, workflow_id: WorkflowId) -> Dossier:
    found = await world.store.dossier(workflow_id)
    if found is None:
        raise Broken("the store lost a workflow; this is a bug of the kit")
    return found


async def _judge(
    world: _World, book: Notebook, dossier: Dossier, amount: Money, lines: list[str]
) -> None:
    workflow = dossier.workflow
    keys = {attempt.charge.attempt_key for attempt in dossier.attempts}
    books = [one for one in await world.stage.takings() or () if one.attempt_key in keys]
    told = world.billing.told.get(workflow.workflow_id, [])
    kept = [one for one in books if not one.refunded]
    end = workflow.state if workflow.state is not State.HELD else f"held({workflow.held_reason})"
    book.result.ends[str(end)] = book.result.ends.get(str(end), 0) + 1
    lines = [*lines, f"workflow {end}; Metronome heard {', '.join(told) or 'nothing'}"]

    def must(check: str, *, holds: bool, sentence: str) -> None:
        fresh = all(known.check != check for known in book.result.violations)
        if not book.must(check, holds, sentence, (), books) and fresh:
            shown = book.result.violations.pop()
            trace = (*(book.masked(line) for line in lines), *shown.trace)
            book.result.violations.append(
                Violation(shown.check, shown.scenario, shown.sentence, trace)
            )

    must("life-one-charge", holds=len(books) <= 1, sentence="one workflow took money twice")
    paid = Verdict.PAID not in told or any(one.amount == amount for one in kept)
    must("life-paid-is-money", holds=paid, sentence="`paid` was told, but the money was not taken")
    failed = Verdict.FAILED not in told or not kept
    must("life-failed-is-no-money", holds=failed, sentence="`failed` was told, but money was taken")
    at_rest = workflow.state in ENDED or workflow.state is State.HELD
    sentence = f"a workflow was still {workflow.state} after {MOST_CLAIMS} looks at it"
    must("life-ends", holds=at_rest, sentence=sentence)
    errors = [type(error).__name__ for error in world.heard.errors]
    must("life-ends", holds=not errors, sentence=f"the engine met {', '.join(errors)}")
