"""The chain of workflows that a failed payment begins: each one follows a failed one. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from external_gate.domain.workflow import State, Workflow


@dataclass(frozen=True, slots=True)
class Chain:
    """What came before a workflow and after it, oldest first; empty where nothing failed."""

    before: tuple[Workflow, ...] = ()
    """Failed ones, each followed by the next, the last by the workflow itself."""
    after: tuple[Workflow, ...] = ()
    """What followed the workflow, if it failed, and what followed that, if it failed too."""


NO_CHAIN = Chain()


def chain_of(workflow: Workflow, others: Iterable[Workflow]) -> Chain:
    """Find a workflow's chain among others, which may be of any contract.

    The next workflow of the same contract and type follows a failed one: until somebody switches
    the threshold on, Metronome begins none.
    """
    line = sorted((each for each in others if _is_of_one_line(workflow, each)), key=_arrival)
    before = [each for each in line if _arrival(each) < _arrival(workflow)]
    after = [each for each in line if _arrival(each) > _arrival(workflow)]
    return Chain(tuple(_failed_at_the_end(before)), tuple(_followers(workflow, after)))


def _is_of_one_line(workflow: Workflow, other: Workflow) -> bool:
    ours, theirs = workflow.facts, other.facts
    return (ours.customer_id, ours.contract_id, ours.workflow_type) == (
        theirs.customer_id,
        theirs.contract_id,
        theirs.workflow_type,
    )


def _arrival(workflow: Workflow) -> tuple[object, ...]:
    return workflow.received_at, workflow.workflow_id


def _failed_at_the_end(line: list[Workflow]) -> list[Workflow]:
    failed: list[Workflow] = []
    for each in reversed(line):
        if each.state is not State.CANCELLED:
            break
        failed.insert(0, each)
    return failed


def _followers(workflow: Workflow, line: list[Workflow]) -> Iterable[Workflow]:
    last = workflow
    for each in line:
        if last.state is not State.CANCELLED:
            return
        yield each
        last = each
