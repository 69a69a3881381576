"""The workflow's life: states, reasons for holding, and the only moves there are (design §4)."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from external_gate.domain.errors import Broken, Refused
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.money import Money


class State(StrEnum):
    """Where a workflow is."""

    RECEIVED = "received"  # recorded; nothing looked at yet
    READY = "ready"  # a charge, or the re-send of one, is owed now or at a stated time
    CHARGING = "charging"  # intent, key and bytes are saved; a charge may be on the wire
    UNRESOLVED = "unresolved"  # nobody knows what became of the charge
    PENDING = "pending"  # the gateway says: not final yet
    PAID = "paid"  # proof of money taken; `paid` is owed to Metronome
    DECLINED = "declined"  # every attempt dead; `failed` is owed to Metronome
    HELD = "held"  # a person must decide; the reason says what is known
    REFUNDING = "refunding"  # money is being given back because it could not be released
    RELEASED = "released"  # the end: Metronome was told `paid`
    CANCELLED = "cancelled"  # the end: Metronome was told `failed`
    REFUNDED = "refunded"  # the end: charged, not releasable, given back


ENDED = frozenset({State.RELEASED, State.CANCELLED, State.REFUNDED})


class Verdict(StrEnum):
    """What Metronome is told; decided when its release may first have been sent."""

    PAID = "paid"
    FAILED = "failed"


class Actor(StrEnum):
    """Who may make a move. The intake only begins workflows, and asks for holds."""

    ENGINE = "engine"
    INTAKE = "intake"
    PERSON = "person"


class HeldReason(StrEnum):
    """Why a person must look; each with what they would do."""

    STALE = "stale"  # the notification came later than it is acted on
    MISSHAPEN = "misshapen_notification"  # signed by Metronome, but not understood
    CONFLICTING = "conflicting_notification"  # the same workflow with other facts
    INVOICE_MISMATCH = "invoice_mismatch"  # Metronome's invoice says something else
    INVOICE_VOID = "invoice_void"  # there is nothing to pay any more
    INVOICE_MISSING = "invoice_missing"  # Metronome does not know the invoice
    INVOICE_ALREADY_PAID = "invoice_already_paid"  # another workflow took or may take its money
    AMOUNT = "amount_not_chargeable"  # zero, negative, unknown currency
    NO_PAYER = "no_payer"  # nobody says whom to charge
    UNKNOWN_CUSTOMER = "unknown_customer"  # Metronome does not know the customer
    UNKNOWN_GATEWAY = "unknown_gateway"  # the payer names a gateway that is not configured
    NOT_CAPABLE = "gateway_not_capable"  # the gateway declares that it cannot charge this
    GUARD = "guard"  # a guard said: not without a person
    APPROVAL = "approval_needed"  # above the amount that may be charged unasked
    CAP = "cap_reached"  # above what one customer may be charged within a time
    BREAKER = "breaker_open"  # the payment method was declined again and again, for a day
    SHADOW = "shadow"  # shadow mode: everything but the charge was done
    UNREACHABLE = "unreachable"  # nothing was sent for a day: Metronome, payers or gateway are down
    MISCONFIGURED = "misconfigured"  # the gateway or Metronome refused us
    REQUEST_CHANGED = "request_changed"  # a re-send would not be the same bytes
    UNKNOWN_CHARGE = "unknown_charge"  # nobody knows what became of it and nothing is left to ask
    PROOF_MISMATCH = "proof_mismatch"  # money was taken, but not what was asked for
    CONTRADICTION = "contradiction"  # evidence says both
    RESTORED = "restored"  # the database was restored and the gateway could not tell
    RELEASE_REFUSED = "release_refused"  # Metronome did not take the release and nothing is proven
    REFUND_REFUSED = "refund_refused"  # the gateway can no longer give the money back
    OPERATOR = "operator"  # a person asked for it


_E, _P = Actor.ENGINE, Actor.PERSON
_S = State

MOVES: dict[tuple[State, State], frozenset[Actor]] = {
    (_S.RECEIVED, _S.READY): frozenset({_E}),
    (_S.RECEIVED, _S.HELD): frozenset({_E, _P}),
    (_S.RECEIVED, _S.DECLINED): frozenset({_E}),  # a guard refused and nothing was ever sent
    (_S.READY, _S.CHARGING): frozenset({_E}),
    (_S.READY, _S.HELD): frozenset({_E, _P}),
    (_S.READY, _S.DECLINED): frozenset({_E}),  # a guard refused and nothing was ever sent
    (_S.CHARGING, _S.PAID): frozenset({_E}),
    (_S.CHARGING, _S.DECLINED): frozenset({_E}),
    (_S.CHARGING, _S.READY): frozenset({_E}),
    (_S.CHARGING, _S.PENDING): frozenset({_E}),
    (_S.CHARGING, _S.UNRESOLVED): frozenset({_E}),
    (_S.CHARGING, _S.HELD): frozenset({_E}),
    (_S.UNRESOLVED, _S.PAID): frozenset({_E}),
    (_S.UNRESOLVED, _S.DECLINED): frozenset({_E}),
    (_S.UNRESOLVED, _S.READY): frozenset({_E}),
    (_S.UNRESOLVED, _S.PENDING): frozenset({_E}),
    (_S.UNRESOLVED, _S.HELD): frozenset({_E, _P}),
    (_S.PENDING, _S.PAID): frozenset({_E}),
    (_S.PENDING, _S.DECLINED): frozenset({_E}),
    (_S.PENDING, _S.READY): frozenset({_E}),
    (_S.PENDING, _S.UNRESOLVED): frozenset({_E}),
    (_S.PENDING, _S.HELD): frozenset({_E, _P}),
    (_S.PAID, _S.RELEASED): frozenset({_E}),
    (_S.PAID, _S.HELD): frozenset({_E, _P}),
    (_S.PAID, _S.REFUNDING): frozenset({_E}),
    (_S.DECLINED, _S.CANCELLED): frozenset({_E}),
    (_S.DECLINED, _S.HELD): frozenset({_E, _P}),
    (_S.HELD, _S.READY): frozenset({_P}),
    (_S.HELD, _S.UNRESOLVED): frozenset({_P}),
    (_S.HELD, _S.PENDING): frozenset({_P}),
    (_S.HELD, _S.PAID): frozenset({_E, _P}),  # the engine only by proof
    (_S.HELD, _S.DECLINED): frozenset({_E, _P}),  # the engine only by proof
    (_S.HELD, _S.REFUNDING): frozenset({_P}),
    (_S.REFUNDING, _S.REFUNDED): frozenset({_E}),
    (_S.REFUNDING, _S.DECLINED): frozenset({_E}),
    (_S.REFUNDING, _S.HELD): frozenset({_E}),  # by nobody else: a refund may be on its way
}
"""Every move there is, and who may make it. No code path makes another."""

BEFORE_A_DECISION = frozenset(
    {State.RECEIVED, State.READY, State.CHARGING, State.UNRESOLVED, State.PENDING}
)
"""Where a charge may still be sent: no decided workflow ever comes here again."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the notification said about a workflow; never changed."""

    workflow_id: WorkflowId
    workflow_type: str
    customer_id: CustomerId
    contract_id: ContractId
    invoice_id: InvoiceId
    total: Decimal | None
    """The invoice's total in Metronome's unit; None when the notification was not understood."""
    currency: str


@dataclass(frozen=True, slots=True)
class Workflow:
    """One payment-gate workflow of Metronome's, as it stands."""

    facts: Facts
    state: State
    received_at: datetime
    updated_at: datetime
    due_at: datetime | None = None
    """When a worker should look again; None when only a person or new evidence can move it."""
    fence: int = 0
    """Rises with every claim; guards moves, never evidence."""
    held_reason: HeldReason | None = None
    held_detail: str = ""
    verdict: Verdict | None = None
    """What Metronome is told; set with the save that starts the release."""
    amount: Money | None = None
    """What is charged, once the invoice was read."""
    rounding: str = "0"
    """Charged minus exact, in minor units, as a decimal."""
    tries: int = 0
    """Rungs climbed on the present ladder."""
    trying_since: datetime | None = None
    """When the present ladder was entered; None off the ladder."""
    pending_deadline: datetime | None = None
    undo_asked_at: datetime | None = None
    """When a cancel or refund was first asked for; None while none was."""
    hold_wanted: HeldReason | None = None
    """A hold that takes effect at the next save, because a call was on the wire."""
    hold_wanted_detail: str = ""
    approvals: frozenset[str] = frozenset()
    """What a person has allowed: `amount`, `cap`, `velocity`, `breaker`, `shadow`."""
    deferred_by: str = ""
    """Which guard lets it wait: `pause`, `velocity`, or `breaker:` and the payment method's mark;
    empty while none does."""
    restored_at: datetime | None = None
    """When the database was found to be an older copy; None when it never was."""
    void_seen_at: datetime | None = None
    """When the invoice was first read back as void after a refused release."""
    release_generation: int = 0
    look_at: datetime | None = None
    """When the look is to be made that a gateway's notice asked for; None while none is wanted.
    Moved by the store alone."""
    looked_at: datetime | None = None
    """When the latest look was made that a notice had brought forward."""
    evidence_read: int = 0
    """The number of the newest evidence that a decision has taken into account."""

    @property
    def workflow_id(self) -> WorkflowId:
        """Give the id that Metronome knows it by."""
        return self.facts.workflow_id

    @property
    def has_ended(self) -> bool:
        """Whether nothing is owed to anybody any more."""
        return self.state in ENDED


def check_move(workflow: Workflow, to: State, actor: Actor, verdict: Verdict | None = None) -> None:
    """Refuse a move that the table lacks, or that would turn a decided outcome round.

    Raises `Refused` when `actor` may not make the move, `Broken` when nobody may: that is a bug.
    """
    allowed = MOVES.get((workflow.state, to))
    if allowed is None:
        raise Broken(f"no move leads from {workflow.state} to {to}")
    if actor not in allowed:
        raise Refused(f"{actor} may not move a workflow from {workflow.state} to {to}")
    decided = workflow.verdict
    if decided and to in BEFORE_A_DECISION:
        raise Refused(f"the outcome is decided ({decided}): nothing may be charged any more")
    wanted = verdict or {State.PAID: Verdict.PAID, State.DECLINED: Verdict.FAILED}.get(to)
    given_back = workflow.state is State.REFUNDING
    if decided and wanted and decided is not wanted and not given_back:
        raise Refused(f"the outcome is decided: {decided} may already have been sent to Metronome")
