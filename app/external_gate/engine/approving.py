"""What a person's approval allows: that for which the workflow is held, or waits. Pure."""

from collections.abc import Mapping

from external_gate.domain.ledger import Deferral
from external_gate.domain.workflow import HeldReason, State, Workflow
from external_gate.guards.rules import Approval

APPROVABLE: Mapping[HeldReason, Approval] = {
    HeldReason.APPROVAL: Approval.AMOUNT,
    HeldReason.CAP: Approval.CAP,
    HeldReason.BREAKER: Approval.BREAKER,
}
"""What lets a held workflow go on, for each reason that an approval can lift."""

_WAITED_FOR: Mapping[Deferral, Approval] = {
    Deferral.VELOCITY: Approval.VELOCITY,
    Deferral.BREAKER: Approval.BREAKER,
}


def waits_for(workflow: Workflow) -> Deferral | None:
    """Give what lets a workflow wait that is to be charged; None when nothing does."""
    if workflow.state is not State.READY or not workflow.deferred_by:
        return None
    return Deferral(workflow.deferred_by.partition(":")[0])


def can_be_approved(workflow: Workflow) -> bool:
    """Tell whether an approval would let the workflow go on now."""
    return workflow.held_reason in APPROVABLE or waits_for(workflow) in _WAITED_FOR


def asked_for(workflow: Workflow) -> Approval:
    """Give what an approval allows: what is asked for now, else the amount beforehand."""
    waiting = waits_for(workflow)
    if workflow.held_reason is not None:
        return APPROVABLE.get(workflow.held_reason, Approval.AMOUNT)
    return Approval.AMOUNT if waiting is None else _WAITED_FOR.get(waiting, Approval.AMOUNT)
