"""`--wait`: the workflow that follows a changed threshold, as our own books come to know it."""

from datetime import timedelta

import click

from external_gate.cli.endings import THE_ANSWER_IS_NO, leave
from external_gate.cli.moments import short_age
from external_gate.cli.showing import pasteable, safe
from external_gate.domain.workflow import Workflow
from external_gate.engine.advice import what_next
from external_gate.metronome.contracting import Gate
from external_gate.thresholds.applying import Prepared, Proven
from external_gate.thresholds.contract_books import ContractBooks


async def known(books: ContractBooks, prepared: Prepared) -> list[Workflow]:
    """Give the contract's workflows that are known before the change, newest first."""
    contract = prepared.contract
    if contract is None:
        return []
    return await books.workflows(contract.customer_id, contract.contract_id)


async def wait(
    books: ContractBooks,
    prepared: Prepared,
    proven: Proven,
    before: list[Workflow],
    *,
    up_to: timedelta,
) -> Workflow | None:
    """Wait for a workflow that ends or is held; one that is open already, where nothing changed.

    So a command that was killed between the change and its answer can be given again.
    """
    if why_nothing_follows(prepared, proven, before):
        return None
    click.echo(f"waiting up to {short_age(up_to)} for the workflow that follows", err=True)
    old = before if proven.was_sent else [each for each in before if each.has_ended]
    contract = proven.contract
    return await books.follower(
        contract.customer_id,
        contract.contract_id,
        known=frozenset(each.workflow_id for each in old),
        until=books.clock.now() + up_to,
    )


def why_nothing_follows(prepared: Prepared, proven: Proven, before: list[Workflow]) -> str:
    """Say why there is nothing to wait for; empty when there may be."""
    if proven.threshold.gate != Gate.EXTERNAL:
        return f"the gate is {proven.threshold.gate}, of which this service hears nothing"
    if not proven.threshold.is_enabled:
        return "the threshold is off"
    if prepared.plan.is_done and all(each.has_ended for each in before):
        return "nothing was changed"
    return ""


def end(prepared: Prepared, proven: Proven, follower: Workflow | None, waited: timedelta) -> None:
    """Say what followed; leaves with code 1 when nothing came that was waited for."""
    if follower is not None:
        click.echo(safe(f"workflow {follower.workflow_id} is {follower.state}"), err=True)
        click.echo(f"next: {what_next(follower)}", err=True)
        return
    reason = why_nothing_follows(prepared, proven, [])
    if reason:
        click.echo(f"nothing follows: {safe(reason)}", err=True)
        return
    customer = pasteable(proven.contract.customer_id)
    leave(
        f"no workflow came within {short_age(waited)}: the threshold is not reached, or its "
        f"webhook did not arrive; see: external-gate workflows missing --customer {customer}",
        THE_ANSWER_IS_NO,
    )
