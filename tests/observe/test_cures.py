"""Everything that is held or raised names a cure, and the command in it exists."""

import shlex

import click
import pytest

from external_gate.cli.workflows import workflows
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.ledger import IncidentKind
from external_gate.domain.workflow import HeldReason
from external_gate.observe.cures import CURES, INCIDENT_CURES, Cure

ID = WorkflowId("d7abd0cd-4ae9-4db7-8676-e986a4ebd8dc")
EVERY_CURE = {
    **{f"held: {reason}": cure for reason, cure in CURES.items()},
    **{f"incident: {kind}": cure for kind, cure in INCIDENT_CURES.items()},
}


def test_every_reason_and_every_incident_has_a_cure() -> None:
    assert set(CURES) == set(HeldReason)
    assert set(INCIDENT_CURES) == set(IncidentKind)


@pytest.mark.parametrize("cure", EVERY_CURE.values(), ids=EVERY_CURE)
def test_command_is_one_that_the_program_takes(cure: Cure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "somebody")
    program, group, name, *arguments = shlex.split(cure.command(ID))

    assert (program, group) == ("external-gate", "workflows")
    assert isinstance(workflows, click.Group)
    # Reads the arguments as the shell would hand them over; refuses what it does not know.
    context = workflows.commands[name].make_context(name, arguments)
    assert context.params["workflow_id"] == ID


def test_id_from_outside_is_quoted() -> None:
    command = Cure("advice").command(WorkflowId("x; rm -rf $HOME"))

    assert shlex.split(command) == ["external-gate", "workflows", "show", "x; rm -rf $HOME"]
