"""What people may do: by the same table and the same fenced save, with their name and reason."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from external_gate.domain.errors import BadInput, LeaseLost, Refused
from external_gate.domain.evidence import Attempt
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.ledger import HistoryEntry
from external_gate.domain.standing import (
    Absent,
    Contradicted,
    Mismatched,
    Open,
    Taken,
    Waiting,
)
from external_gate.domain.workflow import Actor, HeldReason, State, Verdict, Workflow
from external_gate.engine import settling
from external_gate.engine.approving import APPROVABLE, asked_for
from external_gate.engine.context import Engine
from external_gate.engine.draft import Draft
from external_gate.engine.looks_while_held import look_on
from external_gate.engine.recalling import accepted
from external_gate.engine.scales import standing_in
from external_gate.engine.undone import charged_attempt, kept_attempt, took_money
from external_gate.engine.weighing import weigh
from external_gate.guards.rules import Approval
from external_gate.stores.store_records import Dossier

LEASE = timedelta(seconds=30)
"""How long a person's command may hold a workflow: it only reads and saves once."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts, and why; both are kept in the history."""

    name: str
    reason: str

    def __post_init__(self) -> None:
        """Refuse an anonymous or unexplained act."""
        if not self.name.strip() or not self.reason.strip():
            raise BadInput("say who you are and why: an operator and a reason are kept for ever")


class Operations:
    """The acts of people on workflows; every one is explained afterwards (P8).

    All raise `BadInput` for an unknown workflow, `LeaseLost` while a worker holds it (try again in
    a moment) and `Refused` when the rules do not allow the act.
    """

    def __init__(self, engine: Engine, *, owner: str = "operator") -> None:
        self._engine = engine
        self._owner = owner

    async def retry(
        self, workflow_id: WorkflowId, person: Person, *, accept_unknown: bool = False
    ) -> Workflow:
        """Let a held workflow go on where it was: same key and gateway unless the attempt is dead.

        `accept_unknown` sends after a restore although the gateway could not tell whether our books
        have forgotten a charge, and ends a refund beside an attempt that nobody knows: only after
        looking there by hand.
        """

        def act(draft: Draft) -> None:
            _must_be_held(draft, "retried")
            self._resume(draft, person, accept_unknown=accept_unknown)

        return await self._act(workflow_id, person, "retried", act)

    async def approve(self, workflow_id: WorkflowId, person: Person) -> Workflow:
        """Record that this may be charged; a workflow that is held, or waits, for it goes on.

        It allows what the workflow is held or waits for: going above the customer's cap, one charge
        more than the velocity, a payment method with an open breaker; else the amount.
        """

        def act(draft: Draft) -> None:
            if draft.after.has_ended or draft.after.verdict is not None:
                raise Refused("nothing is left to approve: the outcome is decided")
            approval = asked_for(draft.after)
            draft.set(approvals=draft.after.approvals | {approval})
            if draft.after.held_reason in APPROVABLE:
                self._resume_charge(draft, accept_unknown=False)
            elif approval is not Approval.AMOUNT:
                draft.set(due_at=draft.now, deferred_by="")

        return await self._act(workflow_id, person, "approved", act)

    async def hold(self, workflow_id: WorkflowId, person: Person) -> Workflow:
        """Hold a workflow; with a call on the wire it takes effect when the call has ended."""
        now = self._engine.clock.now()
        entry = HistoryEntry(now, Actor.PERSON, "hold_asked", person.reason, person.name)
        dossier = await self._known(workflow_id)
        if dossier.workflow.has_ended:
            raise Refused(f"workflow {workflow_id} has ended: {dossier.workflow.state}")
        if dossier.workflow.state is State.HELD:
            raise Refused(f"workflow {workflow_id} is held already: {dossier.workflow.held_reason}")
        if dossier.workflow.state is State.REFUNDING:
            raise Refused("a refund may be on its way: it cannot be held any more")
        if dossier.workflow.state is not State.CHARGING:
            try:
                return await self._act(
                    workflow_id,
                    person,
                    "held",
                    lambda draft: draft.hold(HeldReason.OPERATOR, person.reason),
                )
            except LeaseLost:
                pass  # a worker is at it: ask it to hold at its next save
        await self._engine.store.want_hold(
            workflow_id, reason=HeldReason.OPERATOR, detail=person.reason, entry=entry
        )
        return (await self._known(workflow_id)).workflow

    async def settle(
        self,
        workflow_id: WorkflowId,
        verdict: Verdict,
        person: Person,
        *,
        evidence: str,
        accept_unknown: bool = False,
    ) -> Workflow:
        """Decide a held workflow by hand, with evidence that convinces others later (P3, P4).

        Needs every sent attempt known. `accept_unknown` settles even so: it raises an incident, and
        needs a second person where the configuration says so.
        """
        if not evidence.strip():
            raise BadInput("settling needs evidence: a statement, a charge id, a link")

        def act(draft: Draft) -> None:
            _must_be_held(draft, "settled")
            settling.settle(
                self._engine,
                draft,
                verdict,
                who=person.name,
                reason=person.reason,
                evidence=evidence,
                accept_unknown=accept_unknown,
            )

        return await self._act(workflow_id, person, "settle_asked", act)

    async def refund(self, workflow_id: WorkflowId, person: Person) -> Workflow:
        """Give a held workflow's money back through its gateway."""

        def act(draft: Draft) -> None:
            _must_be_held(draft, "refunded")
            attempt = charged_attempt(draft.after, draft.attempts)
            if attempt is None:
                raise Refused("no charge is on record that could be refunded")
            if not self._engine.capabilities(attempt.gateway).refund:
                raise Refused(
                    f"gateway {attempt.gateway!r} does not refund: do it there, "
                    "then record it with refund --by-hand"
                )
            draft.move(
                State.REFUNDING,
                f"refund asked for by {person.name}",
                due_at=draft.now,
                **(_FRESH | {"undo_asked_at": draft.now}),
            )

        return await self._act(workflow_id, person, "refund_asked", act)

    async def refund_by_hand(
        self, workflow_id: WorkflowId, person: Person, *, evidence: str
    ) -> Workflow:
        """Record that a held workflow's money was given back at the gateway's own pages.

        The gateway is not asked: the person answers for it, with evidence (P4), and a second person
        where the configuration says so. Speaks of all money of the latest attempt that keeps any.
        """
        if not evidence.strip():
            raise BadInput("a refund by hand needs evidence: a refund id, a statement, a link")

        def act(draft: Draft) -> None:
            _must_be_held(draft, "refunded")
            settling.refund_by_hand(self._engine, draft, who=person.name, evidence=evidence)

        return await self._act(workflow_id, person, "refund_by_hand_asked", act)

    async def _act(
        self, workflow_id: WorkflowId, person: Person, event: str, act: Callable[[Draft], None]
    ) -> Workflow:
        """Lease the workflow, make the change, save it under the fence, give it back."""
        engine = self._engine
        dossier = await engine.store.acquire(
            workflow_id, owner=self._owner, now=engine.clock.now(), lease=LEASE
        )
        fence = dossier.workflow.fence
        if dossier.newest_evidence > dossier.workflow.evidence_read:
            dossier = await self._read_first(dossier)
        try:
            draft = Draft(dossier, engine.clock.now(), actor=Actor.PERSON, who=person.name)
            draft.note(event, person.reason)
            act(draft)
        except BaseException:
            due_at = dossier.workflow.due_at
            await engine.store.give_back([(workflow_id, fence)], due_at=due_at)
            raise
        look_on(engine, draft)
        change = draft.change(fence=fence, give_back=True)
        saved = await engine.store.save(change)
        engine.observer.saved(dossier.workflow, saved.workflow, change.history)
        for incident in change.incidents:
            engine.observer.incident(saved.workflow, incident)
        return saved.workflow

    async def _read_first(self, dossier: Dossier) -> Dossier:
        """Let fresh evidence have its say before the person: their save would mark it as read."""
        draft = Draft(dossier, self._engine.clock.now())
        draft.note("evidence_read", "evidence arrived from elsewhere")
        weigh(self._engine, draft)
        look_on(self._engine, draft)
        change = draft.change(fence=dossier.workflow.fence, give_back=False)
        saved = await self._engine.store.save(change)
        self._engine.observer.saved(dossier.workflow, saved.workflow, change.history)
        for incident in change.incidents:
            self._engine.observer.incident(saved.workflow, incident)
        return saved

    async def _known(self, workflow_id: WorkflowId) -> Dossier:
        dossier = await self._engine.store.dossier(workflow_id)
        if dossier is None:
            raise BadInput(f"no workflow {workflow_id} is known here")
        return dossier

    def _resume(self, draft: Draft, person: Person, *, accept_unknown: bool) -> None:
        """Leave `held` for where the workflow belongs by what is known."""
        workflow = draft.after
        if _is_refund_to_go_on(draft):
            who, reason = person.name, person.reason
            if not accept_unknown or settling.accept_unknown(
                self._engine, draft, who=who, reason=reason
            ):
                draft.move(State.REFUNDING, "retried", due_at=draft.now, **_FRESH)
        elif workflow.verdict is Verdict.FAILED and kept_attempt(workflow, draft.attempts):
            raise Refused("money was taken: `failed` would be wrong; refund it instead")
        elif workflow.verdict is not None:
            to = State.PAID if workflow.verdict is Verdict.PAID else State.DECLINED
            draft.move(to, "to be released again", due_at=draft.now, void_seen_at=None, **_FRESH)
            draft.begin_release(workflow.release_generation + 1)
        elif workflow.held_reason is HeldReason.MISSHAPEN:
            raise Refused(
                "the notification was not understood: charge by hand what is owed, then settle"
            )
        else:
            self._resume_charge(draft, accept_unknown=accept_unknown)

    def _resume_charge(self, draft: Draft, *, accept_unknown: bool) -> None:
        if kept_attempt(draft.after, draft.attempts) is not None:
            raise Refused("money was taken: settle it as paid, or refund it")
        held_reason, attempt = draft.after.held_reason, draft.attempt
        approvals = draft.after.approvals
        if held_reason is HeldReason.SHADOW:
            draft.set(approvals=approvals | {Approval.SHADOW})
        if held_reason is HeldReason.BREAKER:
            draft.set(approvals=approvals | {Approval.BREAKER})
        if held_reason is HeldReason.RESTORED and accept_unknown:
            draft.set(approvals=approvals | {accepted(draft.after.restored_at)})
        to = State.READY if attempt is None else self._place_of(draft, attempt)
        draft.move(to, "retried", due_at=draft.now, **_FRESH)

    def _place_of(self, draft: Draft, attempt: Attempt) -> State:
        match standing_in(self._engine, draft, attempt):
            case Open() | Absent():
                return State.UNRESOLVED if attempt.sends else State.READY
            case Waiting():
                return State.PENDING
            case Taken():
                raise Refused("money was taken: settle it as paid, or refund it")
            case Mismatched() | Contradicted():
                raise Refused("the evidence contradicts itself: settle it by hand, or refund it")
            case _:
                return State.READY


_FRESH: dict[str, object] = {"tries": 0, "trying_since": None}


def _is_refund_to_go_on(draft: Draft) -> bool:
    """Whether money is on its way back, or is back and Metronome's own end is open."""
    workflow = draft.after
    if workflow.held_reason is HeldReason.REFUND_REFUSED:
        return True
    is_asked = workflow.verdict is Verdict.PAID and workflow.undo_asked_at is not None
    is_back = any(map(took_money, draft.attempts)) and not kept_attempt(workflow, draft.attempts)
    return is_asked or (is_back and workflow.verdict is not Verdict.FAILED)


def _must_be_held(draft: Draft, act: str) -> None:
    if draft.after.state is not State.HELD:
        raise Refused(
            f"only a held workflow can be {act}; this one is {draft.after.state}: hold it first"
        )
