"""`external-gate workflows`: see workflows, and find out why one is stuck."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from external_gate.cli import missing, workflow_acts
from external_gate.cli.config import config_option
from external_gate.cli.endings import THE_ANSWER_IS_NO, leave
from external_gate.cli.moments import SINCE, short_age
from external_gate.cli.opening import with_store
from external_gate.cli.showing import as_json, painted, table
from external_gate.cli.workflow_text import WholeStory, workflow_lines
from external_gate.domain.chain import NO_CHAIN, Chain, chain_of
from external_gate.domain.identifiers import CustomerId, WorkflowId
from external_gate.domain.workflow import HeldReason, State, Workflow
from external_gate.engine.workflow_view import View, dossier_view, workflow_view
from external_gate.stores.store import Store
from external_gate.stores.store_records import WorkflowFilter

PAGE = 500
"""Rows read at once: enough to make the round trips not matter."""

MOST_NOTICES = 50
"""Of gateways and of Metronome, shown with a workflow: the newest; anybody may tell the same a
thousand times."""

MOST_OF_A_CUSTOMER = 5000
"""Workflows of one customer that are searched for the chain of one: years of daily payments."""

_HEADER = ("WORKFLOW", "STATE", "HELD BECAUSE", "AMOUNT", "AGE", "CUSTOMER", "INVOICE", "")


@click.group("workflows")
def workflows() -> None:
    """See workflows, and decide those that are held.

    An id that nobody knows, and an act that the rules refuse, are a no: exit code 1.

    \b
    Example:
      external-gate workflows list --held
      external-gate workflows show d7abd0cd-4ae9-4db7-8676-e986a4ebd8dc
    """


for act in (*workflow_acts.ACTS, missing.missing):
    workflows.add_command(act)


@workflows.command("list")
@click.option(
    "--state", "states", multiple=True, type=click.Choice([s.value for s in State]),
    help="Only in this state; may be given several times.",
)  # fmt: skip
@click.option("--held", is_flag=True, help="What a person must look at: held, or with incidents.")
@click.option(
    "--reason", "reasons", multiple=True, type=click.Choice([r.value for r in HeldReason]),
    help="Only held for this reason; may be given several times.",
)  # fmt: skip
@click.option("--incidents", is_flag=True, help="Only with incidents, held or not.")
@click.option("--customer", help="Only of this Metronome customer.")
@click.option("--since", type=SINCE, help="Received since then: 24h, 7d, 2026-11-22T09:00Z.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="Most rows.")
@click.option("--json", "json_wanted", is_flag=True, help="One JSON array for programs.")
@config_option
def list_workflows(
    *,
    states: tuple[str, ...],
    held: bool,
    reasons: tuple[str, ...],
    incidents: bool,
    customer: str | None,
    since: datetime | None,
    limit: int,
    json_wanted: bool,
    config_path: Path | None,
) -> None:
    """List workflows, newest first.

    \b
    Example:
      external-gate workflows list --held --since 7d
    """
    if held and (states or incidents):
        raise click.UsageError("--held stands alone: it is held workflows and those with incidents")
    wanted = WorkflowFilter(
        states=frozenset(State(state) for state in states),
        held_reasons=frozenset(HeldReason(reason) for reason in reasons),
        customer_id=None if customer is None else CustomerId(customer),
        since=since,
        with_incidents=incidents,
        limit=limit + 1,  # one more tells whether there are more
    )
    read = _needing_people if held else _listed
    rows, flagged = with_store(config_path, lambda store: read(store, wanted))
    if json_wanted:
        click.echo(as_json([_row(each, flagged) for each in rows[:limit]]))
    else:
        _print_table(rows[:limit], flagged)
    if len(rows) > limit:
        click.echo(f"only the newest {limit} are shown; see more with --limit", err=True)


Listed = tuple[list[Workflow], frozenset[WorkflowId]]
"""The rows, and which of them have incidents."""


async def _listed(store: Store, wanted: WorkflowFilter) -> Listed:
    """Give what the filter asks for."""
    rows = [each async for each in _pages(store, wanted)]
    # A row with incidents is always among the first so many rows with incidents.
    flagged = [each async for each in _pages(store, replace(wanted, with_incidents=True))]
    return rows, frozenset(each.workflow_id for each in flagged)


async def _needing_people(store: Store, wanted: WorkflowFilter) -> Listed:
    """Give what is held, and what has incidents."""
    held = [each async for each in _pages(store, replace(wanted, states=_HELD))]
    flagged = [each async for each in _pages(store, replace(wanted, with_incidents=True))]
    every = {each.workflow_id: each for each in (*held, *flagged)}
    rows = sorted(every.values(), key=_place_in_time, reverse=True)
    return rows[: wanted.limit], frozenset(each.workflow_id for each in flagged)


_HELD = frozenset({State.HELD})


async def _pages(store: Store, wanted: WorkflowFilter) -> AsyncIterator[Workflow]:
    left = wanted.limit
    page = wanted
    while left > 0:
        rows = await store.workflows(replace(page, limit=min(left, PAGE)))
        for row in rows:
            yield row
        if len(rows) < min(left, PAGE):
            return
        left -= len(rows)
        page = replace(page, before=_place_in_time(rows[-1]))


def _place_in_time(workflow: Workflow) -> tuple[datetime, WorkflowId]:
    return workflow.received_at, workflow.workflow_id


def _row(workflow: Workflow, flagged: frozenset[WorkflowId]) -> View:
    return {**workflow_view(workflow), "has_incidents": workflow.workflow_id in flagged}


def _print_table(rows: Sequence[Workflow], flagged: frozenset[WorkflowId]) -> None:
    if not rows:
        click.echo("there is no such workflow", err=True)
        return
    now = datetime.now(UTC)
    header, *lines = table(_HEADER, [_cells(each, flagged, now) for each in rows])
    click.echo(header)
    for each, line in zip(rows, lines, strict=True):
        needs_people = each.state is State.HELD or each.workflow_id in flagged
        click.echo(painted(line, "yellow") if needs_people else line)


def _cells(workflow: Workflow, flagged: frozenset[WorkflowId], now: datetime) -> tuple[str, ...]:
    return (
        workflow.workflow_id,
        workflow.state,
        workflow.held_reason or "-",
        str(workflow.amount or "-"),
        short_age(now - workflow.received_at),
        workflow.facts.customer_id or "-",
        workflow.facts.invoice_id or "-",
        "incident" if workflow.workflow_id in flagged else "",
    )


@workflows.command("show")
@click.argument("workflow_id", metavar="ID")
@click.option("--json", "json_wanted", is_flag=True, help="One JSON object for programs.")
@config_option
def show_workflow(*, workflow_id: str, json_wanted: bool, config_path: Path | None) -> None:
    """Show all that is known about workflow ID, what to do next, and its history.

    Ends with 1 when no such workflow is known.

    \b
    Example:
      external-gate workflows show d7abd0cd-4ae9-4db7-8676-e986a4ebd8dc --json
    """
    told = with_store(config_path, lambda store: _everything(store, WorkflowId(workflow_id)))
    if told is None:
        leave(workflow_acts.unknown(workflow_id), THE_ANSWER_IS_NO)
    if json_wanted:
        view = dossier_view(
            told.dossier,
            history=told.history,
            incidents=told.incidents,
            notices=told.notices,
            reports=told.reports,
            chain=told.chain,
            aftermaths=told.aftermaths,
        )
        click.echo(as_json(view))
        return
    for line in workflow_lines(told, now=datetime.now(UTC)):
        click.echo(line)


async def _everything(store: Store, workflow_id: WorkflowId) -> WholeStory | None:
    dossier = await store.dossier(workflow_id)
    if dossier is None:
        return None
    chain = await _chain(store, dossier.workflow)
    linked = [each.workflow_id for each in (*chain.before, dossier.workflow, *chain.after)]
    return WholeStory(
        dossier,
        history=await store.history(workflow_id),
        incidents=await store.incidents(workflow_id),
        notices=await store.notices_of(workflow_id, limit=MOST_NOTICES),
        reports=await store.gate_reports(workflow_id, limit=MOST_NOTICES),
        chain=chain,
        aftermaths=await store.aftermaths(linked),
    )


async def _chain(store: Store, workflow: Workflow) -> Chain:
    if not workflow.facts.contract_id:  # the notification was not understood
        return NO_CHAIN
    wanted = WorkflowFilter(customer_id=workflow.facts.customer_id, limit=MOST_OF_A_CUSTOMER)
    return chain_of(workflow, [each async for each in _pages(store, wanted)])
