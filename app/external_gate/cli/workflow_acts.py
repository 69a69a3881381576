"""What people do with workflows: `retry`, `approve`, `hold`, `settle`, `refund`.

Each is saved under the workflow's fence, with a name and a reason that are kept for ever.
"""

import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from external_gate.assembly import Service
from external_gate.cli.config import config_option
from external_gate.cli.endings import THE_ANSWER_IS_NO, leave
from external_gate.cli.opening import with_service
from external_gate.cli.person_options import person, person_options
from external_gate.cli.showing import pasteable, safe
from external_gate.domain.errors import Refused
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.workflow import State, Verdict, Workflow
from external_gate.engine.advice import what_next
from external_gate.engine.operations import Operations, Person
from external_gate.engine.undone import awaits_second_person

# Click's decorators give back what they decorate.
_Command = TypeVar("_Command", bound=Callable[..., Any])

Act = Callable[[Operations], Coroutine[Any, Any, Workflow]]  # what asyncio.run takes


def _act_options(command: _Command) -> _Command:
    """Add what every act takes: whose it is, who acts, and why."""
    return click.argument("workflow_id", metavar="ID")(person_options(config_option(command)))


_yes = click.option("--yes", is_flag=True, help="Do not ask. Needed without a terminal.")


@click.command("retry")
@_act_options
@click.option(
    "--accept-unknown",
    is_flag=True,
    help="After looking by hand: send after a restore, or end a refund, beside what nobody knows.",
)
def retry(
    *, workflow_id: str, who: str, reason: str, accept_unknown: bool, config_path: Path | None
) -> None:
    """Let the held workflow ID go on where it was.

    It keeps its key and gateway unless the attempt is dead, so nothing is charged twice.

    \b
    Example:
      external-gate workflows retry d7abd0cd-4ae9-4db7-8676-e986a4ebd8dc --reason "payer is set now"
    """
    operator = person(who, reason)
    after = _act(
        config_path,
        workflow_id,
        lambda operations: operations.retry(
            WorkflowId(workflow_id), operator, accept_unknown=accept_unknown
        ),
    )
    _tell(after)


@click.command("approve")
@_act_options
def approve(*, workflow_id: str, who: str, reason: str, config_path: Path | None) -> None:
    """Allow workflow ID to be charged, although a guard holds it or lets it wait.

    Its amount may be above guards.approval_above, or bring the customer above guards.caps or
    guards.velocity, or its payment method may have an open breaker (guards.breaker_declines).

    \b
    Example:
      external-gate workflows approve d7abd0cd-4ae9-4db7-8676-e986a4ebd8dc --reason "agreed by mail"
    """
    operator = person(who, reason)
    after = _act(
        config_path,
        workflow_id,
        lambda operations: operations.approve(WorkflowId(workflow_id), operator),
    )
    _tell(after)


@click.command("hold")
@_act_options
def hold(*, workflow_id: str, who: str, reason: str, config_path: Path | None) -> None:
    """Hold workflow ID; with a call on the wire it takes effect when the call has ended.

    \b
    Example:
      external-gate workflows hold d7abd0cd-4ae9-4db7-8676-e986a4ebd8dc --reason "customer disputes"
    """
    operator = person(who, reason)
    after = _act(
        config_path,
        workflow_id,
        lambda operations: operations.hold(WorkflowId(workflow_id), operator),
    )
    _tell(after)


@click.command("settle")
@_act_options
@click.argument("outcome", type=click.Choice([verdict.value for verdict in Verdict]))
@click.option("--evidence", required=True, help="What shows it: a charge id, a link, a statement.")
@click.option(
    "--accept-unknown", is_flag=True, help="Although an attempt may still turn out differently."
)
@_yes
def settle(
    *,
    workflow_id: str,
    outcome: str,
    who: str,
    reason: str,
    evidence: str,
    accept_unknown: bool,
    yes: bool,
    config_path: Path | None,
) -> None:
    """Decide the held workflow ID by hand: Metronome is told OUTCOME, which cannot be taken back.

    `failed` switches the customer's recharge off.

    \b
    Example:
      external-gate workflows settle d7abd0cd-4ae9-4db7-8676-e986a4ebd8dc paid \\
        --evidence ch_123 --reason "found at the gateway"
    """
    operator = person(who, reason)
    _confirm(f"Tell Metronome that workflow {workflow_id} is {outcome}, for good?", yes=yes)
    after = _act(
        config_path,
        workflow_id,
        lambda operations: operations.settle(
            WorkflowId(workflow_id),
            Verdict(outcome),
            operator,
            evidence=evidence,
            accept_unknown=accept_unknown,
        ),
    )
    proposed = after.state is State.HELD
    _tell(after, following="a second person must settle it the same way" if proposed else "")


@click.command("refund")
@_act_options
@click.option(
    "--by-hand",
    is_flag=True,
    help="You gave it back at the gateway's own pages: record that, and ask nobody.",
)
@click.option("--evidence", help="With --by-hand, what shows it: a refund id, a link, a statement.")
@_yes
def refund(
    *,
    workflow_id: str,
    who: str,
    reason: str,
    by_hand: bool,
    evidence: str | None,
    yes: bool,
    config_path: Path | None,
) -> None:
    """Give the money of the held workflow ID back, through the gateway that took it.

    Afterwards Metronome is told `failed`, unless its own workflow has ended.

    \b
    Example:
      external-gate workflows refund d7abd0cd-4ae9-4db7-8676-e986a4ebd8dc --reason "invoice is void"
      external-gate workflows refund d7abd0cd-4ae9-4db7-8676-e986a4ebd8dc --by-hand \\
        --evidence re_123 --reason "invoice is void, the gateway refunds on its dashboard only"
    """
    if by_hand != (evidence is not None):
        raise click.UsageError("--by-hand and --evidence go together")
    operator = person(who, reason)
    if evidence is not None:
        _record_refund(config_path, workflow_id, operator, evidence=evidence, yes=yes)
        return
    _confirm(f"Give the money of workflow {workflow_id} back?", yes=yes)
    after = _act(
        config_path,
        workflow_id,
        lambda operations: operations.refund(WorkflowId(workflow_id), operator),
    )
    _tell(after)


def _record_refund(
    config_path: Path | None, workflow_id: str, operator: Person, *, evidence: str, yes: bool
) -> None:
    _confirm(f"Is the money of workflow {workflow_id} given back already, for good?", yes=yes)
    after = _act(
        config_path,
        workflow_id,
        lambda operations: operations.refund_by_hand(
            WorkflowId(workflow_id), operator, evidence=evidence
        ),
    )
    following = ""
    if after.state is State.HELD:
        following = _SECOND_PERSON if awaits_second_person(after) else _ANOTHER_CHARGE
    _tell(after, following=following)


_SECOND_PERSON = "a second person must say the same"
_ANOTHER_CHARGE = "it is recorded; another attempt keeps money: give that back as well"

ACTS = (retry, approve, hold, settle, refund)
"""The commands, for the group."""


def unknown(workflow_id: str) -> str:
    """Give the sentence for an id that names no workflow."""
    return (
        f"no workflow {safe(workflow_id)} is known here; see: external-gate workflows list, "
        "or external-gate notifications list"
    )


def _confirm(question: str, *, yes: bool) -> None:
    """Ask before what cannot be taken back; without a terminal only `--yes` will do."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("this cannot be taken back: add --yes where nobody can be asked")
    if not click.confirm(safe(question), err=True):
        leave("nothing was changed", THE_ANSWER_IS_NO)


def _act(config_path: Path | None, workflow_id: str, act: Act) -> Workflow:
    """Act, and give the workflow as it stands then."""

    async def work(service: Service) -> Workflow:
        if await service.store.dossier(WorkflowId(workflow_id)) is None:
            raise Refused(unknown(workflow_id))
        return await act(service.operations)

    show = f"see: external-gate workflows show {pasteable(workflow_id)}"
    return with_service(config_path, work, when_refused=show)


def _tell(after: Workflow, *, following: str = "") -> None:
    """Say how the workflow stands, and what comes next."""
    held_because = f" ({after.held_reason})" if after.held_reason else ""
    click.echo(f"workflow {safe(after.workflow_id)} is {after.state}{held_because}")
    click.echo(f"next: {following or what_next(after)}", err=True)
