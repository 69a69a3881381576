"""A host application says "look again": what would have waited for hours is done in seconds."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest

from tests.stories.players import Account, Json, Players, answers, until

HOST_SECRET = "whsec_c2VjcmV0LW9mLXRoZS1ob3N0LzEyMzQ1Njc4OTA="


def start_host(cast: Players) -> str:
    """Start a stranger's application that notifies us; give its address."""
    books = cast.folder / "host-books.db"
    host = cast.start(
        "host",
        *("tests/gateways/host.py", "--books", str(books), "--secret", HOST_SECRET),
        *("--notify-url", f"{cast.service_url}/webhooks/gateways/main"),
    )
    return until(
        lambda: next((w for w in cast.log("host").split() if w.startswith("http://")), None),
        f"the host did not start: {host.poll()}",
    )


def shown(cast: Players, workflow: Json) -> Json:
    """Give what an operator sees of a workflow."""
    told = cast.command("workflows", "show", workflow["workflow_id"], "--json")
    found: Json = json.loads(told.stdout) if told.returncode == 0 else {}
    return found


def pending(cast: Players, workflow: Json) -> Json:
    """Wait until the gateway has said that it will take a while."""

    def look() -> Json | None:
        found = shown(cast, workflow)
        return found if found.get("state") == "pending" else None

    return until(look, f"the charge is not pending: {shown(cast, workflow)}")


def hours_until(instant: str) -> float:
    return (datetime.fromisoformat(instant) - datetime.now(UTC)).total_seconds() / 3600


@dataclass
class Waiting:
    """A charge that the host calls pending, and does not want to be asked about for hours."""

    workflow: Json
    attempt_key: str
    control_url: str

    def finish(self) -> None:
        """Let the money be taken; the host tells us, and waits for our 200."""
        order = {"attempt_key": self.attempt_key, "status": "succeeded"}
        httpx.post(f"{self.control_url}/finish", json=order, timeout=20).raise_for_status()

    def captures(self) -> int:
        found = httpx.get(f"{self.control_url}/charges").json()
        return sum(found[self.workflow["workflow_id"]].values())


def wait_for_the_bank(cast: Players, metronome: Account) -> Waiting:
    """Bring a workflow to a charge that would next be looked at in hours."""
    address = start_host(cast)
    cast.write_config(gateway=f'adapter = "http"\nurl = "{address}"\nsecret = "{HOST_SECRET}"')
    cast.start_service()
    workflow = metronome.reach("pm_pending_slow")
    waiting = pending(cast, workflow)
    assert hours_until(waiting["due_at"]) > 5
    [attempt] = waiting["attempts"]
    control_url = address.rsplit("/", 1)[0] + "/_control"
    return Waiting(workflow, attempt["attempt_key"], control_url)


def test_pending_charge_is_finished_within_seconds_of_the_hosts_hint(
    cast: Players, metronome: Account
) -> None:
    waiting = wait_for_the_bank(cast, metronome)

    waiting.finish()
    metronome.ended(waiting.workflow, "COMMITTED")

    ended = shown(cast, waiting.workflow)
    assert [notice["gateway"] for notice in ended["gateway_notices"]] == ["main"]
    assert "look_asked" in [entry["event"] for entry in ended["history"]]
    assert waiting.captures() == 1


@pytest.mark.slow
def test_hint_that_was_answered_outlives_a_kill(cast: Players, metronome: Account) -> None:
    waiting = wait_for_the_bank(cast, metronome)
    cast.kill("service")
    cast.start("service", *("-m", "external_gate", "serve", "--no-worker"), *cast.with_config)
    until(lambda: answers(f"{cast.service_url}/readyz"), "no service")

    waiting.finish()
    cast.kill("service")
    assert shown(cast, waiting.workflow)["state"] == "pending"
    cast.start_service()
    metronome.ended(waiting.workflow, "COMMITTED")

    assert waiting.captures() == 1
