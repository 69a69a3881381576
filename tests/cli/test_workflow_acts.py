"""What people do on the command line: names and reasons are kept, nothing happens by accident."""

import os
import pty
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.ledger import HistoryEntry
from external_gate.domain.workflow import State, Workflow
from tests.cli.conftest import Home
from tests.engine.hostile_hands import late_success, tell
from tests.engine.world import NOTHING, World

WF = WorkflowId("wf")
WHY = ("--reason", "as agreed")
FOR_GOOD = ("--evidence", "ch_9", "--yes", *WHY)


async def without_payer(world: World) -> None:
    world.payers.exceptions["cust"] = None
    await world.receive()
    await world.work()


async def unknown_charge(world: World) -> None:
    world.gateway.script.append("lost_after")
    await world.receive()
    await world.work_through(hours=25, step_minutes=30)


async def wrong_amount(world: World) -> None:
    world.gateway.script.append("wrong_amount")
    await world.receive()
    await world.work()


async def just_received(world: World) -> None:
    await world.receive()


def workflow_of(home: Home) -> Workflow:
    dossier = home.with_store(lambda store: store.dossier(WF))
    assert dossier is not None
    return dossier.workflow


def history_of(home: Home) -> list[HistoryEntry]:
    return list(home.with_store(lambda store: store.history(WF)))


def test_retry_lets_a_held_workflow_go_on(home: Home) -> None:
    home.live(without_payer)

    result = home.run("workflows", "retry", "wf", *WHY)

    assert (result.exit_code, result.stdout) == (0, "workflow wf is ready\n")
    assert result.stderr == "next: a worker sends the charge\n"
    assert workflow_of(home).state is State.READY


def test_who_acted_and_why_is_kept_for_ever(home: Home) -> None:
    home.live(without_payer)

    home.run("workflows", "retry", "wf", "--as", "grace", "--reason", "payer is set now")

    acted = next(entry for entry in history_of(home) if entry.event == "retried")
    assert (acted.who, acted.reason) == ("grace", "payer is set now")


def test_name_comes_from_the_environment_or_has_to_be_given(home: Home) -> None:
    home.live(without_payer)

    nameless = home.run("workflows", "retry", "wf", *WHY, USER=None)
    assert nameless.exit_code == 2
    assert "--as" in nameless.stderr
    home.run("workflows", "retry", "wf", *WHY, USER="ada")

    assert {entry.who for entry in history_of(home) if entry.actor == "person"} == {"ada"}


@pytest.mark.parametrize(
    "wrong",
    [
        ["retry", "wf"],
        ["retry", "wf", "--reason", " "],
        ["retry", "wf", "--as", " ", *WHY],
        ["retry", *WHY],
        ["settle", "wf", *FOR_GOOD],
        ["settle", "wf", "maybe", *FOR_GOOD],
        ["settle", "wf", "paid", "--yes", *WHY],
        ["settle", "wf", "paid", "--evidence", " ", "--yes", *WHY],
        ["refund", "wf", "--yes"],
        ["refund", "wf", "--by-hand", "--evidence", " ", "--yes", *WHY],
    ],
)
def test_wrong_use_ends_with_2_and_changes_nothing(home: Home, wrong: list[str]) -> None:
    home.live(without_payer)

    result = home.run("workflows", *wrong)

    assert result.exit_code == 2
    assert result.stderr
    assert workflow_of(home).state is State.HELD


@pytest.mark.parametrize("act", ["retry", "approve", "hold", "settle", "refund"])
def test_unknown_workflow_is_a_no(home: Home, act: str) -> None:
    more = {"settle": ["paid", *FOR_GOOD], "refund": ["--yes", *WHY]}.get(act, WHY)

    result = home.run("workflows", act, "nobody", *more)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "no workflow nobody is known here" in result.stderr


def test_refused_act_is_a_no_and_names_the_next_command(home: Home) -> None:
    home.live(just_received)

    result = home.run("workflows", "retry", "wf", *WHY)

    assert result.exit_code == 1
    assert "only a held workflow can be retried" in result.stderr
    assert "see: external-gate workflows show wf" in result.stderr


def test_workflow_that_a_worker_holds_is_left_to_it(home: Home) -> None:
    async def leased(world: World) -> None:
        await without_payer(world)
        now = datetime.now(UTC)
        await world.store.acquire(WF, owner="w1", now=now, lease=timedelta(minutes=1))

    home.live(leased)

    result = home.run("workflows", "retry", "wf", *WHY)

    assert result.exit_code == 1
    assert workflow_of(home).state is State.HELD


def test_hold_takes_effect_at_once_or_when_the_call_has_ended(home: Home) -> None:
    home.live(just_received)

    result = home.run("workflows", "hold", "wf", *WHY)

    assert (result.exit_code, result.stdout) == (0, "workflow wf is held (operator)\n")

    async def leased(world: World) -> None:
        await world.receive("busy")
        now = datetime.now(UTC)
        await world.store.acquire(WorkflowId("busy"), owner="w1", now=now, lease=timedelta(hours=1))

    home.live(leased)
    asked = home.run("workflows", "hold", "busy", *WHY)

    assert (asked.exit_code, asked.stdout) == (0, "workflow busy is received\n")
    assert "then it is held, as was asked for" in asked.stderr


def test_approve_is_kept_for_the_guard(home: Home) -> None:
    home.live(just_received)

    assert home.run("workflows", "approve", "wf", *WHY).exit_code == 0
    assert workflow_of(home).approvals == {"amount"}


def test_settle_needs_to_accept_what_is_unknown(home: Home) -> None:
    home.live(unknown_charge, NOTHING)
    assert workflow_of(home).held_reason == "unknown_charge"

    careful = home.run("workflows", "settle", "wf", "paid", *FOR_GOOD)
    assert careful.exit_code == 1
    assert "--accept-unknown" in careful.stderr
    bold = home.run("workflows", "settle", "wf", "paid", "--accept-unknown", *FOR_GOOD)

    assert bold.exit_code == 0
    assert bold.stdout == "workflow wf is paid\n"
    settled = next(entry for entry in history_of(home) if entry.event == "settled")
    assert settled.reason == "ch_9"


def test_settle_in_spite_of_an_unknown_attempt_can_need_a_second_person(home: Home) -> None:
    home.live(unknown_charge, NOTHING)
    home.configure(more="[operators]\nsecond_person = true")
    settle = ("workflows", "settle", "wf", "paid", "--accept-unknown", *FOR_GOOD)

    first = home.run(*settle, "--as", "ada")
    assert (first.exit_code, first.stdout) == (0, "workflow wf is held (unknown_charge)\n")
    assert "a second person" in first.stderr
    assert home.run(*settle, "--as", "ada").stdout == first.stdout
    second = home.run(*settle, "--as", "grace")

    assert second.stdout == "workflow wf is paid\n"


def test_refund_gives_back_what_was_taken(home: Home) -> None:
    home.live(wrong_amount)

    result = home.run("workflows", "refund", "wf", "--yes", *WHY)

    assert (result.exit_code, result.stdout) == (0, "workflow wf is refunding\n")
    assert "give the money back" in result.stderr


def test_refund_by_hand_is_recorded_with_its_evidence(home: Home) -> None:
    home.live(wrong_amount)

    result = home.run("workflows", "refund", "wf", "--by-hand", *FOR_GOOD, "--as", "grace")

    assert (result.exit_code, result.stdout) == (0, "workflow wf is refunding\n")
    assert "Metronome" in result.stderr
    recorded = next(entry for entry in history_of(home) if entry.event == "refunded_by_hand")
    assert (recorded.who, recorded.reason) == ("grace", "ch_9")


def test_refund_by_hand_can_need_a_second_person(home: Home) -> None:
    home.live(wrong_amount)
    home.configure(more="[operators]\nsecond_person = true")
    refund = ("workflows", "refund", "wf", "--by-hand", *FOR_GOOD)

    first = home.run(*refund, "--as", "ada")
    assert (first.exit_code, first.stdout) == (0, "workflow wf is held (proof_mismatch)\n")
    assert "a second person" in first.stderr
    second = home.run(*refund, "--as", "grace")

    assert second.stdout == "workflow wf is refunding\n"


def test_refund_by_hand_of_one_of_two_charges_says_that_another_stands(home: Home) -> None:
    async def both_attempts_took_money(world: World) -> None:
        world.gateway.script.extend(["soft", "ok"])
        world.billing.script.append("refused")
        schedule = replace(world.engine.policy, soft_decline_schedule=(timedelta(minutes=1),))
        world.engine = replace(world.engine, policy=schedule)
        await world.receive()
        await world.work_through(hours=1)
        await tell(world, late_success(charge_id="ch_1"))
        await world.work()

    home.live(both_attempts_took_money)

    result = home.run("workflows", "refund", "wf", "--by-hand", *FOR_GOOD)

    assert (result.exit_code, result.stdout) == (0, "workflow wf is held (release_refused)\n")
    assert "another attempt keeps money" in result.stderr


@pytest.mark.parametrize("missing", [["--by-hand"], ["--evidence", "re_1"]])
def test_by_hand_and_evidence_go_together(home: Home, missing: list[str]) -> None:
    home.live(wrong_amount)

    result = home.run("workflows", "refund", "wf", *missing, "--yes", *WHY)

    assert result.exit_code == 2
    assert "go together" in result.stderr
    assert workflow_of(home).state is State.HELD


@pytest.mark.parametrize(
    "act",
    [
        ("refund", "wf", *WHY),
        ("refund", "wf", "--by-hand", "--evidence", "re_1", *WHY),
        ("settle", "wf", "paid", "--evidence", "ch_1", *WHY),
    ],
)
def test_what_cannot_be_taken_back_needs_yes_where_nobody_can_be_asked(
    home: Home, act: tuple[str, ...]
) -> None:
    home.live(wrong_amount)

    result = home.run("workflows", *act, typed="y\n")

    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert workflow_of(home).state is State.HELD


def on_a_terminal(home: Home, *arguments: str, typed: str) -> int:
    """Run a command with a terminal as its standard input; give the exit code."""
    with_name = ("--as", "ada", "--config", str(home.config))
    command = [sys.executable, "-m", "external_gate", *arguments, *with_name]
    ours, theirs = pty.openpty()
    try:
        os.write(ours, typed.encode())
        return subprocess.run(
            command, stdin=theirs, capture_output=True, timeout=30, check=False
        ).returncode
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize(
    ("typed", "code", "state"), [("n\n", 1, State.HELD), ("y\n", 0, State.REFUNDING)]
)
def test_person_at_a_terminal_is_asked(home: Home, typed: str, code: int, state: State) -> None:
    home.live(wrong_amount)

    assert on_a_terminal(home, "workflows", "refund", "wf", *WHY, typed=typed) == code
    assert workflow_of(home).state is state


@pytest.mark.parametrize("act", ["retry", "approve", "hold", "settle", "refund", "list", "show"])
def test_help_shows_an_example(home: Home, act: str) -> None:
    shown = home.run("workflows", act, "--help").stdout

    assert f"Example:\n    external-gate workflows {act} " in shown
    assert "--config" in shown


def a_broken_gateway(home: Home) -> None:
    home.configure(gateway='adapter = "no-such-adapter"')


def a_faulty_configuration(home: Home) -> None:
    home.configure(more="[worker]\nlease_seconds = 0")


def test_held_workflows_are_seen_even_while_an_adapter_is_broken(home: Home) -> None:
    home.live(without_payer)
    a_broken_gateway(home)

    assert "no_payer" in home.run("workflows", "list", "--held").stdout
    assert home.run("workflows", "show", "wf").exit_code == 0
    refused = home.run("workflows", "retry", "wf", *WHY)

    assert refused.exit_code == 2
    assert "gateways.main.adapter" in refused.stderr


def test_faulty_configuration_ends_with_2_and_every_fault(home: Home) -> None:
    a_faulty_configuration(home)

    for command in (["list"], ["show", "wf"], ["retry", "wf", *WHY]):
        result = home.run("workflows", *command)
        assert result.exit_code == 2
        assert "The configuration has 1 fault:\n  worker.lease_seconds: " in result.stderr
