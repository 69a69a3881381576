"""What happens next with a workflow, and what a person may do about a held one; in words. Pure."""

from collections.abc import Mapping, Sequence

from external_gate.domain.workflow import HeldReason, State, Verdict, Workflow
from external_gate.engine.approving import can_be_approved, waits_for
from external_gate.engine.undone import BY_HAND, charged_attempt, kept_attempt, took_money
from external_gate.observe.cures import CURES, DEFERRALS
from external_gate.stores.store_records import Dossier

_ON_ITS_OWN: Mapping[State, str] = {
    State.RECEIVED: "a worker reads the invoice and finds the payer",
    State.READY: "a worker sends the charge",
    State.CHARGING: "the charge is on the wire; its answer decides",
    State.UNRESOLVED: "a worker asks the gateway what became of the charge",
    State.PENDING: "a worker asks the gateway whether it has become final",
    State.PAID: "a worker tells Metronome `paid`",
    State.DECLINED: "a worker tells Metronome `failed`",
    State.HELD: "a person must decide",
    State.REFUNDING: "a worker asks the gateway to give the money back",
    State.RELEASED: "nothing: Metronome was told `paid`",
    State.CANCELLED: "nothing: Metronome was told `failed`",
    State.REFUNDED: "nothing: the money was given back",
}


def what_next(workflow: Workflow) -> str:
    """Tell in one sentence what happens next, or what a person has to do."""
    if workflow.state is State.HELD and workflow.held_reason is not None:
        return CURES[workflow.held_reason].advice
    if workflow.state is State.REFUNDING and any(w.startswith(BY_HAND) for w in workflow.approvals):
        return "a worker sees how Metronome's workflow has ended, and tells `failed` if it has not"
    waiting = waits_for(workflow)
    sentence = _ON_ITS_OWN[workflow.state] if waiting is None else DEFERRALS[waiting]
    if workflow.hold_wanted is not None and not workflow.has_ended:
        return f"{sentence}; then it is held, as was asked for"
    return sentence


def offered(dossier: Dossier) -> Sequence[str]:
    """Give the acts that make sense now, as the commands are called: `retry`, `settle paid` …

    A hint for people; what is allowed is decided by `operations` when they act.
    """
    workflow = dossier.workflow
    if workflow.has_ended:
        return ()
    if workflow.state is not State.HELD:
        is_held_back = workflow.hold_wanted or workflow.state is State.REFUNDING
        if is_held_back:
            return ()
        return ("approve", "hold") if can_be_approved(workflow) else ("hold",)
    taken = any(map(took_money, dossier.attempts))
    if taken and kept_attempt(workflow, dossier.attempts) is None:
        return ("retry",)
    acts = ["approve"] if can_be_approved(workflow) else []
    if _can_go_on(workflow, taken=taken):
        acts.append("retry")
    # Once a release may have been sent the outcome is decided; releasing it again is a retry.
    if workflow.verdict is None:
        acts += ["settle paid"] if taken else ["settle paid", "settle failed"]
    if charged_attempt(workflow, dossier.attempts) is not None:
        acts.append("refund")
    return (*acts, "refund --by-hand") if taken else tuple(acts)


def _can_go_on(workflow: Workflow, *, taken: bool) -> bool:
    if workflow.held_reason is HeldReason.APPROVAL:
        return False
    if workflow.held_reason is HeldReason.REFUND_REFUSED:
        return True
    if workflow.verdict is not None:
        return workflow.verdict is Verdict.PAID or not taken
    return not taken and workflow.held_reason is not HeldReason.MISSHAPEN
