"""A service on SQLite is killed with work in every state, moved to PostgreSQL, and served there."""

import json

import httpx
import pytest

from external_gate.gateways.sandbox import charges_by_workflow
from tests.stories.players import Account, Json, Players, bearer, until
from tests.throwaway_postgres import Cluster

SLOW = """adapter = "sandbox"
books = "{books}"
delay_seconds = 1.4
pending_lookups = {lookups}
pending_seconds = 3600"""


@pytest.fixture
def store() -> str:
    """Begin on a file, which is what is moved."""
    return ""


def states(cast: Players) -> dict[str, str]:
    """Give every workflow's state."""
    listed = cast.command("workflows", "list", "--json", "--limit", "100")
    found: list[Json] = json.loads(listed.stdout)
    return {workflow["workflow_id"]: workflow["state"] for workflow in found}


def wait_for(cast: Players, workflow: Json, *wanted: str) -> None:
    """Wait until a workflow is in one of these states."""
    workflow_id = workflow["workflow_id"]
    until(lambda: states(cast).get(workflow_id) in wanted, f"{workflow_id} is not {wanted}")


def taken(cast: Players, workflow: Json) -> int:
    """Count a workflow's charges in the gateway's own books."""
    return sum(charges_by_workflow(cast.books).get(workflow["workflow_id"], {}).values())


def live_through_everything(cast: Players, metronome: Account) -> dict[str, Json]:
    """Bring workflows into many states, and kill the service with a charge on the wire."""
    cast.start_service()
    lived = {"released": metronome.reach("pm_ok"), "cancelled": metronome.reach("pm_decline_hard")}
    metronome.ended(lived["released"], "COMMITTED")
    metronome.ended(lived["cancelled"], "CANCELLED")
    metronome.control("faults", on="release", kind="drop_before", times=10_000)
    lived["held"] = metronome.reach("pm_misconfigured")
    lived["pending"] = metronome.reach("pm_pending")
    lived["paid"] = metronome.reach("pm_timeout_charged")
    lived["declined"] = metronome.reach("pm_decline_hard")
    for state, workflow in lived.items():
        wait_for(cast, workflow, state)
    lived["charging"] = metronome.reach("pm_ok")
    until(lambda: taken(cast, lived["charging"]), "no charge was begun")
    cast.kill("service")  # the money is taken, and nobody was told
    cast.start("service", "-m", "external_gate", "serve", "--no-worker", *cast.with_config)
    lived["received"] = metronome.reach("pm_ok")
    wait_for(cast, lived["received"], "received")
    cast.kill("service")
    return lived


@pytest.mark.slow
def test_moved_service_goes_on_and_charges_nobody_twice(
    postgres: Cluster, namespace: str, cast: Players, metronome: Account
) -> None:
    cast.write_config(gateway=SLOW.format(books=cast.books, lookups=1000))
    lived = live_through_everything(cast, metronome)
    assert states(cast) == {workflow["workflow_id"]: state for state, workflow in lived.items()}

    moved = cast.command("db", "copy", "--to", postgres.url, "--namespace", namespace, "--json")

    assert moved.returncode == 0, moved.stderr
    assert json.loads(moved.stdout)["handed_over"]
    refused = cast.start_service(wait=False)
    assert refused.wait(timeout=20) == 2
    assert "was moved to" in cast.log("service")
    httpx.delete(f"{cast.emulator_url}/_emulator/faults", headers=bearer()).raise_for_status()
    cast.store = f'url = "{postgres.url}"\nnamespace = "{namespace}"'
    cast.write_config(gateway=SLOW.format(books=cast.books, lookups=1))
    cast.start_service()
    for state, workflow in lived.items():
        if state != "held":
            metronome.ended(workflow, "CANCELLED" if state in DECLINED else "COMMITTED")
    charged = {state: taken(cast, workflow) for state, workflow in lived.items()}
    assert charged == {state: int(state not in {"held", *DECLINED}) for state in lived}
    wait_for(cast, lived["held"], "held")


DECLINED = ("cancelled", "declined")
