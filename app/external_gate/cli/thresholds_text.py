"""A planned change of a threshold, and what came of it, as a terminal shows them."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import click

from external_gate.cli.showing import safe
from external_gate.domain.workflow import Workflow
from external_gate.metronome.exact_json import write_object
from external_gate.thresholds.applying import Prepared, Proven
from external_gate.thresholds.remarks import facts


def tell(lines: Iterable[str], *, err: bool) -> None:
    """Print lines; nothing in them can write to the terminal as it likes."""
    for line in lines:
        click.echo(safe(line), err=err)


def plan_lines(prepared: Prepared, workflows: list[Workflow], *, now: datetime) -> Iterator[str]:
    """Give the exact change: whose, what differs, what it means, and what is sent."""
    plan, contract = prepared.plan, prepared.contract
    where = "a new contract" if contract is None else f"contract {contract.contract_id}"
    verb = "already as wished" if plan.is_done else "new" if plan.before is None else "changed"
    yield f"{where} of customer {prepared.customer_id}: {plan.kind} threshold, {verb}"
    if plan.is_done:
        return
    for one in plan.differences:
        came_from = "" if plan.before is None else f"{one.before} -> "
        yield f"  {one.what:<12} {came_from}{one.after}"
    for remark in plan.remarks:
        yield f"  {remark}"
    for workflow in (each for each in workflows if not each.has_ended):
        yield f"  workflow {workflow.workflow_id} of this contract is {workflow.state} and goes on"
    endpoint = "/v1/contracts/create" if contract is None else "/v2/contracts/edit"
    yield f"  POST {endpoint}, uniqueness_key {prepared.uniqueness_key}"
    yield f"    {write_object(prepared.body(now)).decode()}"


def proven_line(prepared: Prepared, proven: Proven) -> str:
    """Say what Metronome tells after the change."""
    told = facts(proven.threshold, prepared.tariff)
    parts = [f"{told['enabled']} at {told['threshold']}", f"gate {told['gate']}"]
    if "recharge to" in told:
        parts.insert(1, f"recharging to {told['recharge to']}")
    how = "read back" if proven.was_sent else "nothing had to be changed"
    kind, contract_id = proven.threshold.kind, proven.contract.contract_id
    return safe(f"contract {contract_id}: {kind} threshold is {', '.join(parts)} ({how})")
