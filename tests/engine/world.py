"""A small world for the engine: a real database, a clock moved by hand, and two parties with books.

The gateway and the billing side keep the ground truth of money; what they answer is scripted.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import ceil
from random import Random
from typing import Any

from external_gate.domain.charge import (
    Cancel,
    Capabilities,
    Charge,
    ChargeRequest,
    Idempotency,
    KeyStores,
    Lookup,
    Payer,
    SentCharge,
)
from external_gate.domain.clock import from_milliseconds
from external_gate.domain.errors import Unavailable
from external_gate.domain.identifiers import (
    ContractId,
    CustomerId,
    InvoiceId,
    WorkflowId,
)
from external_gate.domain.ledger import HistoryEntry, Incident
from external_gate.domain.money import USD_CENTS_ID, Money
from external_gate.domain.outcome import (
    Answer,
    Declined,
    DeclineKind,
    Misconfigured,
    NotFound,
    NotSent,
    Outcome,
    Pending,
    Succeeded,
    TooLate,
    Undo,
    Undone,
    UndoUnknown,
    Unknown,
)
from external_gate.domain.workflow import Facts, State, Verdict, Workflow
from external_gate.engine.context import Engine, Policy
from external_gate.engine.operations import Operations
from external_gate.engine.worker import Worker
from external_gate.gateways.gateway import GatewayNotice
from external_gate.guards.rules import GuardRules
from external_gate.metronome.billing import (
    Contract,
    Customer,
    Invoice,
    InvoiceStatus,
    ReleaseAnswer,
    ReleaseResult,
)
from external_gate.payers.payer_source import PayerQuestion
from external_gate.stores.sql_store import SqlStore
from external_gate.stores.store_records import Dossier, NewNotification, Recorded

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LEASE = timedelta(seconds=60)

EVERY_ANSWER = Capabilities(
    idempotency=Idempotency.NATIVE,
    window=timedelta(days=30),
    key_stores=KeyStores.EVERY_ANSWER,
    lookup=Lookup.QUERY,
    request_timeout=timedelta(seconds=20),
    cancel=Cancel.BY_KEY,
    refund=True,
)
SUCCESS_ONLY = replace(
    EVERY_ANSWER,
    key_stores=KeyStores.SUCCESS_ONLY,
    window=timedelta(hours=24),
    cancel=Cancel.BY_CHARGE,
)
REPLAY = replace(EVERY_ANSWER, lookup=Lookup.REPLAY, window=timedelta(hours=24))
NOTHING = Capabilities(request_timeout=timedelta(seconds=20))
NO_KEY_BUT_LOOKUP = replace(NOTHING, lookup=Lookup.QUERY, visibility_lag=timedelta(seconds=30))


class HandClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, start: datetime = START) -> None:
        self.instant = start

    def now(self) -> datetime:
        return self.instant

    async def sleep(self, duration: timedelta) -> None:
        self.instant += max(duration, timedelta(0))

    def advance(self, **duration: float) -> None:
        self.instant += timedelta(**duration)


@dataclass
class Booked:
    """What the gateway really did under one key."""

    charge_id: str
    status: str  # taken, declined, pending, cancelled, refunded
    amount_minor: int
    currency: str
    kind: DeclineKind = DeclineKind.HARD


@dataclass
class BookkeepingGateway:
    """A gateway with books. Each charge takes the next word of `script`; the default is `ok`.

    Words: ok, soft, hard, pending, lost_before, lost_after, declined_lost, not_sent, misconfigured,
    raises, nothing, wrong_amount, customer (needs the customer, no address).
    """

    clock: HandClock
    capabilities: Capabilities = EVERY_ANSWER
    script: deque[str] = field(default_factory=deque)
    lookups: deque[Answer] = field(default_factory=deque)
    """Answers of the next lookups; afterwards the books are told."""
    undos: deque[Undo] = field(default_factory=deque)
    books: dict[str, list[Booked]] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    during_charge: Any = None  # called between effect and answer, with the request

    def taken(self) -> list[Booked]:
        """Every charge that took money and kept it."""
        return [b for entries in self.books.values() for b in entries if b.status == "taken"]

    def charges_sent(self) -> int:
        return sum(name == "charge" for name, _ in self.calls)

    def build(self, charge: Charge) -> bytes:
        return f"{charge.attempt_key} {charge.amount} {charge.payer.customer}".encode()

    async def charge(self, request: ChargeRequest) -> Outcome:
        key = str(request.charge.attempt_key)
        self.calls.append(("charge", key))
        self.bodies.append(request.body)
        word = self.script.popleft() if self.script else "ok"
        outcome = self._charge(key, request.charge, word)
        if self.during_charge is not None:
            await self.during_charge(request)
        return outcome

    def _charge(self, key: str, charge: Charge, word: str) -> Outcome:
        if word == "not_sent":
            return NotSent("connection refused")
        if word == "misconfigured":
            return Misconfigured("the api key is unknown")
        if word == "lost_before":
            return Unknown("timeout")
        if word == "raises":
            raise RuntimeError("a bug in the adapter")
        if word == "nothing":
            return None  # type: ignore[return-value]  # an adapter that forgets to answer
        known = self._replayed(key)
        if known is None:
            known = self._book(key, charge, word)
        if word in {"lost_after", "declined_lost"}:
            return Unknown("timeout")
        return self._tell(key, known)

    def _replayed(self, key: str) -> Booked | None:
        """What an idempotent gateway finds under a key that it has seen."""
        entries = self.books.get(key, [])
        if self.capabilities.key_stores is KeyStores.EVERY_ANSWER and entries:
            return entries[-1]
        if self.capabilities.key_stores is KeyStores.SUCCESS_ONLY:
            return next((b for b in entries if b.status in {"taken", "pending"}), None)
        return None

    def _book(self, key: str, charge: Charge, word: str) -> Booked:
        status = {
            "soft": "declined", "hard": "declined", "declined_lost": "declined",
            "pending": "pending", "customer": "customer",
        }.get(word, "taken")  # fmt: skip
        minor = charge.amount.minor - (1 if word == "wrong_amount" else 0)
        kind = DeclineKind.SOFT if word == "soft" else DeclineKind.HARD
        number = sum(map(len, self.books.values())) + 1
        booked = Booked(f"ch_{number}", status, minor, charge.amount.currency, kind)
        self.books.setdefault(key, []).append(booked)
        return booked

    def _tell(self, key: str, booked: Booked) -> Outcome:
        match booked.status:
            case "taken" | "refunded":
                amount = Money(booked.amount_minor, booked.currency)
                return Succeeded(booked.charge_id, amount, reference=key)
            case "pending":
                return Pending(booked.charge_id)
            case "customer":
                return Pending(booked.charge_id, needs_customer=True)
            case _:
                return Declined(booked.kind, code=booked.status, charge_id=booked.charge_id)

    async def lookup(self, sent: SentCharge) -> Outcome | NotFound:
        key = str(sent.charge.attempt_key)
        self.calls.append(("lookup", key))
        if self.lookups:
            return self.lookups.popleft()  # type: ignore[return-value]  # tests script anything
        if not self.books.get(key):
            return NotFound(conclusive=True)
        entries = self.books[key]
        best = next((b for b in entries if b.status == "taken"), entries[-1])
        return self._tell(key, best)

    async def cancel(self, sent: SentCharge) -> Undo:
        key = str(sent.charge.attempt_key)
        self.calls.append(("cancel", key))
        if self.undos:
            return self.undos.popleft()
        entries = self.books.get(key, [])
        if any(b.status == "taken" for b in entries):
            return TooLate("captured")
        for booked in entries:
            booked.status = "cancelled"
        if not entries and self.capabilities.cancel is Cancel.BY_KEY:
            self.books[key] = [Booked("ch_0", "cancelled", 0, "USD")]
        return Undone()

    async def refund(self, sent: SentCharge) -> Undo:
        key = str(sent.charge.attempt_key)
        self.calls.append(("refund", key))
        if self.undos:
            return self.undos.popleft()
        for booked in self.books.get(key, []):
            if booked.status == "taken":
                booked.status = "refunded"
                return Undone()
        return UndoUnknown("nothing to refund")

    def parse_notification(
        self, headers: Mapping[str, str], body: bytes, url: str
    ) -> Sequence[GatewayNotice]:
        return []


@dataclass
class BookkeepingBilling:
    """Metronome with books. Each release takes the next word of `script`; the default is `ok`.

    Words: ok, lost_before, lost_after, failed_before, failed_after, conflict, refused, busy,
    unauthorized.
    """

    invoices: dict[str, Invoice] = field(default_factory=dict)
    outcomes: dict[str, Verdict] = field(default_factory=dict)
    script: deque[str] = field(default_factory=deque)
    releases: list[tuple[str, Verdict, str]] = field(default_factory=list)
    stored: dict[str, ReleaseAnswer] = field(default_factory=dict)
    down: int = 0
    """How many of the next reads fail."""
    unknown_customers: set[str] = field(default_factory=set)

    async def release(
        self, workflow_id: WorkflowId, verdict: Verdict, *, key: str, not_after: datetime
    ) -> ReleaseAnswer:
        self.releases.append((workflow_id, verdict, key))
        word = self.script.popleft() if self.script else "ok"
        if word == "lost_before":
            return ReleaseAnswer(ReleaseResult.UNANSWERED, "timeout")
        if word == "busy":
            return ReleaseAnswer(ReleaseResult.BUSY, retry_after=timedelta(seconds=7))
        if word == "unauthorized":
            return ReleaseAnswer(ReleaseResult.UNAUTHORIZED, "bad token")
        if word == "conflict":
            return ReleaseAnswer(ReleaseResult.CONFLICT, "in progress")
        if key in self.stored:
            return self.stored[key]
        answer = self._execute(workflow_id, verdict, word)
        self.stored[key] = answer
        if word == "lost_after":
            return ReleaseAnswer(ReleaseResult.UNANSWERED, "timeout")
        return answer

    def _execute(self, workflow_id: WorkflowId, verdict: Verdict, word: str) -> ReleaseAnswer:
        if word == "failed_before":
            return ReleaseAnswer(ReleaseResult.FAILED, "500")
        if word == "refused":
            return ReleaseAnswer(ReleaseResult.REFUSED, "404")
        known = self.outcomes.get(workflow_id)
        if known is Verdict.PAID:
            return ReleaseAnswer(ReleaseResult.ALREADY_COMMITTED, "already in state COMMITTED")
        if known is not None:
            return ReleaseAnswer(ReleaseResult.NOT_COMMITTING, "not in COMMITTING state")
        self.apply(workflow_id, verdict)
        if word == "failed_after":
            return ReleaseAnswer(ReleaseResult.FAILED, "500")
        return ReleaseAnswer(ReleaseResult.DONE)

    def apply(self, workflow_id: str, verdict: Verdict) -> None:
        self.outcomes[workflow_id] = verdict
        if verdict is Verdict.FAILED:
            self.void(f"inv-{workflow_id}")

    def void(self, invoice_id: str) -> None:
        invoice = self.invoices[invoice_id]
        self.invoices[invoice_id] = replace(invoice, status=InvoiceStatus.VOID)

    async def invoice(self, customer_id: CustomerId, invoice_id: InvoiceId) -> Invoice | None:
        if self.down:
            self.down -= 1
            raise Unavailable("Metronome does not answer")
        return self.invoices.get(invoice_id)

    async def customer(self, customer_id: CustomerId) -> Customer | None:
        return None if customer_id in self.unknown_customers else Customer(customer_id, "Somebody")

    async def contract(self, customer_id: CustomerId, contract_id: ContractId) -> Contract | None:
        committed = {
            f"commit-{workflow}": frozenset({InvoiceId(f"inv-{workflow}")})
            for workflow, verdict in self.outcomes.items()
            if verdict is Verdict.PAID
        }
        return Contract(contract_id, frozenset(committed), committed)

    async def edit_contract(
        self,
        customer_id: CustomerId,
        contract_id: ContractId,
        *,
        changes: Mapping[str, Any],
        uniqueness_key: str | None = None,
    ) -> None:
        raise AssertionError("the engine edits no contract")


@dataclass
class FixedPayers:
    """Everybody pays with one method, except those who are listed."""

    exceptions: dict[str, Payer | None] = field(default_factory=dict)

    async def find(self, question: PayerQuestion) -> Payer | None:
        usual = Payer(f"cus-{question.customer_id}", "pm_ok")
        return self.exceptions.get(question.customer_id, usual)


@dataclass
class Heard:
    """An observer that remembers."""

    incidents: list[Incident] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def saved(
        self, before: Workflow, after: Workflow, history: tuple[HistoryEntry, ...]
    ) -> None: ...

    def incident(self, workflow: Workflow, incident: Incident) -> None:
        self.incidents.append(incident)

    def gateway_called(
        self, gateway: str, operation: str, answer: Answer, duration: timedelta
    ) -> None: ...

    def release_called(self, answer: ReleaseAnswer, duration: timedelta) -> None: ...

    def lease_lost(self, workflow: Workflow) -> None:
        self.lost.append(workflow.workflow_id)

    def claim_failed(self, error: Exception) -> None:
        self.errors.append(error)

    def step_failed(self, workflow: Workflow, error: Exception) -> None:
        self.errors.append(error)


class World:
    """One store, one gateway, one billing side, and workers made on demand."""

    def __init__(self, store: SqlStore, capabilities: Capabilities, policy: Policy) -> None:
        self.clock = HandClock()
        self.store = store
        self.gateway = BookkeepingGateway(self.clock, capabilities)
        self.billing = BookkeepingBilling()
        self.payers = FixedPayers()
        self.heard = Heard()
        self.engine = Engine(
            store=store,
            billing=self.billing,
            gateways={"main": self.gateway},
            payers=self.payers,
            rules=GuardRules(),
            policy=policy,
            clock=self.clock,
            random=Random(1),  # noqa: S311 - jitter, not a secret
            observer=self.heard,
        )
        self.operations = Operations(self.engine)

    def worker(self, owner: str = "w1", *, engine: Engine | None = None) -> Worker:
        return Worker(
            engine or self.engine,
            owner=owner,
            concurrency=8,
            lease=LEASE,
            poll=timedelta(seconds=1),
        )

    def ruled(self, rules: GuardRules) -> Engine:
        """The same engine under other guards."""
        return replace(self.engine, rules=rules)

    async def receive(self, name: str = "wf", *, total: str = "1500", **facts: str) -> Recorded:
        """Record a notification, with an invoice that agrees with it."""
        now = self.clock.now()
        currency = facts.get("currency", "USD")
        invoice_id = InvoiceId(facts.get("invoice_id", f"inv-{name}"))
        known = Facts(
            workflow_id=WorkflowId(name),
            workflow_type="spend",
            customer_id=CustomerId(facts.get("customer_id", "cust")),
            contract_id=ContractId("contract"),
            invoice_id=invoice_id,
            total=Decimal(total),
            currency=currency,
        )
        is_usd = currency == "USD"
        self.billing.invoices.setdefault(
            invoice_id,
            Invoice(
                invoice_id,
                known.customer_id,
                known.contract_id,
                InvoiceStatus.FINALIZED,
                Decimal(total),
                USD_CENTS_ID if is_usd else "some-id",
                "USD (cents)" if is_usd else currency,
            ),
        )
        workflow = Workflow(known, State.RECEIVED, received_at=now, updated_at=now, due_at=now)
        body = f"{name} {total} {currency} {invoice_id}".encode()
        return await self.store.record(
            NewNotification(
                notification_id=f"n-{name}-{total}",
                type="payment_gate.external_initiate",
                digest=body.hex(),
                body=body,
                signed_at=now,
                received_at=now,
                concerns_us=True,
                workflow=workflow,
            )
        )

    async def work(self, *, worker: Worker | None = None) -> None:
        """Let a worker claim until nothing is due now."""
        worker = worker or self.worker()
        for _ in range(50):
            if not await worker.run_once():
                break
        else:
            raise AssertionError("the engine runs hot: something is due again and again")
        assert not self.heard.errors, self.heard.errors

    async def work_through(self, *, hours: float = 48, step_minutes: float = 7) -> None:
        """Let time pass in steps and work at each."""
        steps, step = int(hours * 60 / step_minutes), timedelta(minutes=step_minutes)
        while steps := await self.pass_idle(steps, step):
            await self.work()
            self.clock.instant += step
            steps -= 1

    async def pass_idle(self, steps: int, step: timedelta) -> int:
        """Let the steps pass at which a claim would find nothing; give how many are left."""
        asked = "SELECT min(claimable_at) FROM workflows"
        (milliseconds,) = await self.store._read(lambda rows: rows.execute(asked).fetchall()[0])
        if milliseconds is None:
            idle = steps
        else:
            wait = from_milliseconds(milliseconds) - self.clock.now()
            idle = min(steps, max(0, ceil(wait / step)))
        self.clock.instant += idle * step
        return steps - idle

    async def work_through_by(self, engine: Engine, *, hours: float) -> None:
        """Let time pass in steps, and work at each under other guards."""
        for _ in range(int(hours * 6)):
            await self.work(worker=self.worker(engine=engine))
            self.clock.advance(minutes=10)

    async def dossier(self, name: str = "wf") -> Dossier:
        found = await self.store.dossier(WorkflowId(name))
        assert found is not None
        return found

    async def state(self, name: str = "wf") -> State:
        return (await self.dossier(name)).workflow.state

    async def crash_in_mid_charge(self) -> None:
        """Let a worker die between the effect of a charge and its answer."""

        async def die(_request: ChargeRequest) -> None:
            self.gateway.during_charge = None
            raise Killed

        self.gateway.during_charge = die
        try:
            await self.worker("dies").run_once()
        except* Killed:
            pass


class Killed(BaseException):
    """The process is gone; nothing of ours may catch it."""


async def open_world(
    store: SqlStore,
    capabilities: Capabilities = EVERY_ANSWER,
    **policy: Any,  # whatever a test wants different
) -> World:
    """Give a world over a store that is not open yet; the caller closes it."""
    await store.open()
    return World(store, capabilities, Policy(default_gateway="main", **policy))
